-- heddle.pool over the four models, after CPython's tests of concurrent.futures and of
-- multiprocessing's Pool.

local helper = require "spec.helper"
local heddle = require "heddle"
local pool = require "heddle.pool"
local sync = require "heddle.sync"

local each = helper.each_pool
local copying = { "isolates", "processes" }
local raises, wait_for = helper.raises, helper.wait_for

local function square(x) return x * x end
local function give(...) return ... end
local function nap(seconds, value)
  require("heddle").sleep(seconds)
  return value
end

-- A job that waits until the event is set.
local function hold(event, value)
  event:wait()
  return value
end

describe("pool.new", function()
  it("refuses what is no model, number of workers or option", function()
    raises("pool%.new: model: .*got \"fibers\" %[unknown%-model%]", pool.new, "fibers")
    raises("pool%.new: workers: a whole number >= 1 expected, got 0", pool.new, "threads", 0)
    raises("pool%.new: workers: .*got 1%.5", pool.new, "threads", 1.5)
    raises("pool%.new: options: a table expected", pool.new, "threads", 1, 5)
    raises("unknown option 'initialiser' %(did you mean 'initializer'%?%) %[unknown%-option%]",
      pool.new, "threads", 1, { initialiser = print })
    raises("unknown option 'q' %(there are: args, ", pool.new, "threads", 1, { q = 1 })
    raises("max_jobs: a whole number >= 1", pool.new, "threads", 1, { max_jobs = 0 })
    raises("queue: a whole number >= 1", pool.new, "threads", 1, { queue = -1 })
    raises("retry: a whole number >= 0", pool.new, "processes", 1, { retry = -1 })
    raises("initializer: a function expected", pool.new, "threads", 1, { initializer = 1 })
    raises("args: a list of arguments expected", pool.new, "threads", 1, { args = 1 })
    raises("name: a string expected", pool.new, "threads", 1, { name = 1 })
    raises('method: "fork", "spawn" or "forkserver" expected', pool.new, "processes", 1,
      { method = "clone" })
    raises("method: only processes", pool.new, "threads", 1, { method = "fork" })
  end)

  it("takes singular and plural names, and the options in the second place", function()
    for _, name in ipairs { "task", "tasks", "coroutine", "thread", "isolate", "process" } do
      local p <close> = pool.new(name, { name = "kitchen" })
      assert.equal("kitchen", p.name)
      assert.equal(3, p:apply(give, 3))
      assert.equal((heddle.cores()), p:stats().workers)
    end
  end)

  each("takes whole numbers, be they floats", function(model)
    local p <close> = pool.new(model, 4 / 2, { max_jobs = 8 / 2, queue = 2.0, retry = 0.0 })
    assert.equal("2", tostring(p:stats().workers))
    assert.same({ 1, 4, 9 }, p:map(square, { 1, 2, 3 }, { chunk = 6 / 3 }))
  end)

  it("tells what of its options can't be copied by the option's name", function()
    local file = io.stdout
    raises("^can't copy args%[2%]%.f: userdata", pool.new, "isolates", 1,
      { initializer = print, args = { 1, { f = file } } })
    raises("^can't copy upvalue file: userdata", pool.new, "isolates", 1,
      { initializer = function() return file end })
  end)

  it("numbers pools, and tells what they are", function()
    local a <close> = pool.new("task", 1)
    local b <close> = pool.new("task", 3)
    assert.matches("^Pool%-%d+$", a.name)
    assert.not_equal(a.name, b.name)
    assert.matches("^pool Pool%-%d+ %(open, 3 coroutines, 0 jobs left%)$", tostring(b))
    b:close()
    assert.matches("closed", tostring(b))
  end)
end)

