-- A lock around the whole of ten tasks saves every update and makes them take the sum of their
-- times. "Very violent, directly forcing concurrency to serial", as the text has it.
--
-- From: article (Synchronization Primitives, second listing)
-- Unlike Python: the waits of 0.1 s to 1 s are 2 ms to 20 ms; `local _ <close> = lock:hold()` would
-- give the lock back after an error, too.

local heddle = require "heddle"
local sync = require "heddle.sync"
local thread = require "heddle.thread"

local count, slept = 0, 0
local lock = sync.lock()

local function pause()
  local seconds = math.random(1, 10) * 0.002
  slept = slept + seconds
  heddle.sleep(seconds)
end

local function do_task()
  lock:acquire()
  pause()
  local tmp = count
  tmp = tmp + 1
  pause()
  count = tmp
  print(count)
  lock:release()
end

local began = heddle.now()
local tasks = {}
for i = 1, 10 do tasks[i] = thread.start(do_task) end
for _, t in ipairs(tasks) do t:join() end
print("Finish. Count = " .. count)
local took = heddle.now() - began
local verdict = took >= slept and "no less" or "less"
print(("the sleeps sum up to %.3f s; it took %s"):format(slept, verdict))
