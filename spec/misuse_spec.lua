-- Bad input: each call says `function: argument: what was wrong and what would be right [code]`, at
-- the caller's line, and nothing is started or changed.

local helper = require "spec.helper"
local heddle = require "heddle"
local queue = require "heddle.queue"
local sync = require "heddle.sync"
local task = require "heddle.task"
local thread = require "heddle.thread"
local process = require "heddle.process"

helper.case_limit = 15

local each = helper.each_model
local nan = 0 / 0

-- Calls and checks the error: function, argument, code, and the place in this file.
local function refused(wanted, fn, ...)
  local arguments = table.pack(...)
  local ok, err = pcall(function()
    fn(table.unpack(arguments, 1, arguments.n))
    return nil
  end)
  assert(not ok, "no error was raised: " .. wanted)
  assert.equal("string", type(err))
  local text = err:gsub("^[^\n]-:%d+: ", "")
  assert(text:find(wanted) == 1, ("%q does not begin as %q"):format(text, wanted))
  assert(text:find "%[[%l-]+%]$", "no code at the end of: " .. err)
  assert(err:find "^spec/misuse_spec%.lua:%d+: ", "no place at the beginning of: " .. err)
end

local function count(M)
  collectgarbage()
  return #M.list()
end

describe("start and new", function()
  each("refuse what is no function, and start nothing", function(M, model)
    local before = count(M)
    for _, name in ipairs { "start", "new" } do
      local fn = M[name]
      local wanted = "^" .. model .. "%." .. name .. ": fn: a function expected, got "
      refused(wanted .. "nothing", fn)
      refused(wanted .. "nil", fn, nil)
      refused(wanted .. "string", fn, "x")
      refused(wanted .. "table", fn, {})
      refused(wanted .. "a number", fn, 1)
      refused(wanted .. "table", fn, {}, nil)
      refused(wanted .. "table", fn, {}, "x")
    end
    assert.equal(before, count(M))
  end)

  each("refuse options that are unknown or of the wrong type", function(M, model)
    local before = count(M)
    local function body() end
    for _, name in ipairs { "start", "new" } do
      local fn, call = M[name], "^" .. model .. "%." .. name .. ": "
      refused(call .. "options: unknown option 'nmae' %(there are: .*name.*%)", fn, { nmae = "x" },
        body)
      refused(call .. "options: unknown option", fn, { "x" }, body)
      refused(call .. "name: a string expected, got a number", fn, { name = 1 }, body)
      refused(call .. "daemon: true or false expected, got string", fn, { daemon = "yes" }, body)
    end
    assert.equal(before, count(M))
  end)

  each("know which model takes which option", function(M, model)
    local before = count(M)
    local function body() end
    local takes = { memory = model == "isolate" or model == "process", cpu = model == "process",
      method = model == "process" }
    for option, value in pairs { memory = 1e9, cpu = 100, method = "fork" } do
      if takes[option] then
        refused("^" .. model .. "%.new: " .. option .. ": ", M.new, { [option] = false }, body)
        refused("^" .. model .. "%.new: " .. option .. ": ", M.new, { [option] = -1 }, body)
      else
        refused("^" .. model .. "%.start: options: unknown option '" .. option, M.start,
          { [option] = value }, body)
      end
    end
    assert.equal(before, count(M))
  end)

  it("process.start refuses an unknown method and odd limits", function()
    local before = count(process)
    local function body() end
    refused('^process%.start: method: "fork", "spawn" or "forkserver" expected, got "vfork"',
      process.start, { method = "vfork" }, body)
    for _, bad in ipairs { 0, -1, nan, "1" } do
      refused("^process%.start: memory: a number of bytes > 0 expected", process.start,
        { memory = bad }, body)
      refused("^process%.start: cpu: a number of seconds > 0 expected", process.start,
        { cpu = bad }, body)
    end
    assert.equal(before, count(process))
  end)

  each("start no second number for what was refused", function(M)
    local function number() return tonumber(M.new(function() end).name:match "%d+$") end
    local before = number()
    pcall(M.new, { name = 5 }, print)
    pcall(M.new, { nmae = 5 }, print)
    pcall(M.new, 5)
    assert.equal(before + 1, number())
  end)
end)

