-- Futures: what pool:submit returns, over the four models, and among handles.
local helper = require "spec.helper"
local heddle = require "heddle"
local pool = require "heddle.pool"
local process = require "heddle.process"
local sync = require "heddle.sync"
local task = require "heddle.task"

local models = { "coroutines", "threads", "isolates", "processes" }
local raises, wait_for = helper.raises, helper.wait_for

-- Defines one case per model: fn(pool of one worker, model).
local function each(name, fn, list)
  for _, model in ipairs(list or models) do
    it(("%s [%s]"):format(name, model), function()
      local p <close> = pool.new(model, 1, { name = "mill" })
      fn(p, model)
    end)
  end
end

local function give(...) return ... end
local function hold(event, value)
  event:wait()
  return value
end


describe("a future", function()
  each("goes from pending to running to done", function(p)
    local event = sync.event()
    local a, b = p:submit(hold, event, 1), p:submit(give)
    wait_for(function() return a:running() end)
    assert.is_false(a:done())
    assert.is_true(a:alive())
    assert.equal("pending", b:status())
    assert.is_false(b:running())
    assert.same({ n = 2, nil, "timeout" }, table.pack(b:join(0.001)))
    assert.same({ n = 2, nil, "timeout" }, table.pack(b:result(0)))
    assert.same({ n = 2, nil, "timeout" }, table.pack(b:exception(0)))
    event:set()
    assert.is_true(b:join())
    assert.equal("done", a:status())
    assert.is_true(a:done())
    assert.is_false(a:running() or a:cancelled() or a:alive())
    assert.equal(1, a:result(0))
    assert.is_nil(a:exception())
    assert.is_nil(a:traceback())
  end)

  each("keeps its job's error", function(p)
    local f = p:submit(function() error("no flour", 0) end)
    assert.is_true(f:join())
    assert.equal("failed", f:status())
    assert.equal("no flour", f:exception())
    assert.matches("^stack traceback:\n.*\n\tin %a+ mill%-1, Job%-1, submitted at .*future_spec",
      f:traceback())
    local err = raises("^no flour\nstack traceback:\n", f.result, f)
    assert.equal("no flour\n" .. f:traceback(), err)
    raises("no flour", f.result, f)
    f = p:submit(error, { code = 5 })
    assert.same({ code = 5 }, raises(nil, f.result, f))
  end)

  each("has a name, an id and a state to show", function(p)
    local a, b = p:submit(give), p:submit(give)
    assert.equal("Job-1", a.name)
    assert.equal("Job-2", b.name)
    assert.is_true(a.id ~= b.id)
    b:join()
    assert.equal("future Job-2 (done)", tostring(b))
    raises("future:start: it was started by submit .*%[started%-twice%]", a.start, a)
    for _, method in ipairs {
      "result", "exception", "done", "running", "cancelled", "cancel", "on_done", "join", "status",
      "traceback", "alive",
    } do
      raises(("^future:%s: self: a future expected, got nil"):format(method), a[method])
      raises(("^future:%s: self: a future expected, got table"):format(method), a[method], {})
    end
    raises("future:join: timeout: a number of seconds >= 0 expected, got %-1", a.join, a, -1)
    raises("future:on_done: fn: a function expected, got number", a.on_done, a, 5)
    raises("future:cancel: options: a table", a.cancel, a, 5)
  end)

  each("that is pending can be dropped", function(p)
    local event = sync.event()
    local a, b, c = p:submit(hold, event, 1), p:submit(give, 2), p:submit(give, 3)
    wait_for(function() return a:running() end)
    assert.is_true(b:cancel())
    assert.is_false(b:cancel())
    assert.is_true(b:cancelled())
    assert.equal("cancelled", b:status())
    assert.equal(heddle.CANCELLED, raises(nil, b.result, b))
    assert.equal(heddle.CANCELLED, b:exception())
    event:set()
    assert.equal(1, a:result())
    assert.equal(3, c:result())
    assert.is_false(a:cancel())
    assert.equal(1, p:stats().cancelled)
  end)

  each("that runs is asked as by h:cancel(), and no other job is", function(p)
    local a = p:submit(function() require("heddle").sleep(60) end)
    local b = p:submit(function()
      require("heddle").sleep(0.005)
      return "whole"
    end)
    wait_for(function() return a:running() end)
    assert.is_true(a:cancel())
    assert.equal(heddle.CANCELLED, raises(nil, a.result, a))
    assert.equal("cancelled", a:status())
    assert.equal("whole", b:result())
  end)

  each("may swallow a cancel", function(p)
    local begun = sync.event()
    local a = p:submit(function()
      local sleep = require("heddle").sleep
      begun:set()
      local ok, err = pcall(sleep, 60)
      sleep(0)
      return ok, err
    end)
    begun:wait()
    a:cancel()
    local ok, err = a:result()
    assert.is_false(ok)
    assert.equal(heddle.CANCELLED, err)
    assert.equal("done", a:status())
  end)

  each("is stopped for good in a tight loop, too", function(p)
    local a, b = p:submit(function() while true do end end), p:submit(give, 2)
    wait_for(function() return a:running() end)
    assert.is_true(a:cancel { hard = true })
    assert.equal(heddle.CANCELLED, raises(nil, a.result, a, 20))
    assert.equal(2, b:result())
  end, { "threads", "isolates", "processes" })

  each("calls on_done in order, one failing or not, also when it has ended", function(p)
    local event, log = sync.event(), {}
    local f = p:submit(hold, event, 1)
    for i = 1, 3 do
      f:on_done(function(g)
        log[#log + 1] = i
        assert.equal(f, g)
      end)
    end
    event:set()
    wait_for(function() return #log == 3 end)
    f:on_done(function() log[#log + 1] = 4 end)
    wait_for(function() return #log == 4 end)
    assert.same({ 1, 2, 3, 4 }, log)
  end)

  each("whose on_done fails says so on stderr", function(_, model)
    local r = helper.script(([[
      local p <close> = require("heddle.pool").new("%s", 1)
      local f = p:submit(print, "job")
      f:on_done(function() error "bad callback" end)
      f:on_done(function() print "second" end)
    ]]):format(model))
    assert.equal(0, r.code)
    assert.equal("job\nsecond\n", r.out)
    assert.matches("error in on_done of Job%-1: .*bad callback", r.err)
  end)

  each("is waited for with handles of any model", function(p)
    local a, b = p:submit(give, 1), p:submit(error, "broke")
    local c = process.start(give, 3)
    assert.same({ 1, "broke", 3 }, (function()
      local r = task.gather({ a, b, c }, { errors = true })
      return { r[1], tostring(r[2]):match "broke", r[3] }
    end)())
    local done, pending = task.wait({ a, b, c }, { timeout = 5 })
    assert.same({ 3, 0 }, { #done, #pending })
    local seen = {}
    for h in task.as_completed { c, a, b } do seen[h] = true end
    assert.is_true(seen[a] and seen[b] and seen[c])
    task.scope(function(s) s:add(p:submit(give, 5)) end)
    raises("broke", task.gather, a, b)
  end)

  each("that is one of several is cancelled with the others", function(p)
    local f = p:submit(function() require("heddle").sleep(60) end)
    raises("broke", task.gather, f, task.start(error, "broke"))
    wait_for(function() return f:cancelled() end)
  end)

  each("of apply is cancelled with who waits", function(p)
    local h = task.start(function() p:apply(function() require("heddle").sleep(60) end) end)
    wait_for(function() return p:stats().busy == 1 end)
    h:cancel()
    h:join()
    assert.equal("cancelled", h:status())
    p:close()
    assert.is_true(p:join(5))
    assert.equal(1, p:stats().cancelled)
  end)

  each("may be asked by several at once", function(p)
    local event, hs = sync.event(), {}
    local f = p:submit(hold, event, 7)
    for i = 1, 10 do hs[i] = task.start(function() return f:result() end) end
    hs[11] = require("heddle.thread").start(function() return f:result() end)
    heddle.sleep(0)
    event:set()
    for i = 1, 11 do assert.equal(7, hs[i]:result()) end
  end)

  each("that nobody keeps is settled all the same", function(p)
    for i = 1, 20 do p:submit(give, i) end
    collectgarbage()
    p:close()
    assert.is_true(p:join())
    assert.equal(20, p:stats().done)
  end)
end)
