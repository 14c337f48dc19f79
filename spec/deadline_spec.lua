-- task.timeout and task.shield: what they return, whose cancel is whose, how they nest.

local helper = require "spec.helper"
local heddle = require "heddle"
local task = require "heddle.task"
local raises = helper.raises

local function timed_out(...)
  assert.same({ nil, "timeout", n = 2 }, table.pack(...))
end

local function at_end(fn) return setmetatable({}, { __close = fn }) end

local function parse(text) error("no number in " .. text) end

describe("task.timeout", function()
  it("returns the results of a call that ends in time", function()
    local results = table.pack(task.timeout(5, function(...)
      heddle.sleep(0.005)
      return ...
    end, 1, nil, "x", nil))
    assert.same({ 1, nil, "x", nil, n = 4 }, results)
  end)

  it("cancels the call where it waits, and only that", function()
    local seen
    timed_out(task.timeout(0.02, function()
      local _, err = pcall(heddle.sleep, 5)
      seen = err
      error(err, 0)
    end))
    assert.is_true(seen == heddle.CANCELLED)
    assert.equal("timeout", seen.reason)
    heddle.sleep(0.002)
  end)

  it("starts the call with 0, and its first wait fails", function()
    local begun, went_on
    timed_out(task.timeout(0, function()
      begun = true
      heddle.sleep(5)
      went_on = true
    end))
    assert.is_true(begun)
    assert.is_nil(went_on)
    assert.equal("no wait", task.timeout(0, function() return "no wait" end))
  end)

  it("knows no limit with nil", function()
    assert.equal(1, task.timeout(nil, function() return 1 end))
  end)

  it("raises once: what swallows it goes on and returns its value", function()
    assert.equal("swallowed", task.timeout(0.01, function()
      pcall(heddle.sleep, 5)
      heddle.sleep(0.005)
      return "swallowed"
    end))
  end)

  it("waits for the clean-up, whose error wins", function()
    local cleaned
    timed_out(task.timeout(0.01, function()
      local _ <close> = setmetatable({}, { __close = function()
        heddle.sleep(0.02)
        cleaned = true
      end })
      heddle.sleep(5)
    end))
    assert.is_true(cleaned)
    raises("clean%-up broke", task.timeout, 0.01, function()
      pcall(heddle.sleep, 5)
      error("clean-up broke")
    end)
  end)

  it("lets a cancel from elsewhere pass, also during the clean-up", function()
    local worker = task.start(function() return task.timeout(5, heddle.sleep, 5) end)
    heddle.sleep(0.01)
    worker:cancel()
    worker:join()
    assert.equal("cancelled", worker:status())
    local cleaning = task.start(function()
      return task.timeout(0.01, function()
        pcall(heddle.sleep, 5)
        heddle.sleep(5)
      end)
    end)
    heddle.sleep(0.03)
    cleaning:cancel()
    cleaning:join()
    assert.equal("cancelled", cleaning:status())
  end)

  it("lets it pass when the time runs out in the clean-up that it began", function()
    local h = task.start(task.timeout, 0.02, function()
      local never = require("heddle.sync").event()
      local _ <close> = at_end(function() never:wait() end)
      never:wait()
    end)
    task.yield()
    h:cancel()
    h:join()
    assert.equal("cancelled", h:status())
    local _, err = pcall(h.result, h)
    assert.equal("cancel", err.reason)
  end)

  it("lets the time-out around it pass in the same way", function()
    local went_on
    timed_out(task.timeout(0.01, function()
      task.timeout(0.03, function()
        local never = require("heddle.sync").event()
        local _ <close> = at_end(function() never:wait() end)
        never:wait()
      end)
      went_on = true
    end))
    assert.is_nil(went_on)
  end)

  it("takes a CANCELLED raised in place of its own for it", function()
    timed_out(task.timeout(0.01, function()
      pcall(heddle.sleep, 5)
      error(heddle.CANCELLED, 0)
    end))
  end)

  it("nests: each knows its own", function()
    local inner
    local outer = task.timeout(1, function()
      inner = table.pack(task.timeout(0.01, heddle.sleep, 5))
      heddle.sleep(0.005)
      return "outer"
    end)
    assert.equal("outer", outer)
    assert.same({ nil, "timeout", n = 2 }, inner)
    local went_on
    timed_out(task.timeout(0.01, function()
      task.timeout(1, heddle.sleep, 5)
      went_on = true
    end))
    assert.is_nil(went_on)
  end)

  it("cuts every kind of wait, and nothing is taken by it", function()
    local queue, lock = require("heddle.queue").new(), require("heddle.sync").lock()
    lock:acquire()
    timed_out(task.timeout(0.01, queue.get, queue))
    timed_out(task.timeout(0.01, lock.acquire, lock))
    local other = task.start(heddle.sleep, 5)
    timed_out(task.timeout(0.01, other.join, other))
    assert.is_true(other:alive())
    other:cancel()
    queue:put("item")
    lock:release()
    assert.equal("item", queue:get(0))
    assert.is_true(lock:acquire(0))
  end)

  it("forgets the limit of a generator that is dropped", function()
    do
      local generator = coroutine.wrap(function() task.timeout(0.01, coroutine.yield, 1) end)
      assert.equal(1, generator())
    end
    collectgarbage()
    collectgarbage()
    heddle.sleep(0.02)
    heddle.sleep(0.001)
    local generator = coroutine.create(function() task.timeout(0.01, coroutine.yield, 1) end)
    coroutine.resume(generator)
    coroutine.close(generator)
    heddle.sleep(0.02)
    heddle.sleep(0.001)
  end)

  it("keeps the traceback of where the error was raised", function()
    local worker = task.start(function()
      return task.timeout(1, function()
        heddle.sleep(0.001)
        return (parse("abc")) or 1
      end)
    end)
    raises("no number in abc\nstack traceback:.*in upvalue 'parse'", worker.result, worker)
  end)

  it("leaves no timer behind", function()
    for _ = 1, 2000 do task.timeout(1000, task.yield) end
    collectgarbage()
    assert.is_true(heddle.now() > 0)
  end)

  helper.each_model("works in every model", function(model)
    local worker = model.start(function()
      local t = require "heddle.task"
      local a, why = t.timeout(0.01, t.sleep, 5)
      return a == nil and why
    end)
    assert.equal("timeout", worker:result(10))
  end)

  it("refuses bad arguments by name", function()
    raises("task.timeout: s: .*%-1 %[bad%-time%]$", task.timeout, -1, print)
    raises("task.timeout: s: .*nan %[bad%-time%]$", task.timeout, 0 / 0, print)
    raises("task.timeout: s: .*soon %[bad%-time%]$", task.timeout, "soon", print)
    raises("task.timeout: fn: .*nil %[bad%-argument%]$", task.timeout, 1)
  end)
end)