describe("handles", function()
  each("refuse a bad time-out", function(M)
    local h = M.start(function() end)
    for _, bad in ipairs { -1, nan, "x", {}, false } do
      refused("^[%w:]*join: timeout: a number of seconds >= 0 expected, got ", h.join, h, bad)
      refused("^[%w:]*result: timeout: a number of seconds >= 0 expected, got ", h.result, h, bad)
    end
    assert.is_true(h:join(5))
  end)

  each("refuse another self", function(M)
    local h = M.start(function() end)
    for _, name in ipairs { "join", "result", "status", "alive", "cancel", "traceback", "start" } do
      refused("^[%w:]*" .. name .. ": .*self.*call it with a colon", h[name])
      refused("^[%w:]*" .. name .. ": .*self.*call it with a colon", h[name], {})
    end
    h:join(5)
  end)

  each("cancel refuses what is no table of options", function(M)
    local h = M.start(function() end)
    refused("^[%w:]*cancel: options: a table such as {hard=true} expected, got string", h.cancel,
      h, "hard")
    h:join(5)
    assert.equal("done", h:status())
  end)

  each("on_done refuses what is no function", function(M)
    local h = M.start(function() end)
    refused("^[%w:]*on_done: fn: a function expected, got nil", h.on_done, h)
    refused("^[%w:]*on_done: fn: a function expected, got string", h.on_done, h, "x")
    h:join(5)
  end)

  each("have no field to set but the name", function(M)
    local h = M.start(function() end)
    assert.is_false((pcall(function() h.name = 1 end)))
    assert.is_false((pcall(function() h.other = 1 end)))
    assert.is_nil(h.other)
    h:join(5)
  end)

  it("kill and terminate are for processes, and know their signals", function()
    local t = thread.start(function() end)
    refused("^process:kill: ", t.kill, t)
    refused("^process:terminate: ", t.terminate, t)
    refused("^process:exitcode: ", t.exitcode, t)
    t:join()
    local h = process.start(heddle.sleep, 60)
    for _, bad in ipairs { "SIGFOO", "", -1, 0, 1000, 1.5, {} } do
      refused("^process:kill: signal: a number or a name such as \"SIGTERM\" expected", h.kill, h,
        bad)
    end
    assert.is_true(h:alive())
    h:kill()
    h:join()
    pcall(h.result, h)
  end)

  each("extend refuses what is no name", function(M)
    refused("^[%w%.]*extend: name: a string expected, got nil", M.extend)
    refused("^[%w%.]*extend: name: a string expected, got table", M.extend, {})
  end)
end)

describe("sleep and yield", function()
  it("refuse what is no time", function()
    for _, bad in ipairs { -0.1, nan, "1", {}, true } do
      refused("^sleep: seconds: a number of seconds >= 0 expected, got ", heddle.sleep, bad)
      refused("^sleep: seconds: ", task.sleep, bad)
    end
    refused("^sleep: seconds: .* got nothing", heddle.sleep)
    refused("^sleep: seconds: .* got NaN", heddle.sleep, nan)
    refused("^sleep: seconds: .* got a negative number", heddle.sleep, -1)
  end)
end)

describe("locks", function()
  it("refuse bad times, bad selves, bad names", function()
    local lock = sync.lock()
    for _, bad in ipairs { -1, nan, "x", {}, false } do
      refused("^lock:acquire: timeout: a number of seconds >= 0 expected, got ", lock.acquire, lock,
        bad)
      refused("^lock:hold: timeout: a number of seconds >= 0 expected, got ", lock.hold, lock, bad)
    end
    assert.is_false(lock:locked())
    for _, name in ipairs { "acquire", "release", "locked", "hold" } do
      refused("^lock:" .. name .. ": self: a lock expected, got nothing %(call it with a colon%)",
        lock[name])
      refused("^lock:" .. name .. ": self: a lock expected, got table", lock[name], {})
      refused("^lock:" .. name .. ": self: a lock expected, got userdata", lock[name], queue.new())
    end
    refused("^lock:release: .*not held", lock.release, lock)
    refused("^lock: field 'x' can't be set", function() lock.x = 1 end)
    assert.is_nil(lock.x)
  end)
end)