describe("pool:submit, apply", function()
  each("pass all arguments and results", function(model)
    local p <close> = pool.new(model, 2)
    local r = table.pack(p:submit(give, 1, nil, "x", nil):result(10))
    assert.same({ n = 4, 1, nil, "x", nil }, r)
    assert.same({ n = 0 }, table.pack(p:apply(give)))
    assert.same({ n = 1 }, table.pack(p:apply(give, nil)))
  end)

  each("raise a job's error with its traceback, its worker and where it was submitted",
    function(model)
      local p <close> = pool.new(model, 1, { name = "mill" })
      local f = p:submit(function() error("no flour") end)
      local err = raises("^[^\n]*pool_spec%.lua:%d+: no flour\nstack traceback:", f.result, f)
      assert.matches("in %a+ mill%-1, Job%-1, submitted at [^\n]*pool_spec%.lua:%d+$", err)
      assert.same({ code = 7 }, raises(nil, p.apply, p, error, { code = 7 }))
      assert.equal(4, p:apply(square, 2))
    end)

  each("refuse what is no function, and a self that is no pool", function(model)
    local p <close> = pool.new(model, 1)
    raises("pool:submit: fn: a function expected, got nil %[bad%-argument%]", p.submit, p)
    raises("pool:apply: fn: a function expected, got number", p.apply, p, 5)
    raises("pool:submit: self: a pool expected, got function %(call it with a colon%)", p.submit,
      square)
  end)

  each("wait while the line is full", function(model)
    local p <close> = pool.new(model, 1, { queue = 2 })
    local event, submitted = sync.event(), 0
    local filler = heddle.spawn(function()
      for i = 1, 5 do
        p:submit(hold, event, i)
        submitted = i
      end
    end)
    wait_for(function() return submitted == 3 end)
    heddle.sleep(0.02)
    assert.equal(3, submitted)
    event:set()
    filler:result()
    assert.equal(5, submitted)
  end)

  each("may be called by a job of the same heap", function(model)
    local p <close> = pool.new(model, 2)
    assert.equal(16, p:apply(function(x) return p:apply(square, x) end, 4))
  end, { "coroutines", "threads" })

  each("can't be copied to: a pool belongs to its interpreter", function(model)
    local p <close> = pool.new("task", 1)
    local f = p:submit(give)
    local q <close> = pool.new(model, 1)
    raises("^can't copy args%[1%]: pool", q.submit, q, give, p)
    raises("can't copy args%[2%]%.f: future", q.submit, q, give, 1, { f = f })
    raises("can't copy upvalue p: pool", q.submit, q, function() return p end)
    assert.equal(9, q:apply(square, 3))
  end, copying)
end)

