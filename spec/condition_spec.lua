-- The condition: what wait gives up and takes back, who is notified, deaths and cancels.

local helper = require "spec.helper"
local heddle = require "heddle"
local sync = require "heddle.sync"
local task = require "heddle.task"
local process = require "heddle.process"
local raises = helper.raises

local start = helper.start

-- n tasks that wait, in order; each adds its number to `log` when it was notified
local function waiters(condition, n, log)
  local list = {}
  for i = 1, n do
    list[i] = task.start(function()
      local _ <close> = condition:hold()
      local ok, why = condition:wait()
      log[#log + 1] = i
      return ok, why
    end)
  end
  heddle.sleep(0.005)
  return list
end

describe("sync.condition", function()
  it("has its lock's methods, of an rlock unless another is given", function()
    local condition = sync.condition()
    assert.is_true(condition:acquire())
    assert.is_true(condition:acquire(0))
    condition:release()
    condition:release()
    assert.is_false(condition:locked())
    local lock = sync.lock()
    local other = sync.condition(lock)
    do
      local _ <close> = other:hold()
      assert.is_true(lock:locked())
      assert.same({ nil, "timeout" }, { other:acquire(0) })
    end
    assert.is_false(lock:locked())
  end)

  it("lets the first n go on, when they have the lock", function()
    local condition, log = sync.condition(), {}
    local list = waiters(condition, 5, log)
    condition:acquire()
    condition:notify()
    condition:notify(2)
    heddle.sleep(0.005)
    assert.same({}, log)
    condition:release()
    heddle.sleep(0.005)
    assert.same({ 1, 2, 3 }, log)
    condition:acquire()
    condition:notify_all()
    condition:release()
    for i = 1, 5 do assert.is_true(list[i]:result()) end
    assert.same({ 1, 2, 3, 4, 5 }, log)
  end)

  it("does not keep a notify for those who come later", function()
    local condition = sync.condition()
    local _ <close> = condition:hold()
    condition:notify()
    condition:notify_all()
    condition:notify(0)
    assert.same({ nil, "timeout" }, { condition:wait(0.01) })
    assert.same({ nil, "timeout" }, { condition:wait(0) })
  end)

  it("gives all levels up and takes them back", function()
    local rlock = sync.rlock()
    local condition = sync.condition(rlock)
    local waiter = task.start(function()
      for _ = 1, 3 do rlock:acquire() end
      condition:wait()
      for _ = 1, 3 do rlock:release() end
      return rlock:locked()
    end)
    heddle.sleep(0.005)
    assert.is_true(rlock:acquire(0))
    condition:notify()
    rlock:release()
    assert.is_false(waiter:result())
  end)

  it("gives the lock to others in a wait of 0", function()
    local condition, got = sync.condition(), nil
    condition:acquire()
    local other = task.start(function()
      local _ <close> = condition:hold()
      got = true
    end)
    task.yield()
    condition:wait(0)
    assert.is_true(got)
    condition:release()
    other:join()
  end)

  it("passes a notify on that met a cancelled or timed-out waiter", function()
    for round = 1, 20 do
      local condition, log = sync.condition(), {}
      local list = waiters(condition, 3, log)
      condition:acquire()
      if round % 2 == 0 then list[1]:cancel() end
      condition:notify()
      if round % 2 == 1 then list[1]:cancel() end
      condition:release()
      assert.is_true(list[2]:join(20))
      assert.same({ 2 }, log)
      assert.equal("cancelled", list[1]:status())
      assert.is_true(list[3]:alive())
      list[3]:cancel()
      list[3]:join()
      assert.is_false(condition:locked())
    end
  end)

  it("has the lock when a cancel is raised, and a time-out cuts the wait", function()
    local condition = sync.condition()
    condition:acquire()
    local locked
    assert.same({ nil, "timeout" }, { task.timeout(0.01, function()
      local _, err = pcall(condition.wait, condition)
      locked = condition:locked()
      error(err, 0)
    end) })
    assert.is_true(locked)
    condition:release()
    raises("not held", condition.release, condition)
  end)

  it("waits for the lock even when it is cancelled meanwhile", function()
    local condition, released = sync.condition(), false
    local waiter = task.start(function()
      local _ <close> = condition:hold()
      condition:wait()
      return released
    end)
    heddle.sleep(0.005)
    condition:acquire()
    condition:notify()
    task.yield()
    waiter:cancel()
    heddle.sleep(0.01)
    released = true
    condition:release()
    assert.is_true(waiter:result(20))
  end)

  it("ends in a task that is stopped for good", function()
    local condition = sync.condition()
    local waiter = task.start(function()
      local _ <close> = condition:hold()
      condition:wait()
    end)
    heddle.sleep(0.005)
    condition:acquire()
    waiter:cancel { hard = true }
    assert.is_true(waiter:join(20))
    assert.equal("cancelled", waiter:status())
    condition:release()
    assert.is_false(condition:locked())
  end)

  it("waits for a predicate", function()
    local condition, n = sync.condition(), 0
    local waiter = task.start(function()
      local _ <close> = condition:hold()
      return condition:wait_for(function() return n >= 3 and "three" end)
    end)
    for _ = 1, 3 do
      heddle.sleep(0.002)
      local _ <close> = condition:hold()
      n = n + 1
      condition:notify()
    end
    assert.equal("three", waiter:result())
    local _ <close> = condition:hold()
    local began = heddle.now()
    assert.same({ nil, "timeout" }, { condition:wait_for(function() return false end, 0.02) })
    assert.is_true(heddle.now() - began >= 0.019)
    raises("pred broke", condition.wait_for, condition, function() error("pred broke") end)
    assert.is_true(condition:locked())
  end)

  for _, a in ipairs(helper.models) do
    for _, b in ipairs(helper.models) do
      it(("is waited for in a %s, notified in a %s"):format(a, b), function()
        local condition, flag = sync.condition(), require("heddle.shared").value("int")
        local function wait(c, v)
          local _ <close> = c:hold()
          return c:wait_for(function() return v:get() == 1 end, 10)
        end
        local x, y = start(a, wait, condition, flag), start(a, wait, condition, flag)
        start(b, function(c, v)
          local _ <close> = c:hold()
          v:set(1)
          c:notify_all()
        end, condition, flag):result(5)
        assert.is_true(x:result(10))
        assert.is_true(y:result(10))
      end)
    end
  end

  it("tells that its lock was abandoned, and loses no notify with a process", function()
    local condition, ready = sync.condition(), sync.latch(1)
    local victim = process.start(function(c, r)
      c:acquire()
      r:count_down()
      c:wait()
    end, condition, ready)
    ready:wait(5)
    condition:acquire()
    condition:release()
    local survivor = task.start(function()
      local _ <close> = condition:hold()
      return condition:wait(5)
    end)
    heddle.sleep(0.01)
    condition:acquire()
    victim:kill "SIGSTOP" -- the notify finds it in line
    condition:notify()
    victim:kill()
    victim:join()
    condition:release()
    assert.is_true((survivor:result(5)))
    local holder = process.start(function(c) c:acquire() end, condition)
    holder:join()
    assert.same({ true, "abandoned" }, { condition:acquire(5) })
    condition:release()
    pcall(victim.result, victim)
  end)

  it("refuses bad arguments by name", function()
    local condition = sync.condition()
    raises("condition:wait: .*%[lock%-not%-held%]$", condition.wait, condition)
    raises("condition:notify: .*%[lock%-not%-held%]$", condition.notify, condition)
    raises("condition:wait_for: .*%[lock%-not%-held%]$", condition.wait_for, condition, print)
    raises("sync.condition: lock: .*got a number %[bad%-argument%]$", sync.condition, 5)
    raises("sync.condition: lock: ", sync.condition, sync.event())
    local _ <close> = condition:hold()
    raises("condition:notify: n: .*%-1 %[bad%-argument%]$", condition.notify, condition, -1)
    raises("condition:wait: timeout: .*%[bad%-time%]$", condition.wait, condition, -1)
    raises("condition:wait_for: pred: .*nil", condition.wait_for, condition)
  end)
end)
