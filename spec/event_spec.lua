-- The event: set, clear, wait; between every two models.

local helper = require "spec.helper"
local heddle = require "heddle"
local sync = require "heddle.sync"
local task = require "heddle.task"

local start = helper.start

describe("sync.event", function()
  it("begins not set, and is set until it is cleared", function()
    local event = sync.event()
    assert.is_false(event:is_set())
    event:set()
    event:set()
    assert.is_true(event:is_set())
    event:clear()
    assert.is_false(event:is_set())
  end)

  it("does not make anybody wait while it is set", function()
    local event = sync.event()
    event:set()
    assert.is_true(event:wait())
    assert.is_true(event:wait(0))
  end)

  it("gives up after the time-out", function()
    local event = sync.event()
    local began = heddle.now()
    assert.same({ nil, "timeout" }, { event:wait(0.03) })
    assert.is_true(heddle.now() - began >= 0.029)
    assert.same({ nil, "timeout" }, { event:wait(0) })
  end)

  it("lets everyone go on in order of arrival", function()
    local event, order, waiters = sync.event(), {}, {}
    for i = 1, 20 do
      waiters[i] = task.start(function()
        event:wait()
        order[#order + 1] = i
      end)
    end
    heddle.sleep(0.01)
    event:set()
    for i = 1, 20 do waiters[i]:join() end
    for i = 1, 20 do assert.equal(i, order[i]) end
  end)

  it("lets those go on who waited when it was set and cleared at once", function()
    local event, woken, waiters = sync.event(), 0, {}
    for i = 1, 5 do
      waiters[i] = task.start(function() if event:wait(5) then woken = woken + 1 end end)
    end
    heddle.sleep(0.01)
    event:set()
    event:clear()
    for i = 1, 5 do waiters[i]:join() end
    assert.equal(5, woken)
    assert.same({ nil, "timeout" }, { event:wait(0.01) })
  end)

  it("keeps the others in line when one is cancelled or runs out of time", function()
    local event = sync.event()
    local cancelled = task.start(function() event:wait() end)
    local impatient = task.start(function() return select(2, event:wait(0.01)) end)
    local patient = task.start(function() return event:wait() end)
    heddle.sleep(0.03)
    cancelled:cancel()
    cancelled:join()
    event:set()
    assert.equal("timeout", impatient:result())
    assert.is_true(patient:result())
    assert.equal("cancelled", cancelled:status())
  end)

  it("shows its state and its name", function()
    local event = sync.event()
    assert.matches("^event Event%-%d+ %(event_spec.lua:%d+%) %(not set, 0 waiting%)$",
      tostring(event))
    event.name = "start signal"
    event:set()
    assert.equal("event start signal (set, 0 waiting)", tostring(event))
  end)

  it("refuses bad arguments by name", function()
    local event = sync.event()
    assert.error_matches(function() event:wait(-1) end, "event:wait: timeout: .*%[bad%-time%]$")
    assert.error_matches(function() event.set() end, "event:set: self: .*%[bad%-self%]$")
  end)

  for _, setter in ipairs(helper.models) do
    for _, waiter in ipairs(helper.models) do
      it(("is set in a %s, waited for in a %s"):format(setter, waiter), function()
        local event, ready = sync.event(), sync.latch(2)
        local function wait(e, r)
          r:count_down()
          return e:wait(10)
        end
        local a, b = start(waiter, wait, event, ready), start(waiter, wait, event, ready)
        assert.is_true(ready:wait(5))
        start(setter, function(e) e:set() end, event):result(5)
        assert.is_true(a:result(5))
        assert.is_true(b:result(5))
      end)
    end
  end

  it("outlives a waiter that is killed", function()
    local event, ready = sync.event(), sync.latch(1)
    local victim = require("heddle.process").start(function(e, r)
      r:count_down()
      e:wait()
    end, event, ready)
    ready:wait(5)
    local other = task.start(function() return event:wait(5) end)
    heddle.sleep(0.02)
    victim:kill()
    victim:join(5)
    pcall(victim.result, victim)
    event:set()
    assert.is_true(other:result(5))
    assert.matches("0 waiting", tostring(event))
  end)
end)