describe("the end of a pool", function()
  each("close lets the jobs in line end, join waits for them", function(model)
    local p, event = pool.new(model, 2), sync.event()
    local last
    for i = 1, 6 do last = p:submit(hold, event, i) end
    raises("pool:join: Pool%-%d+ is open %(close it first%) %[pool%-open%]", p.join, p)
    p:close()
    raises("pool:submit: Pool%-%d+ was closed %[pool%-closed%]", p.submit, p, square)
    raises("pool%-closed", p.map, p, square, {})
    assert.same({ n = 2, nil, "timeout" }, table.pack(p:join(0.01)))
    event:set()
    assert.is_true(p:join())
    assert.is_true(p:join())
    assert.equal(6, last:result(0))
    assert.equal(0, p:stats().workers)
  end)

  each("a job cancelled in line is pending no more", function(model)
    local p <close>, event = pool.new(model, 1), sync.event()
    local first, second, third = p:submit(hold, event), p:submit(square, 2), p:submit(square, 3)
    wait_for(function() return first:running() end)
    assert.equal(2, p:stats().pending)
    assert.is_true(second:cancel())
    assert.equal(1, p:stats().pending)
    assert.matches("2 jobs left", tostring(p))
    event:set()
    assert.equal(9, third:result())
    wait_for(function() return tostring(p):find("0 jobs left", 1, true) end)
    assert.equal(0, p:stats().pending)
    assert.equal(1, p:stats().cancelled)
  end)

  -- Waits until nothing is left of those pools; what ended is forgotten when another is made.
  local function forgotten(weak)
    wait_for(function()
      collectgarbage()
      pool.new("coroutines", 1):shutdown()
      return next(weak) == nil
    end)
  end

  each("is begun when it is collected: its jobs are done, its workers end", function(model)
    local weak = setmetatable({}, { __mode = "k" })
    local function forget()
      local p, fs = pool.new(model, 2), {}
      weak[p.inner] = true
      for i = 1, 5 do fs[i] = p:submit(nap, 0.001, i) end
      return fs
    end
    local function check()
      for i, f in ipairs(forget()) do
        collectgarbage()
        assert.equal(i, f:result())
      end
    end
    check()
    forgotten(weak)
  end)

  each("is not begun while it is read or waited for", function(model)
    local r = helper.heddle { "-e", ([[
      local pool = require "heddle.pool"
      local function square(x) return x * x end
      local n, sum = 0, 0
      for _, v in pool.new("%s", 2):imap(square, function()
        collectgarbage()
        n = n + 1
        return n <= 30 and n or nil
      end) do
        sum = sum + v
      end
      print(sum, #pool.new("%s", 1):map(square, { 1, 2, 3 }))
    ]]):format(model, model) }
    assert.equal("9455\t3\n", r.out)
    assert.equal("", r.err)
  end)

  each("terminate cancels everything and stops what runs", function(model)
    local p, fs = pool.new(model, 2), {}
    for i = 1, 20 do fs[i] = p:submit(nap, 60) end
    wait_for(function() return p:stats().busy == 2 end)
    p:terminate()
    assert.is_true(p:join())
    for i = 1, 20 do
      assert.equal("cancelled", fs[i]:status())
      assert.equal(heddle.CANCELLED, raises(nil, fs[i].result, fs[i]))
    end
    raises("pool%-closed", p.submit, p, square)
  end)

  each("one that nobody joins is forgotten when it has ended", function(model)
    local weak = setmetatable({}, { __mode = "k" })
    for _ = 1, 3 do
      local p = pool.new(model, 1)
      weak[p.inner] = true
      p:terminate()
    end
    forgotten(weak)
  end)

  each("leaving its block by an error terminates it", function(model)
    local f
    raises("^out$", function()
      local p <close> = pool.new(model, 1)
      f = p:submit(nap, 60)
      wait_for(function() return f:running() end)
      error("out", 0)
    end)
    assert.equal("cancelled", f:status())
  end)

  each("shutdown drops what has not begun, if asked to", function(model)
    local p, event, fs = pool.new(model, 1), sync.event(), {}
    for i = 1, 5 do fs[i] = p:submit(hold, event, i) end
    wait_for(function() return fs[1]:running() end)
    p:shutdown { wait = false, cancel = true }
    event:set()
    p:shutdown()
    assert.equal(1, fs[1]:result(0))
    for i = 2, 5 do assert.is_true(fs[i]:cancelled()) end
    raises("unknown option 'now'", p.shutdown, p, { now = true })
    raises("wait: true or false expected", p.shutdown, p, { wait = 1 })
  end)

  each("join waits for on_done, and reports what nobody asked for, once", function(model)
    local r = helper.script(([[
      local pool = require "heddle.pool"
      local p = pool.new("%s", 1, { name = "mill" })
      local asked = p:submit(error, "asked for")
      p:submit(error, "unread"):on_done(function()
        require("heddle").sleep(0.01)
        print "done"
      end)
      pcall(asked.result, asked)
      p:close()
      p:join()
      print "joined"
      p:join()
    ]]):format(model))
    assert.equal(0, r.code)
    assert.equal("done\njoined\n", r.out)
    assert.matches("^heddle: job Job%-2 of mill failed, and nobody asked for its result: unread\n",
      r.err)
    assert.equal(1, select(2, r.err:gsub("unread", "")))
    assert.is_nil(r.err:find("asked for\n", 1, true))
  end)

  each("a pool that was left open does its jobs at the program's end", function(model)
    local r = helper.script(([[
      local p = require("heddle.pool").new("%s", 2)
      for i = 1, 3 do
        p:submit(function()
          require("heddle").sleep(0.02)
          print "apple"
        end)
      end
    ]]):format(model))
    assert.equal("", r.err)
    assert.equal(0, r.code)
    assert.equal("apple\napple\napple\n", r.out)
  end)

  each("a pool that was left open stays so for the tasks that go on", function(model)
    local r = helper.script(([[
      local heddle = require "heddle"
      local p = require("heddle.pool").new("%s", 1)
      heddle.spawn(function()
        heddle.sleep(0.05)
        print(p:apply(function() return "late" end))
      end)
    ]]):format(model))
    assert.equal("", r.err)
    assert.equal("late\n", r.out)
  end)

  each("jobs that wait for their own pool are a deadlock that is reported", function(model)
    local r = helper.script(([[
      local p <close> = require("heddle.pool").new("%s", 1)
      p:apply(function() return p:apply(print) end)
    ]]):format(model))
    assert.equal(3, r.code)
    assert.matches("deadlock", r.err)
  end, { "coroutines", "threads" })
end)
