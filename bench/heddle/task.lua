-- Our side of the works on one interpreter: tasks, the queue between them, the lock.
-- usage: heddle task.lua WORK
package.path = (arg[0]:match("^(.*)/") or ".") .. "/?.lua;" .. package.path
local harness = require "harness"
local heddle = require "heddle"
local task = require "heddle.task"
local queue = require "heddle.queue"
local sync = require "heddle.sync"
local now = harness.now
local works = {}

function works.task_switch(w)
  local yield = heddle.yield
  local function spin(n) for _ = 1, n do yield() end end
  harness.rate(w, "heddle.yield", function(n)
    local t = now()
    local a, b = task.start(spin, n // 2), task.start(spin, n // 2)
    a:join()
    b:join()
    return now() - t
  end, 10000, "switches/s")
end

function works.task_spawn(w)
  local function nothing() end
  harness.rate(w, "task.start, join", function(n)
    local t = now()
    for at = 1, n, 100000 do
      local all, k = {}, math.min(n - at + 1, 100000)
      for i = 1, k do all[i] = task.start(nothing) end
      for i = 1, k do all[i]:join() end
    end
    return now() - t
  end, 100000, "starts/s")
end

local function resident()
  local f <close> = assert(io.open("/proc/self/statm"))
  return tonumber(f:read("a"):match("%d+ (%d+)")) * 4096
end

-- One figure a process: what the kernel gave once is not given back.
function works.task_memory(w)
  local sleep, all, count = heddle.sleep, {}, 100000
  sleep(0.01)
  collectgarbage()
  local before = resident()
  for i = 1, count do
    all[i] = task.start(function() sleep(3600) end)
  end
  sleep(0.5)
  harness.report(w, "heddle.sleep", { (resident() - before) / #all }, "bytes")
  io.stdout:flush()
  os.exit(0, false)
end

function works.queue_task(w)
  harness.rate(w, "queue.new(100)", function(n)
    local q = queue.new(100)
    local t = now()
    local producer = task.start(function()
      for i = 1, n do q:put(i) end
      q:put(false)
    end)
    local consumer = task.start(function()
      while q:get() do end -- luacheck: ignore 542
    end)
    producer:join()
    consumer:join()
    return now() - t
  end, 10000, "items/s")
end

function works.lock_uncontended(w)
  local lock = sync.lock()
  harness.rate(w, "sync.lock", function(n)
    local t = now()
    for _ = 1, n do
      lock:acquire()
      lock:release()
    end
    return now() - t
  end, 10000, "pairs/s")
end

harness.main(works)
