-- The latch: counts down to 0 and lets everyone go on; between every two models.

local helper = require "spec.helper"
local heddle = require "heddle"
local sync = require "heddle.sync"
local task = require "heddle.task"

local start = helper.start

describe("sync.latch", function()
  it("counts down, by one or more, and stops at 0", function()
    local latch = sync.latch(5)
    assert.equal(5, latch:count())
    latch:count_down()
    assert.equal(4, latch:count())
    latch:count_down(3)
    assert.equal(1, latch:count())
    latch:count_down(10)
    latch:count_down()
    assert.equal(0, latch:count())
  end)

  it("is open from the start with a count of 0", function()
    assert.is_true(sync.latch(0):wait())
  end)

  it("makes everyone wait until it is at 0", function()
    local latch, passed, waiters = sync.latch(3), 0, {}
    for i = 1, 10 do
      waiters[i] = task.start(function()
        assert(latch:wait())
        passed = passed + 1
      end)
    end
    for _ = 1, 2 do
      latch:count_down()
      heddle.sleep(0.005)
    end
    assert.equal(0, passed)
    latch:count_down()
    for i = 1, 10 do waiters[i]:result() end
    assert.equal(10, passed)
    assert.is_true(latch:wait(0))
  end)

  it("gives up after the time-out", function()
    assert.same({ nil, "timeout" }, { sync.latch(1):wait(0.02) })
    assert.same({ nil, "timeout" }, { sync.latch(1):wait(0) })
  end)

  it("shows its count", function()
    assert.matches("%(count 2, 0 waiting%)$", tostring(sync.latch(2)))
  end)

  it("refuses bad arguments by name", function()
    assert.error_matches(function() sync.latch() end, "sync.latch: n: .*nothing %[bad%-argument%]$")
    assert.error_matches(function() sync.latch(-1) end, "sync.latch: n: .*%-1 %[bad%-argument%]$")
    assert.error_matches(function() sync.latch(1.5) end, "sync.latch: n: .*1.5 %[bad%-argument%]$")
    assert.error_matches(function() sync.latch(1):count_down(-1) end, "latch:count_down: k: .*%-1 ")
    assert.error_matches(function() sync.latch("3") end, "sync.latch: n: .*string ")
  end)

  for _, counter in ipairs(helper.models) do
    for _, waiter in ipairs(helper.models) do
      it(("is counted down in a %s, waited for in a %s"):format(counter, waiter), function()
        local latch = sync.latch(3)
        local w = start(waiter, function(l) return l:wait(10) end, latch)
        for _ = 1, 3 do start(counter, function(l) l:count_down() end, latch):join(5) end
        assert.is_true(w:result(5))
      end)
    end
  end
end)
