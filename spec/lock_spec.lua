-- The lock, in and across all models.

local helper = require "spec.helper"
local heddle = require "heddle"
local sync = require "heddle.sync"
local queue = require "heddle.queue"
local task = require "heddle.task"

helper.case_limit = 20

local each, each_pair, blocked = helper.each_model, helper.each_pair, helper.blocked

describe("acquire and release", function()
  it("take it and give it back", function()
    local lock = sync.lock()
    assert.is_false(lock:locked())
    assert.same({ true, n = 1 }, table.pack(lock:acquire()))
    assert.is_true(lock:locked())
    assert.equal(0, select("#", lock:release()))
    assert.is_false(lock:locked())
  end)

  it("a thousand times", function()
    local lock = sync.lock()
    for _ = 1, 1000 do
      lock:acquire()
      lock:release()
    end
    assert.is_false(lock:locked())
  end)

  it("acquire with 0 only tries", function()
    local lock = sync.lock()
    assert.is_true(lock:acquire(0))
    assert.same({ nil, "timeout", n = 2 }, table.pack(lock:acquire(0)))
    lock:release()
    assert.is_true(lock:acquire(0))
  end)

  it("acquire gives up after its time", function()
    local lock = sync.lock()
    lock:acquire()
    local begun = heddle.now()
    assert.same({ nil, "timeout", n = 2 }, table.pack(lock:acquire(0.02)))
    assert.is_true(heddle.now() - begun >= 0.02)
  end)

  it("release of one that is not held is misuse", function()
    local lock = sync.lock()
    helper.raises("lock:release: .*%[lock%-not%-held%]$", lock.release, lock)
    lock:acquire()
    lock:release()
    helper.raises("%[lock%-not%-held%]$", lock.release, lock)
    assert.is_true(lock:acquire(0))
  end)

  each("any worker may release it", function(M)
    local lock = sync.lock()
    lock:acquire()
    M.start(function(l) l:release() end, lock):result()
    assert.is_false(lock:locked())
  end)

  it("a second acquire by the holder waits", function()
    local lock = sync.lock()
    lock:acquire()
    local h = task.start(function()
      lock:acquire()
      local again = lock:acquire(0.01)
      lock:release()
      return again
    end)
    lock:release()
    assert.is_nil((h:result()))
  end)
end)

describe("hold", function()
  it("is released at the end of its block", function()
    local lock = sync.lock()
    do
      local _ <close> = lock:hold()
      assert.is_true(lock:locked())
    end
    assert.is_false(lock:locked())
  end)

  it("is released when an error passes, or a cancel", function()
    local lock = sync.lock()
    pcall(function()
      local _ <close> = lock:hold()
      error "passes"
    end)
    assert.is_false(lock:locked())
    local h = task.start(function()
      local _ <close> = lock:hold()
      heddle.sleep(60)
    end)
    blocked(h):cancel()
    h:join()
    assert.is_false(lock:locked())
  end)

  it("gives back once", function()
    local lock = sync.lock()
    local guard = lock:hold()
    guard:release()
    assert.is_true(lock:acquire(0))
    guard:release()
    assert.is_true(lock:locked())
    do
      local again <close> = guard
      assert.is_truthy(again)
    end
    assert.is_true(lock:locked())
  end)

  it("with a time-out", function()
    local lock = sync.lock()
    local guard = assert(lock:hold(0))
    assert.same({ nil, "timeout", n = 2 }, table.pack(lock:hold(0.01)))
    helper.raises("timeout", function()
      local _ <close> = assert(lock:hold(0))
    end)
    guard:release()
    local _ <close> = lock:hold(0.01)
  end)

  it("keeps the lock alive and prints well", function()
    local guard = sync.lock():hold()
    collectgarbage()
    assert.matches("guard %(Lock%-%d+ %(lock_spec%.lua:%d+%)%)", tostring(guard))
    guard:release()
    assert.equal("guard (released)", tostring(guard))
  end)
end)

