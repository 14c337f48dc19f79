-- The re-entrant lock: owner and levels, waiting, between every two models, a holder that dies.

local helper = require "spec.helper"
local heddle = require "heddle"
local sync = require "heddle.sync"
local task = require "heddle.task"
local process = require "heddle.process"
local raises = helper.raises

local start = helper.start

describe("sync.rlock", function()
  it("is taken again by its owner, and free after as many releases", function()
    local lock = sync.rlock()
    for _ = 1, 3 do assert.is_true(lock:acquire()) end
    local other = task.start(function() return lock:acquire(0.01) end)
    assert.same({ nil, "timeout" }, { other:result() })
    for _ = 1, 2 do lock:release() end
    assert.is_true(lock:locked())
    lock:release()
    assert.is_false(lock:locked())
    assert.is_true(task.start(function()
      local got = lock:acquire(0)
      lock:release()
      return got
    end):result())
  end)

  it("belongs to the task, whatever coroutine it runs", function()
    local lock = sync.rlock()
    lock:acquire()
    local co = coroutine.wrap(function()
      assert.is_true(lock:acquire(0))
      coroutine.yield()
      lock:release()
    end)
    co()
    co()
    lock:release()
    assert.is_false(lock:locked())
  end)

  it("is not released by another", function()
    local lock = sync.rlock()
    raises("rlock:release: .*%[lock%-not%-held%]$", lock.release, lock)
    lock:acquire()
    local thief = task.start(function() lock:release() end)
    raises("rlock:release: .*%[lock%-not%-owned%]", thief.result, thief)
    local guard = lock:hold()
    local closer = task.start(function() guard:release() end)
    raises("guard:release: .*%[lock%-not%-owned%]", closer.result, closer)
    guard:release()
    guard:release()
    lock:release()
    assert.is_false(lock:locked())
  end)

  it("is held by a block", function()
    local lock = sync.rlock()
    do
      local _ <close> = lock:hold()
      local _ <close> = lock:hold(0)
      assert.matches("held 2 deep", tostring(lock))
    end
    assert.is_false(lock:locked())
    local done = sync.event()
    local holder = task.start(function()
      local _ <close> = lock:hold()
      done:wait()
    end)
    task.yield()
    assert.same({ nil, "timeout" }, { lock:hold(0.01) })
    done:set()
    holder:join()
  end)

  it("serves its waiters in order of arrival", function()
    local lock, order, waiters = sync.rlock(), {}, {}
    lock:acquire()
    lock:acquire()
    for i = 1, 10 do
      waiters[i] = task.start(function()
        local _ <close> = lock:hold()
        order[#order + 1] = i
        task.yield()
      end)
    end
    heddle.sleep(0.005)
    lock:release()
    lock:release()
    for i = 1, 10 do waiters[i]:join() end
    for i = 1, 10 do assert.equal(i, order[i]) end
  end)

  for _, a in ipairs(helper.models) do
    for _, b in ipairs(helper.models) do
      it(("keeps a counter right between a %s and a %s"):format(a, b), function()
        local lock, value = sync.rlock(), require("heddle.shared").value("int")
        local function work(l, v)
          for _ = 1, 300 do
            l:acquire()
            l:acquire()
            v:set(v:get() + 1)
            l:release()
            l:release()
          end
        end
        local x, y = start(a, work, lock, value), start(b, work, lock, value)
        x:result(20)
        y:result(20)
        assert.equal(600, value:get())
      end)
    end
  end

  it("comes back from a process that dies while it holds it", function()
    local lock, held = sync.rlock(), sync.event()
    local victim = process.start(function(l, h)
      l:acquire()
      l:acquire()
      h:set()
      require("heddle").sleep(60)
    end, lock, held)
    held:wait(5)
    victim:kill()
    assert.same({ true, "abandoned" }, { lock:acquire(5) })
    assert.matches("held 1 deep", tostring(lock))
    lock:release()
    assert.same({ true }, { lock:acquire(5) })
    lock:release()
    pcall(victim.result, victim)
  end)

  it("refuses bad arguments by name", function()
    local lock = sync.rlock()
    raises("rlock:acquire: timeout: .*%[bad%-time%]$", lock.acquire, lock, -1)
    raises("rlock:acquire: self: .*%[bad%-self%]$", lock.acquire, sync.lock())
  end)
end)
