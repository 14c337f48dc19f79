-- Who waits for a lock: the line, its order, time-outs, cancels and deaths.

local helper = require "spec.helper"
local heddle = require "heddle"
local sync = require "heddle.sync"
local queue = require "heddle.queue"
local shared = require "heddle.shared"
local task = require "heddle.task"
local thread = require "heddle.thread"

helper.case_limit = 20

local each, blocked = helper.each_model, helper.blocked

describe("waiters", function()
  it("are served in the order of their arrival", function()
    local lock, log, handles = sync.lock(), {}, {}
    lock:acquire()
    for i = 1, 10 do
      handles[i] = task.start(function()
        lock:acquire()
        log[#log + 1] = i
        lock:release()
      end)
    end
    heddle.yield()
    lock:release()
    for _, h in ipairs(handles) do h:join() end
    assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, log)
  end)

  it("a release hands over to the first task, even if the releaser wants it again", function()
    local lock, log = sync.lock(), {}
    local function body(name)
      for _ = 1, 3 do
        lock:acquire()
        log[#log + 1] = name
        heddle.yield()
        lock:release()
      end
    end
    local a, b = task.start(body, "a"), task.start(body, "b")
    a:join()
    b:join()
    assert.equal("a b a b a b", table.concat(log, " "))
  end)

  it("of OS threads are served in order once they have waited", function()
    local lock, log, handles = sync.lock(), {}, {}
    lock:acquire()
    for i = 1, 6 do
      handles[i] = blocked(thread.start(function()
        lock:acquire()
        log[#log + 1] = i
        lock:release()
      end))
    end
    heddle.sleep(0.005)
    lock:release()
    for _, h in ipairs(handles) do assert.is_true(h:join(5)) end
    assert.same({ 1, 2, 3, 4, 5, 6 }, log)
  end)

  each("of one OS thread are served in order when it is another that releases", function(M)
    local lock, freed, log = sync.lock(), shared.value "bool", {}
    local up, go = queue.new(), queue.new()
    local h = M.start(function(l, u, g, f)
      l:acquire()
      u:put(true)
      g:get()
      l:release()
      f:set(true)
    end, lock, up, go, freed)
    local function want(name)
      return task.start(function()
        lock:acquire()
        log[#log + 1] = name
        lock:release()
      end)
    end
    up:get()
    local first = want "first"
    heddle.yield()
    local second = want "second" -- runs before this loop hears of the release
    go:put(true)
    if M ~= task then
      while not freed:get() do end -- luacheck: ignore 542
    end
    for _, t in ipairs { h, first, second } do assert.is_true(t:join(5)) end
    assert.same({ "first", "second" }, log)
  end)

  it("one that timed out or was cancelled leaves no gap", function()
    local lock, log = sync.lock(), {}
    lock:acquire()
    local function want(name, timeout)
      return task.start(function()
        if lock:acquire(timeout) then
          log[#log + 1] = name
          lock:release()
        end
      end)
    end
    local a, b, c, d = want "a", want("b", 0.005), want "c", want "d"
    heddle.sleep(0.01)
    c:cancel()
    lock:release()
    for _, h in ipairs { a, b, c, d } do h:join() end
    assert.same({ "a", "d" }, log)
  end)

  it("a cancel that races with the release loses no wake-up", function()
    local lock = sync.lock()
    for i = 1, 50 do
      lock:acquire()
      local first = thread.start(function()
        lock:acquire()
        lock:release()
      end)
      local second = thread.start(function()
        lock:acquire()
        lock:release()
        return "served"
      end)
      if i % 2 == 0 then heddle.sleep(0.0005) end
      if i % 3 == 0 then
        lock:release()
        first:cancel()
      else
        first:cancel()
        lock:release()
      end
      assert.is_true(first:join(5))
      if first:status() == "cancelled" and lock:locked() and second:status() == "blocked" then
        -- cancelled between its acquire and its release: it keeps what it holds
        heddle.sleep(0.002)
        if second:status() == "blocked" then lock:release() end
      end
      assert.equal("served", second:result(5))
    end
  end)

  it("a time-out that races with the release loses no wake-up", function()
    local lock = sync.lock()
    for i = 1, 40 do
      lock:acquire()
      local handles = {}
      for k = 1, 4 do
        handles[k] = thread.start(function()
          if lock:acquire(0.0002 * k) then lock:release() end
        end)
      end
      local last = thread.start(function()
        lock:acquire()
        lock:release()
      end)
      heddle.sleep(0.0001 * (i % 10))
      lock:release()
      assert.is_true(last:join(5))
      for _, h in ipairs(handles) do assert.is_true(h:join(5)) end
      assert.is_false(lock:locked())
    end
  end)

  it("nobody starves beside one that takes it again and again", function()
    local lock, stop = sync.lock(), false
    local greedy = thread.start(function()
      while not stop do
        lock:acquire()
        for _ = 1, 100 do end
        lock:release()
      end
    end)
    for _ = 1, 10 do
      assert.is_true(lock:acquire(5))
      lock:release()
    end
    stop = true
    greedy:join()
  end)
end)
