-- Many sleepers, and many tasks that are cancelled where they wait.
-- usage: heddle timers.lua WORK
package.path = (arg[0]:match("^(.*)/") or ".") .. "/?.lua;" .. package.path
local harness = require "harness"
local heddle = require "heddle"
local task = require "heddle.task"
local sync = require "heddle.sync"
local queue = require "heddle.queue"
local now = harness.now
local works = {}

local SLEEPERS, LONGEST = 100000, 0.5

-- Sleeps of 0 to 500 ms, all begun together; returns how long until the last has ended, and the CPU
-- seconds that took.
local function sleep_all()
  local sleep, start, random = heddle.sleep, task.start, math.random
  local lengths, all = {}, {}
  for i = 1, SLEEPERS do lengths[i] = random() * LONGEST end
  lengths[SLEEPERS] = LONGEST
  local t, cpu = now(), os.clock()
  for i = 1, SLEEPERS do all[i] = start(sleep, lengths[i]) end
  for i = 1, SLEEPERS do all[i]:join() end
  return now() - t, os.clock() - cpu
end

-- How long after the longest sleep's length the last one has ended.
function works.timers(w)
  local late = {}
  for i = 1, harness.reps do late[i] = (sleep_all() - LONGEST) * 1000 end
  harness.report(w, "heddle.sleep", late, "ms late")
end

function works.timers_cpu(w)
  local spent = {}
  for i = 1, harness.reps do
    local _, cpu = sleep_all()
    spent[i] = cpu * 1000
  end
  harness.report(w, "heddle.sleep", spent, "ms of CPU")
end

local function shuffle(list)
  for i = #list, 2, -1 do
    local k = math.random(i)
    list[i], list[k] = list[k], list[i]
  end
end

-- A third of the tasks waits at a lock, a third at a semaphore, a third at a queue. What they wait
-- for must be whole afterwards.
local function storm(n)
  local lock, semaphore, q = sync.lock(), sync.semaphore(0), queue.new()
  local waits = {
    function() lock:acquire() end,
    function() semaphore:acquire() end,
    function() q:get() end,
  }
  local all = {}
  lock:acquire()
  for i = 1, n do all[i] = task.start(waits[i % 3 + 1]) end
  heddle.yield()
  shuffle(all)
  local t = now()
  for i = 1, n do all[i]:cancel() end
  for i = 1, n do all[i]:join() end
  t = now() - t
  lock:release()
  semaphore:release()
  q:put(1)
  assert(lock:acquire(0) and semaphore:acquire(0) and q:get(0) == 1, "something was lost")
  return t
end

function works.cancel_storm(w)
  harness.rate(w, "task:cancel", function(n)
    local t = 0
    for at = 1, n, 10000 do t = t + storm(math.min(10000, n - at + 1)) end
    return t
  end, 10000, "cancels/s")
end

harness.main(works)