describe("queues", function()
  it("new refuses odd sizes and options", function()
    for _, bad in ipairs { -1, 1.5, "3", true, nan, 1 / 0 } do
      refused("^queue%.new: maxsize: a whole number >= 0 expected, got ", queue.new, bad)
    end
    refused("^queue%.new: maxsize: a whole number >= 0 expected, got %-1 %[bad%-argument%]$",
      queue.new, -1)
    assert.equal("integer", math.type(queue.new(3.0):maxsize()))
    refused("^queue%.new: options: a table expected, got string", queue.new, 0, "shared")
    refused("^queue%.new: options: unknown option 'size' %(there are: name, shared%)", queue.new, 0,
      { size = 3 })
    refused("^queue%.new: shared: a boolean expected, got string", queue.new, 0, { shared = "yes" })
    refused("^queue%.new: name: a string expected, got number", queue.new, { name = 1 })
  end)

  it("refuse bad times and bad selves", function()
    local q = queue.new(1)
    for _, bad in ipairs { -1, nan, "x", {}, false } do
      refused("^queue:get: timeout: a number of seconds >= 0 expected, got ", q.get, q, bad)
      refused("^queue:put: timeout: a number of seconds >= 0 expected, got ", q.put, q, 1, bad)
      refused("^queue:join: timeout: a number of seconds >= 0 expected, got ", q.join, q, bad)
      refused("^queue:put_many: timeout: a number of seconds >= 0", q.put_many, q, { 1 }, bad)
      refused("^queue:get_many: timeout: a number of seconds >= 0", q.get_many, q, 1, bad)
    end
    assert.equal(0, q:size())
    for _, name in ipairs { "get", "put", "try_get", "try_put", "close", "size", "maxsize", "empty",
      "full", "items", "join", "task_done" } do
      refused("^queue:" .. name .. ": self: a queue expected, got nothing", q[name])
      refused("^queue:" .. name .. ": self: a queue expected, got userdata", q[name], sync.lock())
    end
  end)

  it("refuse nil items and odd lists", function()
    local q = queue.new()
    refused("^queue:put: item: any value but nil expected, got nil", q.put, q, nil)
    refused("^queue:put: item: any value but nil expected, got nothing", q.put, q)
    refused("^queue:try_put: item: any value but nil expected", q.try_put, q)
    refused("^queue:put_many: self: a queue expected, got table", q.put_many, {}, { 1 })
    refused("^queue:get_many: self: a queue expected, got string", q.get_many, "x", 1)
    refused("^queue:put_many: list: a table expected, got string", q.put_many, q, "x")
    refused("^queue:get_many: max: a whole number >= 1 expected, got 0", q.get_many, q, 0)
    refused("^queue:get_many: max: a whole number >= 1 expected, got nil", q.get_many, q)
    refused("^queue:task_done: ", q.task_done, q)
    assert.equal(0, q:size())
  end)
end)

describe("the rest", function()
  it("refuses what it does not know", function()
    refused("^heddle%.model: name: .* expected, got fibers", heddle.model, "fibers")
    refused("^heddle%.seed: n: a whole number expected, got string", heddle.seed, "x")
    refused("^thread%.switch_interval: seconds: ", thread.switch_interval, 0)
    refused("^thread%.switch_interval: seconds: ", thread.switch_interval, "x")
    refused("^process%.default_method: method: ", process.default_method, "x")
    refused("^process%.default_method: method: ", process.default_method, 1)
  end)
end)