describe("exclusion", function()
  each_pair("never both inside", function(A, B)
    local lock = sync.lock()
    local inside = queue.new(0, { shared = true })
    local function body(l, q, rounds)
      local worst = 0
      for _ = 1, rounds do
        l:acquire()
        q:put(1)
        if q:size() > worst then worst = q:size() end
        require("heddle").yield()
        if q:size() > worst then worst = q:size() end
        q:get()
        l:release()
      end
      return worst
    end
    local a, b = A.start(body, lock, inside, 60), B.start(body, lock, inside, 60)
    assert.equal(1, a:result(10))
    assert.equal(1, b:result(10))
    assert.is_false(lock:locked())
    assert.equal(0, inside:size())
  end)

  each_pair("the second waits for the first's release", function(A, B)
    local lock, held, log = sync.lock(), queue.new(), queue.new()
    local a = A.start(function(l, h, o)
      l:acquire()
      h:put(1)
      require("heddle").sleep(0.01)
      o:put "first"
      l:release()
    end, lock, held, log)
    held:get(10)
    local b = B.start(function(l, o)
      l:acquire()
      o:put "second"
      l:release()
    end, lock, log)
    assert.is_true(a:join(10) and b:join(10))
    assert.equal("first", log:get(20))
    assert.equal("second", log:get(20))
  end)

  it("all four models at once count exactly", function()
    local lock, cell = sync.lock(), queue.new(1, { shared = true })
    cell:put(0)
    local function body(l, c)
      for _ = 1, 50 do
        local _ <close> = l:hold()
        local n = c:get(0) -- never empty under the lock
        c:put(n + 1)
      end
    end
    local handles = {}
    for _, model in ipairs(helper.models) do
      for _ = 1, 2 do
        handles[#handles + 1] = require("heddle." .. model).start(body, lock, cell)
      end
    end
    for _, h in ipairs(handles) do h:result(20) end
    assert.equal(400, cell:get(0))
  end)
end)

describe("abandoned", function()
  it("comes once, with hold as well", function()
    local lock = sync.lock()
    local process = require "heddle.process"
    process.start(function(l) l:acquire() end, lock):join()
    local guard, how = lock:hold(5)
    assert.equal("abandoned", how)
    guard:release()
    assert.is_nil(select(2, lock:acquire(0)))
  end)

  each("does not come from one that released", function(M)
    local lock = sync.lock()
    M.start(function(l)
      l:acquire()
      l:release()
    end, lock):join()
    assert.same({ true, n = 1 }, table.pack(lock:acquire(5)))
  end)

  it("does not come from one that another released meanwhile", function()
    local lock, go = sync.lock(), queue.new()
    local h = require("heddle.process").start(function(l, q)
      l:acquire()
      q:get()
    end, lock, go)
    helper.wait_for(function() return lock:locked() end)
    lock:release()
    lock:acquire()
    h:kill()
    h:join()
    pcall(h.result, h)
    assert.is_true(lock:locked())
    assert.is_nil((lock:acquire(0.02)))
    lock:release()
    assert.same({ true, n = 1 }, table.pack(lock:acquire(20)))
  end)
end)

describe("its name", function()
  it("is kind, number and birthplace by default", function()
    local a, _, b = sync.lock(), sync.event(), sync.lock()
    local number = tonumber(a.name:match "^Lock%-(%d+) %(lock_spec%.lua:%d+%)$")
    assert.is_number(number)
    assert.matches("^Lock%-" .. number + 1 .. " ", b.name)
  end)

  it("keeps the line of a birthplace in a file with a long name", function()
    local make = load("return (...).lock()", "@x/an_awfully_long_name_of_a_file.lua")
    local lock = make(sync)
    assert.matches("^Lock%-%d+ %(%.%.%.[%w_]+of_a_file%.lua:1%)$", lock.name)
  end)

  each("can be written, and is the same everywhere", function(M)
    local lock = sync.lock()
    lock.name = "accounts"
    assert.equal("accounts", lock.name)
    assert.equal("accounts", M.start(function(l) return l.name end, lock):result())
    lock.name = ("é"):rep(40)
    assert.equal(("é"):rep(19), lock.name) -- whole characters
    helper.raises("name: a string expected, got a number .*%[bad%-argument%]$", function()
      lock.name = 5
    end)
    helper.raises("field 'nmae' can't be set", function() lock.nmae = "x" end)
  end)

  it("prints with state, holder and waiters", function()
    local lock = sync.lock()
    lock.name = "printed"
    assert.matches("^lock printed %(free, 0 waiting%)$", tostring(lock))
    local h = task.start({ name = "holder" }, function()
      lock:acquire()
      heddle.sleep(60)
    end)
    local w = task.start(function() lock:acquire() end)
    heddle.yield()
    assert.matches("^lock printed %(held by holder, 1 waiting%)$", tostring(lock))
    h:cancel()
    w:cancel()
    h:join()
    w:join()
  end)
end)

describe("its holder", function()
  each("is printed by name", function(M)
    local held, go = sync.event(), sync.event()
    for _, lock in ipairs { sync.lock(), sync.rlock(), sync.condition() } do
      lock.name = "printed"
      local h = M.start({ name = "keeper" }, function(l, is_held, may_go)
        l:acquire()
        is_held:set()
        may_go:wait()
        l:release()
      end, lock, held, go)
      held:wait()
      assert.matches("^%a+ printed %(held.* by keeper, 0 waiting%)$", tostring(lock))
      go:set()
      assert.is_true(h:join(10))
      assert.matches("%(free, 0 waiting%)$", tostring(lock))
      held:clear()
      go:clear()
    end
  end)

  it("is the running task", function()
    local lock, rlock = sync.lock(), sync.rlock()
    task.start({ name = "me" }, function()
      local _ <close> = lock:hold()
      local _ <close> = rlock:hold()
      assert.matches("%(held by me, 0 waiting%)$", tostring(lock))
      assert.matches("%(held 1 deep by me, 0 waiting%)$", tostring(rlock))
    end):result()
  end)

  it("has ended, or is out of sight", function()
    local lock = sync.lock()
    task.start(function() lock:acquire() end):join()
    assert.matches("%(held by a task of process main, 0 waiting%)$", tostring(lock))
    lock:release()
  end)
end)

describe("many locks", function()
  it("are freed when nobody has them", function()
    local native = require "heddle.native.sync"
    collectgarbage()
    collectgarbage()
    local before = native.objects()
    for _ = 1, 2000 do sync.lock() end
    collectgarbage()
    collectgarbage()
    assert.is_true(native.objects() <= before + 1)
  end)

  it("a lock lives on while only another interpreter has it", function()
    local q = queue.new()
    local h = require("heddle.isolate").start(function(go)
      local l = go:get()
      go:put "have it"
      require("heddle").sleep(0.01)
      l:acquire()
      l:release()
      return "fine"
    end, q)
    q:put(sync.lock())
    heddle.sleep(0.002)
    collectgarbage()
    collectgarbage()
    assert.equal("fine", h:result(5))
  end)
end)
