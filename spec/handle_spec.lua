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

local ended = helper.ended

local function blocked(M, ...) return helper.blocked(M.start(...)) end

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
    assert.equal("ran", q:get(20))
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
    assert.is_true(h:join(20))
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

describe("on_done", function()
  each("of a handle that is begun later runs after its end", function(M)
    local h, order = M.new(function() return 1 end), {}
    for _, name in ipairs { "first", "second" } do
      h:on_done(function(got) order[#order + 1] = name .. " " .. got:status() end)
    end
    heddle.sleep(0.002)
    assert.same({}, order)
    assert.equal(h, h:start())
    h:on_done(function() order[#order + 1] = "third" end)
    h:join()
    helper.wait_for(function() return #order == 3 end)
    assert.same({ "first done", "second done", "third" }, order)
  end)

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
