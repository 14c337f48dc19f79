-- The barrier: rounds, action, breaking, between models, a waiter that dies.

local helper = require "spec.helper"
local heddle = require "heddle"
local sync = require "heddle.sync"
local task = require "heddle.task"
local process = require "heddle.process"
local raises = helper.raises

local function many(n, fn, ...)
  local list = {}
  for i = 1, n do list[i] = task.start(fn, i, ...) end
  return list
end

describe("sync.barrier", function()
  it("lets all go on when the last has come, each with an index", function()
    local barrier, passed = sync.barrier(5), 0
    local list = many(4, function()
      local index = barrier:wait()
      passed = passed + 1
      return index
    end)
    heddle.sleep(0.005)
    assert.equal(4, barrier:waiting())
    assert.equal(0, passed)
    assert.equal(4, barrier:wait())
    local indexes = { task.gather(table.unpack(list)) }
    table.sort(indexes)
    assert.same({ 0, 1, 2, 3 }, indexes)
    assert.equal(0, barrier:waiting())
    assert.equal(5, barrier:parties())
    assert.equal(0, sync.barrier(1):wait())
  end)

  it("is used round after round", function()
    local barrier, counts = sync.barrier(3), { 0, 0, 0 }
    local list = many(3, function(i)
      for round = 1, 50 do
        counts[i] = round
        barrier:wait()
        for j = 1, 3 do assert(counts[j] == round) end
        barrier:wait()
      end
    end)
    for i = 1, 3 do list[i]:result() end
    assert.is_false(barrier:broken())
  end)

  it("has the last one do its action before the others go on", function()
    local log = {}
    local barrier = sync.barrier(3, function()
      log[#log + 1] = "begin"
      heddle.sleep(0.01)
      log[#log + 1] = "end"
    end)
    local list = many(6, function(i)
      barrier:wait()
      log[#log + 1] = i
    end)
    for i = 1, 6 do list[i]:result() end
    assert.equal("begin", log[1])
    assert.equal("end", log[2])
    assert.equal(10, #log)
    assert.is_false(barrier:broken())
  end)

  it("breaks by an action that fails", function()
    local barrier = sync.barrier(2, function() error("action broke") end)
    local other = task.start(function() return barrier:wait() end)
    task.yield()
    raises("action broke", barrier.wait, barrier)
    assert.same({ nil, "broken" }, { other:result() })
    assert.is_true(barrier:broken())
  end)

  it("breaks by a time-out: of the wait, or its own", function()
    local barrier = sync.barrier(3)
    local other = task.start(function() return barrier:wait() end)
    task.yield()
    assert.same({ nil, "timeout" }, { barrier:wait(0.01) })
    assert.same({ nil, "broken" }, { other:result() })
    assert.same({ nil, "broken" }, { barrier:wait() })
    assert.same({ nil, "timeout" }, { sync.barrier(2, nil, 0.01):wait() })
    local none = sync.barrier(2)
    assert.same({ nil, "timeout" }, { none:wait(0) })
    assert.is_true(none:broken())
  end)

  it("breaks by a cancel for the others", function()
    local barrier = sync.barrier(3)
    local victim, other = table.unpack(many(2, function() return barrier:wait() end))
    heddle.sleep(0.002)
    victim:cancel()
    assert.same({ nil, "broken" }, { other:result() })
    assert.equal("cancelled", victim:status())
  end)

  it("is broken by abort until it is reset", function()
    local barrier = sync.barrier(2)
    local waiter = task.start(function() return barrier:wait() end)
    task.yield()
    barrier:abort()
    assert.same({ nil, "broken" }, { waiter:result() })
    assert.matches("broken", tostring(barrier))
    barrier:reset()
    waiter = task.start(function() return barrier:wait() end)
    task.yield()
    barrier:reset()
    assert.same({ nil, "broken" }, { waiter:result() })
    assert.is_false(barrier:broken())
    waiter = task.start(function() return barrier:wait() end)
    task.yield()
    assert.equal(1, barrier:wait())
    assert.equal(0, waiter:result())
  end)

  it("is broken while its action runs", function()
    local barrier
    barrier = sync.barrier(2, function() barrier:abort() end)
    local other = task.start(function() return barrier:wait() end)
    task.yield()
    assert.same({ nil, "broken" }, { barrier:wait() })
    assert.same({ nil, "broken" }, { other:result() })
  end)

  it("joins workers of all models, and one of them does the action", function()
    local value, workers = require("heddle.shared").value("int"), {}
    local barrier = sync.barrier(4, function() value:add(1) end)
    for i, model in ipairs(helper.models) do
      workers[i] = require("heddle." .. model).start(function(b, v)
        for round = 1, 20 do
          if not b:wait(10) then error("broken") end
          if v:get() < round then error("went on before the action") end
        end
        return true
      end, barrier, value)
    end
    for i = 1, 4 do assert.is_true(workers[i]:result(20)) end
    assert.equal(20, value:get())
  end)

  it("breaks by the death of a process that waits, or does the action", function()
    local barrier, log = sync.barrier(3), sync.latch(1)
    local victim = process.start(function(b, l)
      l:count_down()
      b:wait()
    end, barrier, log)
    local other = task.start(function() return barrier:wait(10) end)
    log:wait(5)
    helper.wait_for(function() return barrier:waiting() == 2 end)
    victim:kill()
    assert.same({ nil, "broken" }, { other:result() })
    pcall(victim.result, victim)
    local busy = sync.latch(1)
    local acting = sync.barrier(2, function()
      busy:count_down()
      require("heddle").sleep(60)
    end)
    other = task.start(function() return acting:wait(10) end)
    task.yield()
    victim = process.start(function(b) b:wait() end, acting)
    busy:wait(5)
    victim:kill()
    assert.same({ nil, "broken" }, { other:result() })
    pcall(victim.result, victim)
  end)

  it("refuses bad arguments by name", function()
    raises("sync.barrier: parties: .*0 %[bad%-argument%]$", sync.barrier, 0)
    raises("sync.barrier: parties: .*nothing", sync.barrier)
    raises("sync.barrier: action: .*number %[bad%-argument%]$", sync.barrier, 2, 5)
    raises("sync.barrier: timeout: .*%[bad%-time%]$", sync.barrier, 2, nil, -1)
    local barrier = sync.barrier(2)
    raises("barrier:wait: timeout: ", barrier.wait, barrier, -1)
  end)
end)
