-- The contract that the handles of all models share.

local helper = require "spec.helper"
local heddle = require "heddle"
local queue = require "heddle.queue"
local thread = require "heddle.thread"

helper.case_limit = 15

local each = helper.each_model
local not_tasks = { "thread", "isolate", "process" }
-- what stands for the main ones is made when it is first asked for, and kept
for _, model in ipairs(helper.models) do require("heddle." .. model).current() end

local default_names = { task = "Task", thread = "Thread", isolate = "Isolate", process = "Process" }

local function pack_results(h) return table.pack(h:result()) end

-- Waits for the handle's end with a time-out that a hang would run into.
local function ended(h)
  assert.is_true(h:join(10 * helper.slack))
end

local function blocked(M, ...)
  local h = M.start(...)
  helper.wait_for(function() return h:status() == "blocked" end, 5, "blocked")
  return h
end

local function sleep_long() require("heddle").sleep(60) end

describe("start and result", function()
  each("hands arguments over and results back", function(M)
    local r = pack_results(M.start(function(a, b) return b, a, nil end, 1, "x"))
    assert.same({ "x", 1, n = 3 }, r)
  end)

  each("keeps nil arguments and their number", function(M)
    local r = pack_results(M.start(function(...) return select("#", ...), ... end, nil, 2, nil))
    assert.same({ 3, nil, 2, nil, n = 4 }, r)
  end)

  each("returns no results as none", function(M)
    assert.equal(0, pack_results(M.start(function() end)).n)
  end)

  each("returns hundreds of results", function(M)
    local r = pack_results(M.start(function()
      local list = {}
      for i = 1, 240 do list[i] = i end
      return table.unpack(list)
    end))
    assert.equal(240, r.n)
    assert.equal(240, r[240])
  end)

  each("takes a table as an argument where no function follows it", function(M)
    assert.equal(5, M.start({ name = "five" }, function(t) return t.x end, { x = 5 }):result())
    helper.raises("fn: a function expected, got table", M.start, { name = "x" })
  end)

  each("gives the same result each time", function(M)
    local h = M.start(function() return { 1 }, 2 end)
    local first, second = h:result(), h:result()
    assert.equal(first, second)
    assert.equal(2, select(2, h:result()))
  end)

  each("runs many at once", function(M, model)
    local handles, sum = {}, 0
    for i = 1, model == "process" and 6 or 12 do
      handles[i] = M.start(function(n)
        require("heddle").sleep(0.005)
        return n
      end, i)
    end
    for i, h in ipairs(handles) do
      assert.equal(i, h:result())
      sum = sum + 1
    end
    assert.equal(#handles, sum)
  end)

  each("starts workers inside workers", function(M, model)
    local h = M.start(function(name)
      local inner = require("heddle." .. name)
      return inner.start(function() return "deep" end):result()
    end, model)
    assert.equal("deep", h:result())
  end)
end)

describe("new", function()
  each("does not begin before start", function(M)
    local q = queue.new()
    local h = M.new(function(out) return out:put "ran" end, q)
    heddle.sleep(0.02)
    assert.equal("pending", h:status())
    assert.is_false(h:alive())
    assert.equal(0, q:size())
    h:start()
    assert.is_true(h:result())
    assert.equal("ran", q:get(1))
  end)

  each("keeps its options and arguments", function(M)
    local h = M.new({ name = "kept" }, function(...) return ... end, 1, nil, 3)
    assert.equal("kept", h.name)
    h:start()
    assert.same({ 1, nil, 3, n = 3 }, pack_results(h))
  end)

  each("starting twice is misuse", function(M)
    local h = M.new(function() end)
    h:start()
    helper.raises("%[started%-twice%]$", h.start, h)
    ended(h)
    helper.raises("%[started%-twice%]$", h.start, h)
  end)

  each("join and result before it are misuse", function(M)
    local h = M.new(function() end)
    helper.raises("join: .*%[not%-started%]$", h.join, h)
    helper.raises("result: .*%[not%-started%]$", h.result, h)
    helper.raises("%[not%-started%]$", h.join, h, 0)
  end)

  each("a cancelled one never runs", function(M)
    local q = queue.new()
    local h = M.new(function(out) out:put "ran" end, q)
    assert.is_true(h:cancel())
    assert.equal("cancelled", h:status())
    assert.is_true(h:join(1))
    assert.equal("cancelled", helper.raises(nil, h.result, h).code)
    helper.raises("%[started%-twice%]$", h.start, h)
    assert.equal(0, q:size())
  end)
end)

describe("join", function()
  each("returns true at the end and never raises", function(M)
    local h = M.start(function() error "quiet" end)
    assert.is_true(h:join())
    assert.is_true(h:join())
    assert.equal("failed", h:status())
    assert.is_false(pcall(h.result, h))
  end)

  each("gives up after its time-out", function(M)
    local q = queue.new()
    local h = M.start(function(go) return go:get() end, q)
    assert.same({ nil, "timeout", n = 2 }, table.pack(h:join(0)))
    assert.same({ nil, "timeout", n = 2 }, table.pack(h:join(0.02)))
    assert.same({ nil, "timeout", n = 2 }, table.pack(h:result(0.01)))
    q:put "now"
    assert.equal("now", h:result(5))
  end)

  each("many may wait for one", function(M)
    local q = queue.new()
    local h = M.start(function(go) return go:get() end, q)
    local waiters = {}
    for i = 1, 5 do
      local model = i % 2 == 0 and thread or require "heddle.task"
      waiters[i] = model.start(function() return h:result() end)
    end
    heddle.sleep(0.01)
    q:put(7)
    for _, w in ipairs(waiters) do assert.equal(7, w:result(5)) end
  end)

  each("a waiter that gave up leaves the others waiting", function(M)
    local q = queue.new()
    local h = M.start(function(go) return go:get() end, q)
    local stays = thread.start(function() return h:join() end)
    assert.is_nil((h:join(0.01)))
    q:put(1)
    assert.is_true(stays:result(5))
  end)

  each("joining oneself is misuse", function(M, model)
    local h = M.start(function(name)
      local me = require("heddle." .. name).current()
      return pcall(me.join, me)
    end, model)
    local ok, err = h:result()
    assert.is_false(ok)
    assert.matches("%[join%-self%]$", err)
  end)
end)

describe("errors", function()
  each("a string comes with the worker's traceback", function(M)
    local function inner_frame() error "broken" end
    local err = helper.raises("handle_spec%.lua:%d+: broken\nstack traceback:", function()
      M.start(function()
        inner_frame()
        return 1
      end):result()
    end)
    assert.matches("inner_frame", err)
    assert.matches("started at [^\n]*handle_spec%.lua:%d+", err)
  end)

  each("an object comes as it is", function(M, model)
    local object = setmetatable({ code = 7 }, { __tostring = function() return "seven" end })
    local err = helper.raises("seven", function()
      M.start(function(e) error(e) end, object):result()
    end)
    assert.equal(7, err.code)
    if model == "task" or model == "thread" then assert.equal(object, err) end
  end)

  each("numbers, booleans and nil come as they are", function(M)
    for _, value in ipairs { 42, true } do
      local _, err = pcall(function() M.start(function(v) error(v) end, value):result() end)
      assert.equal(value, err)
    end
    local h = M.start(function() error(nil) end)
    local ok, err = pcall(h.result, h)
    assert.is_false(ok)
    assert.is_nil(err)
  end)

  each("what can't be copied becomes its tostring", function(M)
    local err = helper.raises("its name", function()
      M.start(function()
        error(setmetatable({ io.stdout }, { __tostring = function() return "its name" end }))
      end):result()
    end)
    assert.equal("string", type(err))
  end, { "isolate", "process" })

  each("are raised each time they are asked for", function(M)
    local h = M.start(function() error "again" end)
    local first = helper.raises("again", h.result, h)
    assert.equal(first, helper.raises("again", h.result, h))
  end)

  each("traceback says where raised, in which worker and where started", function(M, model)
    local function deep() error "lost" end
    local h = M.start({ name = "unlucky" }, function()
      deep()
      return 1
    end)
    ended(h)
    local trace = h:traceback()
    assert.matches("handle_spec%.lua:%d+: in .*deep", trace)
    assert.matches("in " .. model .. " unlucky, started at [^\n]*handle_spec%.lua:%d+$", trace)
    assert.equal(trace, h:traceback())
  end)

  each("traceback is nil where none was raised", function(M)
    local fine, stopped = M.start(function() end), M.start({ name = "stopped" }, sleep_long)
    ended(fine)
    stopped:cancel()
    ended(stopped)
    assert.is_nil(fine:traceback())
    assert.is_nil(stopped:traceback())
  end)

  each("one that nobody asked for is told once, at exit", function(_, model)
    local run = helper.script(([[
      local M = require "heddle.%s"
      h = M.start({name="poor"}, function() error "boom" end)
      h:join()
      collectgarbage()
      print(h:status())
    ]]):format(model))
    assert.equal("failed\n", run.out)
    assert.equal(0, run.code)
    assert.matches("poor", run.err)
    assert.matches("stack traceback:", run.err)
    assert.equal(1, select(2, run.err:gsub("boom", "")))
  end)

  each("one that nobody asked for is told when the handle is collected", function(_, model)
    local run = helper.script(([[
      local M = require "heddle.%s"
      do
        local h = M.start(function() error "boom" end)
        h:join()
      end
      collectgarbage() collectgarbage()
      io.stderr:write "collected\n"
    ]]):format(model))
    assert.equal(0, run.code)
    assert.matches("boom.*collected", run.err)
    assert.equal(1, select(2, run.err:gsub("boom", "")))
  end)

  each("one that was asked for is not told", function(_, model)
    local run = helper.script(([[
      local h = require("heddle.%s").start(function() error "boom" end)
      print(pcall(h.result, h))
      h = nil
      collectgarbage()
    ]]):format(model))
    assert.equal("", run.err)
    assert.matches("^false\t.*boom", run.out)
  end)

  each("a cancelled one is no error to tell", function(_, model)
    local run = helper.script(([[
      local h = require("heddle.%s").start(function() require("heddle").sleep(60) end)
      require("heddle").sleep(0.02)
      h:cancel()
      h:join()
      print(h:status())
    ]]):format(model))
    assert.equal("", run.err)
    assert.equal("cancelled\n", run.out)
  end)
end)

describe("status and alive", function()
  each("go from blocked to done", function(M)
    local q = queue.new()
    local h = M.start(function(go) return go:get() end, q)
    helper.wait_for(function() return h:status() == "blocked" end)
    assert.is_true(h:alive())
    q:put(1)
    ended(h)
    assert.equal("done", h:status())
    assert.is_false(h:alive())
  end)

  each("say running inside", function(M, model)
    local h = M.start(function(name)
      return require("heddle." .. name).current():status()
    end, model)
    assert.equal("running", h:result())
  end)

  each("say running outside", function(M)
    local q = queue.new(0, { shared = true })
    local h = M.start(function(go) while go:empty() do end end, q)
    helper.wait_for(function() return h:status() == "running" end)
    q:put(1)
    ended(h)
  end, not_tasks)
end)

describe("cancel", function()
  each("raises CANCELLED out of the present wait", function(M)
    local h = blocked(M, sleep_long)
    assert.is_true(h:cancel())
    ended(h)
    assert.equal("cancelled", h:status())
    local err = helper.raises(nil, h.result, h)
    assert.is_true(err == heddle.CANCELLED)
    assert.equal("cancelled", err.code)
    assert.equal("string", type(err.reason))
  end)

  each("raises it out of the next blocking call", function(M, model)
    local h = M.start(function(name)
      require("heddle." .. name).current():cancel()
      local ok, err = pcall(require("heddle").sleep, 60)
      return ok, err == require("heddle").CANCELLED
    end, model)
    assert.same({ false, true, n = 2 }, pack_results(h))
    assert.equal("done", h:status())
  end)

  each("raises it once", function(M)
    local q = queue.new()
    local h = blocked(M, function(go)
      local ok = pcall(go.get, go)
      return ok, go:get()
    end, q)
    h:cancel()
    q:put "later"
    assert.same({ false, "later", n = 2 }, pack_results(h))
  end)

  each("raises it once more when asked twice", function(M)
    local h = blocked(M, function()
      local h_sleep = require("heddle").sleep
      return pcall(h_sleep, 60), pcall(h_sleep, 60), (pcall(h_sleep, 0.001))
    end)
    h:cancel()
    h:cancel()
    local r = pack_results(h)
    assert.is_false(r[1])
    assert.is_false(r[2])
    assert.is_true(r[r.n])
  end)

  each("reaches every kind of wait", function(M)
    local q, full = queue.new(), queue.new(1)
    local lock = require("heddle.sync").lock()
    full:put(1)
    lock:acquire()
    local waits = {
      function(a) a:get() end, function(_, b) b:put(2) end, function(_, b) b:join() end,
      function(_, _, l) l:acquire() end, function(_, _, l) l:hold(30) end, sleep_long,
    }
    local handles = {}
    for i, fn in ipairs(waits) do handles[i] = blocked(M, fn, q, full, lock) end
    for _, h in ipairs(handles) do assert.is_true(h:cancel()) end
    lock:release()
    for i, h in ipairs(handles) do
      ended(h)
      assert.equal("cancelled", h:status(), "wait " .. i)
    end
    assert.is_true(lock:acquire(1))
  end)

  each("runs __close handlers and lets them wait", function(M)
    local q = queue.new()
    local h = blocked(M, function(out)
      local _ <close> = setmetatable({}, { __close = function()
        require("heddle").sleep(0.001)
        out:put "closed"
      end })
      require("heddle").sleep(60)
    end, q)
    h:cancel()
    ended(h)
    assert.equal("closed", q:get(1))
  end)

  each("comes too late after the end", function(M)
    local h = M.start(function() return "kept" end)
    ended(h)
    assert.is_false(h:cancel())
    assert.is_false(h:cancel { hard = true })
    assert.equal("kept", h:result())
  end)

  each("of its own CANCELLED raised by hand gives the status cancelled", function(M)
    local h = M.start(function() error(require("heddle").CANCELLED) end)
    ended(h)
    assert.equal("cancelled", h:status())
  end)

  each("of one that just started never hangs", function(M, model)
    for _ = 1, model == "process" and 5 or 30 do
      local h = M.start(sleep_long)
      assert.is_true(h:cancel())
      ended(h)
      assert.equal("cancelled", h:status())
    end
  end)
end)

describe("cancel{hard=true}", function()
  each("stops a tight loop", function(M)
    local h = M.start(function() while true do end end)
    heddle.sleep(0.01)
    assert.is_true(h:cancel { hard = true })
    ended(h)
    assert.is_true(h:status() == "cancelled" or h:status() == "failed")
    pcall(h.result, h)
  end, not_tasks)

  each("stops a loop that catches every error", function(M)
    local h = M.start(function()
      while true do
        pcall(function() while true do end end)
        xpcall(function() while true do end end, function(e) return e end)
        coroutine.resume(coroutine.create(function() while true do end end))
      end
    end)
    heddle.sleep(0.01)
    h:cancel { hard = true }
    ended(h)
    pcall(h.result, h)
  end, not_tasks)

  each("stops a loop that catches errors of its waits", function(M)
    local h = blocked(M, function()
      while true do pcall(require("heddle").sleep, 60) end
    end)
    h:cancel { hard = true }
    ended(h)
    pcall(h.result, h)
  end)

  each("runs the __close handlers", function(M)
    local q = queue.new(0, { shared = true })
    local h = M.start(function(out)
      local _ <close> = setmetatable({}, { __close = function() out:try_put "closed" end })
      out:put "here"
      while true do end
    end, q)
    q:get()
    h:cancel { hard = true }
    ended(h)
    assert.equal("cancelled", h:status())
    assert.equal("closed", q:get(1))
  end, { "thread", "isolate" })

  each("lets the clean-up of one that waits run, through its coroutines too", function(M)
    local q = queue.new(0, { shared = true })
    local h = blocked(M, function(out)
      local function closing(what)
        return setmetatable({}, { __close = function()
          for _ = 1, 100 do out:try_put(what) end
        end })
      end
      local _ <close> = closing "outer"
      coroutine.wrap(function()
        local _ <close> = closing "inner"
        require("heddle").sleep(60)
      end)()
    end, q)
    h:cancel { hard = true }
    ended(h)
    assert.equal("cancelled", h:status())
    -- what a coroutine that died of an error leaves open is closed by wrap
    local seen = { inner = 0, outer = 0 }
    for _ = 1, q:size() do
      local what = q:get()
      seen[what] = seen[what] + 1
    end
    assert.same({ inner = 100, outer = 100 }, seen)
  end, { "task", "thread", "isolate" })

  it("stops a task's tight loop from another thread", function()
    local h = require("heddle.task").start(function() while true do end end)
    local killer = thread.start(function()
      heddle.sleep(0.02)
      return h:cancel { hard = true }
    end)
    ended(h)
    assert.is_true(killer:result())
    assert.equal("cancelled", h:status())
  end)

  it("is not for the main task", function()
    local run = helper.script [[
      local h = require("heddle.task").current()
      print(h.name, h:cancel{hard=true})
      require("heddle").sleep(0.001)
      print "goes on"
    ]]
    assert.equal("main\tfalse\ngoes on\n", run.out)
  end)
end)

describe("on_done", function()
  each("calls with the handle, in order of registration", function(M)
    local q = queue.new()
    local seen, done = {}, queue.new()
    local h = M.start(function(go) return go:get() end, q)
    for i = 1, 3 do
      h:on_done(function(got)
        seen[#seen + 1] = i
        assert(got == h and got:status() == "done")
        done:put(i)
      end)
    end
    heddle.sleep(0.005)
    assert.same({}, seen)
    q:put(1)
    for _ = 1, 3 do assert.is_truthy(done:get(5)) end
    assert.same({ 1, 2, 3 }, seen)
  end)

  each("calls also when it has ended already", function(M)
    local h, done = M.start(function() error "old" end), queue.new()
    ended(h)
    h:on_done(function(got) done:put(got:status()) end)
    assert.equal("failed", done:get(5))
    pcall(h.result, h)
  end)

  each("puts its errors on stderr and stops no other", function(_, model)
    local run = helper.script(([[
      local h = require("heddle.%s").start(function() end)
      h:on_done(function() error "first" end)
      h:on_done(function() print "second" end)
      h:join()
    ]]):format(model))
    assert.equal("second\n", run.out)
    assert.equal(0, run.code)
    assert.equal(1, select(2, run.err:gsub("first", "")))
    assert.matches("stack traceback", run.err)
  end)

  it("runs on the OS thread that registered it", function()
    local h = require("heddle.task").start(function() heddle.sleep(0.02) end)
    local there = thread.start({ name = "registrar" }, function()
      local who = queue.new()
      h:on_done(function() who:put(thread.current().name) end)
      return who:get(5)
    end)
    assert.equal("registrar", there:result())
  end)
end)

describe("current, list and locals", function()
  each("current is the same object every time, with the worker's name and id", function(M, model)
    local h = M.start({ name = "me" }, function(name)
      local inner = require("heddle." .. name)
      local me = inner.current()
      collectgarbage()
      return me == inner.current(), me.name, me.id
    end, model)
    assert.same({ true, "me", h.id, n = 3 }, pack_results(h))
  end)

  each("current is the handle that started it", function(M)
    local h
    h = M.start(function() return M.current() == h end)
    assert.is_true(h:result())
  end, { "task", "thread" })

  each("the main one is called main", function(_, model)
    local run = helper.script(([[
      local M = require "heddle.%s"
      local me = M.current()
      print(me.name, me == M.current(), me:alive(), me:status(), math.type(me.id))
    ]]):format(model))
    assert.equal("main\ttrue\ttrue\trunning\tinteger\n", run.out)
  end)

  each("list has the live ones", function(M)
    local q = queue.new()
    local h = blocked(M, function(go) go:get() end, q)
    local function listed()
      for _, one in ipairs(M.list()) do
        if one == h then return true end
      end
      return false
    end
    assert.is_true(listed())
    q:put(1)
    ended(h)
    assert.is_false(listed())
  end)

  each("locals are a table of one's own", function(M, model)
    M.locals().mine = "outer"
    local h = M.start(function(name)
      local inner = require("heddle." .. name)
      local before = inner.locals().mine
      inner.locals().mine = "inner"
      require("heddle").sleep(0.002)
      return before, inner.locals().mine, inner.locals() == inner.locals()
    end, model)
    assert.same({ nil, "inner", true, n = 3 }, pack_results(h))
    assert.equal("outer", M.locals().mine)
    M.locals().mine = nil
  end)
end)

describe("names", function()
  each("are numbered by default", function(M, model)
    local a, b = M.start(function() end), M.start(function() end)
    local na = tonumber(a.name:match("^" .. default_names[model] .. "%-(%d+)$"))
    assert.equal(default_names[model] .. "-" .. na + 1, b.name)
    assert.not_equal(a.id, b.id)
    ended(a)
    ended(b)
  end)

  each("print well", function(M, model)
    local h = blocked(M, { name = "printed" }, sleep_long)
    assert.matches("^" .. model .. " printed %(blocked%)$", tostring(h))
    h:cancel()
    ended(h)
    assert.matches("^" .. model .. " printed %(cancelled%)$", tostring(h))
  end)

  each("ids are unique in the program", function(M, model)
    local id = M.start(function(name)
      return require("heddle." .. name).start(function() end).id
    end, model):result()
    assert.not_equal(id, M.start(function() end).id)
  end)

  each("name their OS thread or process", function(M)
    local comm = M.start({ name = "shuttle" }, function()
      local file = assert(io.open("/proc/thread-self/comm"))
      local name = file:read "l"
      file:close()
      return name
    end):result()
    assert.equal("shuttle", comm)
  end, not_tasks)
end)

describe("extend", function()
  each("makes a class with run", function(M)
    local Worker = M.extend "Worker"
    function Worker:init(a, b) self.a, self.b = a, b end
    function Worker:run() return self.a + self.b, "done" end
    local w = Worker(2, 3)
    assert.equal("pending", w:status())
    assert.is_false(w:alive())
    assert.equal(w, w:start { name = "adder" })
    assert.is_true(w:join())
    assert.same({ 5, "done", n = 2 }, pack_results(w))
    assert.equal("done", w:status())
  end)

  each("run can be called here", function(M)
    local Worker = M.extend "Worker"
    function Worker.run() return "here" end
    assert.equal("here", Worker():run())
  end)

  each("what run writes to self stays there in another interpreter", function(M, model)
    local Worker = M.extend "Worker"
    function Worker:run()
      self.x = 1
      return self.x
    end
    local w = Worker()
    w:start()
    assert.equal(1, w:result())
    assert.equal((model == "task" or model == "thread") and 1 or nil, w.x)
  end)

  each("a method that calls another travels", function(M)
    local Worker = M.extend "Worker"
    function Worker.help() return "helped" end
    function Worker:run() return self:help() end
    assert.equal("helped", Worker():start():result())
  end)

  each("an error in run is raised by result", function(M)
    local Worker = M.extend "Worker"
    function Worker.run() error "in run" end
    local w = Worker():start()
    helper.raises("in run", w.result, w)
    assert.equal("failed", w:status())
    assert.matches("started at", w:traceback())
  end)

  each("starting twice, or joining before the start, is misuse", function(M)
    local Worker = M.extend "Worker"
    function Worker.run() end
    local w = Worker()
    helper.raises("%[not%-started%]$", w.join, w)
    w:start()
    helper.raises("%[started%-twice%]$", w.start, w)
    assert.is_true(w:join())
  end)

  each("a field named like a handle's method is misuse", function(M)
    local Worker = M.extend "Worker"
    function Worker.run() end
    helper.raises("return it from run, or use another name", function()
      Worker.result = function() end
      Worker():start()
    end)
    local Other = M.extend "Other"
    function Other:init() self.status = "busy" end
    function Other.run() end
    helper.raises("'status'.*%[reserved%-name%]$", function() Other():start() end)
  end)

  each("one without run says so", function(M)
    local Worker = M.extend "Worker"
    helper.raises("^spec/handle_spec.lua:%d+: Worker:start: the class has no method run.*"
      .. "%[no%-run%]$", function() Worker():start() end)
  end)

  each("a method named like a handle's is refused where it is defined", function(M)
    local Worker = M.extend "Worker"
    for _, name in ipairs { "join", "cancel", "on_done", "kill", "exitcode" } do
      helper.raises("^spec/handle_spec.lua:%d+: Worker: '" .. name .. "' is the name of a handle's "
        .. "method; return it from run, or use another name %[reserved%-name%]$",
        function() Worker[name] = print end)
    end
  end)

  each("an object has the name and the id of its worker, and prints them", function(M)
    local Worker = M.extend "Worker"
    function Worker.run() end
    local w = Worker()
    assert.is_nil(w.name)
    assert.equal("Worker (pending)", tostring(w))
    w:start { name = "able" }
    assert.equal("able", w.name)
    assert.is_truthy(w.id)
    w:join()
    assert.equal("Worker able (done)", tostring(w))
    local Named = M.extend "Named"
    function Named:init() self.name = "own" end
    function Named:run() return self.name end
    assert.equal("own", Named():start():result())
  end)

  each("objects are waited for like handles", function(M)
    local Worker = M.extend "Worker"
    function Worker:init(n) self.n = n end
    function Worker:run() return self.n end
    local list = { Worker(1):start(), Worker(2):start() }
    local task = require "heddle.task"
    assert.same({ 1, 2 }, { task.gather(table.unpack(list)) })
    assert.same(list, (task.wait(list)))
  end)

  it("the same class body runs under all four models", function()
    local seen = {}
    for _, model in ipairs(helper.models) do
      local Counter = require("heddle." .. model).extend "Counter"
      function Counter:init(n) self.n, self.sum = n, 0 end
      function Counter:add(i) self.sum = self.sum + i end
      function Counter:run()
        for i = 1, self.n do self:add(i) end
        return self.sum
      end
      seen[model] = Counter(10):start():result()
    end
    assert.same({ task = 55, thread = 55, isolate = 55, process = 55 }, seen)
  end)

  each("wrong use says what is right", function(M, model)
    local Worker = M.extend "Worker"
    function Worker.run() end
    local w = Worker()
    helper.raises("start: self: an object of a class.*got nil.*%[bad%-self%]$", w.start)
    helper.raises("join: self: an object of a class.*got table.*%[bad%-self%]$", w.join, {})
    helper.raises("Worker:start: options: a table expected, got number %[bad%-argument%]$", w.start,
      w, 5)
    helper.raises(model .. ".start: options: unknown option 'nmae'", w.start, w, { nmae = 1 })
    helper.raises("%[not%-started%]$", w.on_done, w, print)
    w:start()
    helper.raises("on_done: fn: a function expected, got nil %[bad%-argument%]$", w.on_done, w)
    w:join()
  end)
end)
