-- Semaphores: permits, bounds, order, between every two models, a holder that dies.

local helper = require "spec.helper"
local heddle = require "heddle"
local sync = require "heddle.sync"
local task = require "heddle.task"
local process = require "heddle.process"
local raises = helper.raises

local start = helper.start

describe("sync.semaphore", function()
  it("gives out its permits, one unless told otherwise", function()
    local one, three, none = sync.semaphore(), sync.semaphore(3), sync.semaphore(0)
    assert.is_true(one:acquire())
    assert.same({ nil, "timeout" }, { one:acquire(0) })
    for _ = 1, 3 do assert.is_true(three:acquire(0)) end
    assert.equal(0, three:value())
    three:release(2)
    three:release()
    assert.equal(3, three:value())
    assert.same({ nil, "timeout" }, { none:acquire(0.01) })
    none:release(5)
    assert.equal(5, none:value())
  end)

  it("is held by a block", function()
    local semaphore = sync.semaphore(2)
    do
      local _ <close> = semaphore:hold()
      local guard <close> = semaphore:hold(1)
      assert.equal(0, semaphore:value())
      assert.same({ nil, "timeout" }, { semaphore:hold(0) })
      guard:release()
      guard:release()
      assert.equal(1, semaphore:value())
    end
    assert.equal(2, semaphore:value())
  end)

  it("serves its waiters in order, and as many as there are permits", function()
    local semaphore, order, waiters = sync.semaphore(0), {}, {}
    for i = 1, 9 do
      waiters[i] = task.start(function()
        semaphore:acquire()
        order[#order + 1] = i
      end)
    end
    heddle.sleep(0.005)
    semaphore:release(3)
    heddle.sleep(0.005)
    assert.same({ 1, 2, 3 }, order)
    semaphore:release(6)
    for i = 1, 9 do waiters[i]:join() end
    for i = 1, 9 do assert.equal(i, order[i]) end
  end)

  it("loses no permit to a waiter that is cancelled", function()
    for round = 1, 20 do
      local semaphore = sync.semaphore(0)
      local a = task.start(function() semaphore:acquire() end)
      local b = task.start(function() return semaphore:acquire(2) end)
      heddle.sleep(0)
      task.yield()
      if round % 2 == 0 then a:cancel() end
      semaphore:release()
      if round % 2 == 1 then a:cancel() end
      assert.is_true(b:result())
      assert.equal("cancelled", a:status())
    end
  end)

  it("never lets more in than it has permits", function()
    local semaphore, inside, most, workers = sync.semaphore(3), 0, 0, {}
    for i = 1, 20 do
      workers[i] = task.start(function()
        local _ <close> = semaphore:hold()
        inside = inside + 1
        most = math.max(most, inside)
        heddle.sleep(0.001)
        inside = inside - 1
      end)
    end
    for i = 1, 20 do workers[i]:result() end
    assert.equal(3, most)
    assert.equal(3, semaphore:value())
  end)

  for _, a in ipairs(helper.models) do
    for _, b in ipairs(helper.models) do
      it(("passes permits from a %s to a %s"):format(a, b), function()
        local semaphore = sync.semaphore(0)
        local taker = start(b, function(s)
          local n = 0
          for _ = 1, 50 do if s:acquire(10) then n = n + 1 end end
          return n
        end, semaphore)
        start(a, function(s) for _ = 1, 50 do s:release() end end, semaphore):result(10)
        assert.equal(50, taker:result(10))
        assert.equal(0, semaphore:value())
      end)
    end
  end

  it("gets back what a process held when it died, and only that", function()
    local semaphore, ready = sync.semaphore(4), sync.latch(1)
    local victim = process.start(function(s, r)
      s:acquire()
      local _ <close> = s:hold()
      local _ <close> = s:hold()
      r:count_down()
      require("heddle").sleep(60)
    end, semaphore, ready)
    ready:wait(5)
    assert.equal(1, semaphore:value())
    victim:kill()
    victim:join()
    helper.wait_for(function() return semaphore:value() == 3 end)
    local _ <close> = semaphore:hold()
    assert.equal(2, semaphore:value())
    pcall(victim.result, victim)
  end)

  it("is bounded if that is wanted", function()
    local semaphore = sync.bounded_semaphore(2)
    raises("semaphore:release: .*%[too%-many%-permits%]$", semaphore.release, semaphore)
    semaphore:acquire()
    raises("%[too%-many%-permits%]$", semaphore.release, semaphore, 2)
    semaphore:release()
    assert.equal(2, semaphore:value())
    assert.matches("%(2 of 2 permits, 0 waiting%)$", tostring(semaphore))
    assert.equal(1, sync.bounded_semaphore():value())
    raises("the bound is 0", sync.bounded_semaphore(0).release, sync.bounded_semaphore(0))
  end)

  it("has at most as many permits as a number can tell", function()
    local semaphore = sync.semaphore()
    raises("%[too%-many%-permits%]$", semaphore.release, semaphore, math.maxinteger)
    assert.equal(1, semaphore:value())
    semaphore:release(math.maxinteger - 1)
    assert.equal(math.maxinteger, semaphore:value())
    assert.matches("%(9223372036854775807 permits, 0 waiting%)$", tostring(semaphore))
  end)

  it("with a bound is not released above it through a guard either", function()
    local semaphore = sync.bounded_semaphore(1)
    local guard = semaphore:hold()
    semaphore:release()
    raises("guard:release: .*bound is 1%) %[too%-many%-permits%]$", guard.release, guard)
    assert.equal(1, semaphore:value())
    require("heddle.process").start(function()
      local mine = semaphore:hold()
      semaphore:release()
      return tostring(mine)
    end):result()
    assert.is_true(semaphore:acquire(10))
    assert.equal(0, semaphore:value())
  end)

  it("refuses bad arguments by name", function()
    raises("sync.semaphore: n: .*%-1 %[bad%-argument%]$", sync.semaphore, -1)
    raises("sync.bounded_semaphore: n: .*string", sync.bounded_semaphore, "many")
    local semaphore = sync.semaphore()
    raises("semaphore:release: k: .*0 %[bad%-argument%]$", semaphore.release, semaphore, 0)
    raises("semaphore:acquire: timeout: ", semaphore.acquire, semaphore, "now")
  end)
end)
