-- fork, spawn and forkserver: which is used when, and what a forked process inherits.

local helper = require "spec.helper"
local heddle = require "heddle"
local process = require "heddle.process"
local queue = require "heddle.queue"
local sync = require "heddle.sync"

helper.case_limit = 20

local methods = helper.start_methods

describe("the start method", function()
  it("methods and default_method tell and set it", function()
    assert.same(methods, process.methods())
    assert.equal("fork", process.default_method())
    process.default_method "spawn"
    assert.equal("spawn", process.default_method())
    process.default_method "fork"
    helper.raises('process%.default_method: method: .*got "teleport" %[bad%-option%]$',
      process.default_method, "teleport")
    assert.equal("fork", process.default_method())
  end)

  it("is fork, and forkserver while other OS threads run", function()
    local run = helper.script [[
      local process, thread = require "heddle.process", require "heddle.thread"
      io.write(process.default_method(), " ")
      local t = thread.start(require("heddle").sleep, 0.2)
      io.write(process.default_method(), " ")
      print(process.start(function() return "ran" end):result())
      t:join()
    ]]
    assert.equal("fork forkserver ran\n", run.out)
    assert.equal("", run.err)
  end)

  it("fork asked for by name beside threads warns once", function()
    local run = helper.script [[
      local process, thread = require "heddle.process", require "heddle.thread"
      local t = thread.start({ name = "beside" }, require("heddle").sleep, 0.3)
      for _ = 1, 3 do
        print(process.start({ method = "fork" }, function() return "ran" end):result())
      end
      t:join()
    ]]
    assert.equal("ran\nran\nran\n", run.out)
    assert.equal(1, select(2, run.err:gsub("heddle: fork while", "")))
    assert.matches("beside", run.err)
  end)

  it("fork asked for by name in a thread names the main one, too", function()
    local run = helper.script [[
      local process, thread = require "heddle.process", require "heddle.thread"
      thread.start(function()
        process.start({ method = "fork" }, function() end):join()
      end):join()
    ]]
    assert.matches("fork while 1 other OS thread of this process runs %(main%)", run.err)
  end)

  it("threads and isolates that were joined do not count", function()
    local r = helper.script [[
      local process = require "heddle.process"
      for _, model in ipairs { "thread", "isolate" } do
        for _ = 1, 40 do
          require("heddle." .. model).start(function() end):join()
          process.start({ method = "fork" }, function() end):join()
        end
      end
    ]]
    assert.equal("", r.all)
    assert.equal(0, r.code)
  end)

  it("a fork beside busy threads works", function()
    local run = helper.script([[
      local process, thread = require "heddle.process", require "heddle.thread"
      local stop = false
      for _ = 1, 3 do
        thread.start(function() while not stop do string.format("%d %s", 1, {}) end end)
      end
      for i = 1, 20 do
        local h = process.start({ method = "fork" }, function()
          local inner = require "heddle.thread"
          return inner.start(function() return #inner.list() end):result()
        end)
        io.write(tostring(h:result(10)), " ")
      end
      stop = true
    ]], { limit = 60 })
    assert.equal(("1 "):rep(20), run.out)
    assert.equal(0, run.code)
  end)

  it("only fn's task lives in a forked child", function()
    local n = 0
    local other = require("heddle.task").start(function()
      for _ = 1, 20 do
        n = n + 1
        heddle.sleep(0.002)
      end
    end)
    heddle.sleep(0.005)
    local seen, tasks = process.start({ method = "fork" }, function()
      local before = n
      require("heddle").sleep(0.02)
      return n - before, #require("heddle.task").list()
    end):result()
    assert.equal(0, seen)
    assert.equal(1, tasks)
    other:join()
    assert.equal(20, n)
  end)
end)

describe("what a forked process inherits", function()
  it("the parent's values and globals", function()
    _G.inherited = { "yes" }
    local value = process.start({ method = "fork" }, function()
      return _G.inherited and _G.inherited[1]
    end):result()
    assert.equal("yes", value)
    _G.inherited = nil
  end)

  it("locks and shared queues work", function()
    _G.inherited = { lock = sync.lock(), q = queue.new(0, { shared = true }) }
    _G.inherited.lock:acquire()
    local h = process.start({ method = "fork" }, function()
      local i = _G.inherited
      i.q:put "waiting"
      i.lock:acquire()
      i.q:put "got it"
      i.lock:release()
    end)
    assert.equal("waiting", _G.inherited.q:get(5))
    _G.inherited.lock:release()
    assert.equal("got it", _G.inherited.q:get(5))
    h:result()
    _G.inherited = nil
  end)

  it("an empty queue works", function()
    _G.inherited = queue.new()
    local h = process.start({ method = "fork" }, function() _G.inherited:put "from the child" end)
    assert.equal("from the child", _G.inherited:get(5))
    h:result()
    _G.inherited = nil
  end)

  it("a queue that holds references raises on use there", function()
    _G.inherited = queue.new()
    _G.inherited:put { "reference" }
    local h = process.start({ method = "fork" }, function()
      local q, errors = _G.inherited, {}
      for i, fn in ipairs { q.get, q.put, q.try_get, q.try_put, q.items } do
        local ok, err = pcall(fn, q, 1)
        errors[i] = not ok and err:match "%[([%w-]+)%]$"
      end
      return errors
    end)
    local expected = {}
    for i = 1, 5 do expected[i] = "queue-not-shared" end
    assert.same(expected, h:result())
    assert.same({ "reference" }, _G.inherited:get(0))
    _G.inherited = nil
  end)

  it("a lock held by the parent is held, and released by anyone", function()
    local lock = sync.lock()
    lock:acquire()
    assert.is_true(process.start({ method = "fork" }, function()
      local held = lock:locked()
      lock:release()
      return held
    end):result())
    assert.is_false(lock:locked())
  end)

  it("what was written before is written once", function()
    local run = helper.script [[
      io.write "before "
      local process = require "heddle.process"
      local h = process.start({ method = "fork" }, function() io.write "child " end)
      h:join()
      io.write "after\n"
    ]]
    assert.equal("before child after\n", run.out)
  end)
end)