-- Each public function of the locks, queues and shared data with arguments of all wrong kinds.
describe("of wrong kinds of arguments", function()
  local shared = require "heddle.shared"
  local pipe = require "heddle.pipe"
  local strangers = { 1, "x", true, {}, print, io.stdout }
  local bad_times = { -1, nan, "x", {}, true }
  local bad_counts = { -1, 1.5, nan, "x", {}, true }

  -- Calls with each of the values in the last place.
  local function refuses_each(wanted, values, fn, ...)
    local before = table.pack(...)
    for _, value in ipairs(values) do
      before[before.n + 1] = value
      refused(wanted, fn, table.unpack(before, 1, before.n + 1))
    end
  end

  local objects = {
    lock = { sync.lock, "acquire release locked hold" },
    rlock = { sync.rlock, "acquire release locked hold" },
    condition = { sync.condition, "acquire release locked hold wait notify notify_all" },
    event = { sync.event, "set clear is_set wait" },
    semaphore = { function() return sync.semaphore(1) end, "acquire release value hold" },
    barrier = { function() return sync.barrier(1) end,
      "wait reset abort parties waiting broken" },
    rwlock = { sync.rwlock, "read write" },
    latch = { function() return sync.latch(1) end, "count_down wait count" },
    queue = { queue.new, "put get try_put try_get size maxsize empty full "
      .. "task_done join close items" },
    pipe = { pipe.new, "send recv poll close" },
    value = { function() return shared.value("int", 0) end, "get set add cas" },
    array = { function() return shared.array("int", 3) end, "add" },
  }

  for kind, row in pairs(objects) do
    it("the methods of a " .. kind .. " refuse another self", function()
      local object = row[1]()
      for method in row[2]:gmatch "%S+" do
        local wanted = "^[%w:]*" .. method .. ": self: an? [%w ]*" .. kind
          .. "[%w ]* expected, got "
        refused(wanted .. "no", object[method])
        refuses_each(wanted, strangers, object[method])
        refused(wanted, object[method], kind == "event" and sync.lock() or sync.event())
      end
    end)
  end

  it("time-outs are refused by all that wait", function()
    local rw, barrier, latch = sync.rwlock(), sync.barrier(1), sync.latch(1)
    local condition, q, a = sync.condition(), queue.new(), pipe.new()
    condition:acquire()
    local calls = {
      { "lock:acquire", sync.lock().acquire, sync.lock() },
      { "lock:hold", sync.lock().hold, sync.lock() },
      { "rlock:acquire", sync.rlock().acquire, sync.rlock() },
      { "event:wait", sync.event().wait, sync.event() },
      { "semaphore:acquire", sync.semaphore().acquire, sync.semaphore() },
      { "semaphore:hold", sync.semaphore().hold, sync.semaphore() },
      { "barrier:wait", barrier.wait, barrier }, { "latch:wait", latch.wait, latch },
      { "rwlock:read", rw.read, rw }, { "rwlock:write", rw.write, rw },
      { "condition:wait", condition.wait, condition },
      { "condition:wait_for", condition.wait_for, condition, print },
      { "queue:put", q.put, q, 1 }, { "queue:get", q.get, q }, { "queue:join", q.join, q },
      { "queue:put_many", q.put_many, q, {} }, { "queue:get_many", q.get_many, q, 1 },
      { "pipe:recv", a.recv, a }, { "pipe:poll", a.poll, a },
      { "queue%.select", queue.select, { q } },
      { "sync%.barrier", sync.barrier, 1, print },
    }
    for _, call in ipairs(calls) do
      refuses_each("^" .. call[1] .. ": timeout: a number of seconds >= 0 expected, got ",
        bad_times, table.unpack(call, 2))
    end
    condition:release()
  end)

  it("counts are refused where they can't be", function()
    local semaphore, q = sync.semaphore(1), queue.new()
    refuses_each("^sync%.semaphore: n: ", bad_counts, sync.semaphore)
    refuses_each("^sync%.bounded_semaphore: n: ", bad_counts, sync.bounded_semaphore)
    refuses_each("^sync%.latch: n: ", bad_counts, sync.latch)
    refuses_each("^sync%.barrier: parties: ", bad_counts, sync.barrier)
    refuses_each("^sync%.barrier: parties: ", { 0 }, sync.barrier)
    refuses_each("^semaphore:release: k: ", bad_counts, semaphore.release, semaphore)
    refuses_each("^shared%.array: n: ", bad_counts, shared.array, "int")
    refuses_each("^queue:get_many: max: ", bad_counts, q.get_many, q)
    for _, make in ipairs { "new", "lifo", "priority" } do
      refuses_each("^queue%." .. make .. ": maxsize: ", { -1, 1.5, nan, "x", true }, queue[make])
      refused("^queue%." .. make .. ": options: unknown option 'shred'", queue[make], 0,
        { shred = true })
    end
  end)

  each("cancel refuses options that are none", function(M, model)
    local h = M.start(function() end)
    h:join()
    refuses_each("^" .. model .. ":cancel: options: a table such as {hard=true} expected, got ",
      { 1, "x", true }, h.cancel, h)
    refused("^" .. model .. ":cancel: options: unknown option 'hrad' %(there are: hard%)",
      h.cancel, h, { hrad = true })
    refused("^" .. model .. ":cancel: hard: true or false expected, got a number", h.cancel, h,
      { hard = 1 })
  end)

  it("shared.lock refuses what is not shared data", function()
    refuses_each("^shared%.lock: x: a shared value, array or dict expected, got ", strangers,
      shared.lock)
    refused("^shared%.update: d: a shared dict expected, got table", shared.update, {}, "k", print)
    refused("^shared%.update: fn: a function expected, got nil", shared.update, shared.dict(), "k")
  end)

  it("a guard refuses another self", function()
    local guard = sync.lock():hold()
    refuses_each("^guard:release: self: a guard expected, got ", strangers, guard.release)
    guard:release()
  end)

  it("limits and scopes say it at the caller's line", function()
    refused("^task%.timeout: fn: a function expected, got nil", task.timeout, 1)
    refuses_each("^task%.timeout: s: a number of seconds >= 0 expected", bad_times, task.timeout)
    refused("^task%.shield: fn: a function expected, got nil", task.shield)
    refused("^task%.gather: errors: true or false expected, got number", task.gather, {},
      { errors = 1 })
    task.scope(function(s)
      refused("^scope:start: fn: a function expected, got nil", s.start, s)
      refused("^scope:start: self: a scope expected, got nil", s.start)
      refused("^scope:add: h: a handle expected, got number", s.add, s, 1)
    end)
  end)
end)