describe("task.shield", function()
  it("returns results and passes errors on", function()
    assert.same({ 1, nil, 3, n = 3 }, table.pack(task.shield(function(...)
      heddle.sleep(0.001)
      return ...
    end, 1, nil, 3)))
    raises("inside", task.shield, error, "inside")
  end)

  it("puts a cancel off until it ends", function()
    local log = {}
    local worker = task.start(function()
      task.shield(function()
        task.shield(heddle.sleep, 0.02)
        heddle.sleep(0.02)
        log[#log + 1] = "whole"
      end)
      heddle.sleep(5)
      log[#log + 1] = "not reached"
    end)
    heddle.sleep(0.01)
    assert.is_true(worker:cancel())
    worker:join()
    assert.same({ "whole" }, log)
    assert.equal("cancelled", worker:status())
  end)

  it("keeps limits from outside out and those inside at work", function()
    local whole
    timed_out(task.timeout(0.01, function()
      task.shield(function()
        timed_out(task.timeout(0.02, heddle.sleep, 5))
        heddle.sleep(0.01)
        whole = true
      end)
      heddle.sleep(5)
    end))
    assert.is_true(whole)
  end)

  it("does not hold against a stop for good", function()
    local worker = task.start(function() task.shield(heddle.sleep, 60) end)
    heddle.sleep(0.01)
    worker:cancel { hard = true }
    assert.is_true(worker:join(20))
    assert.equal("cancelled", worker:status())
  end)

  it("refuses bad arguments by name", function()
    raises("task.shield: fn: .*number %[bad%-argument%]$", task.shield, 5)
  end)
end)
