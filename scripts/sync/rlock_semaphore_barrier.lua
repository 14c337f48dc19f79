-- An rlock for the counter, a semaphore for the number of workers inside, a barrier to end
-- together.
--
-- From: simple (Threading, fourth listing)
-- Unlike Python: the four worker functions, which differ by their number only, are one; each sleeps
-- 0.2 s instead of 1 s; the number printed is read under the lock (there, it may be another's).

local heddle = require "heddle"
local sync = require "heddle.sync"
local thread = require "heddle.thread"

local counter = 0
local lock = sync.rlock()
local semaphore = sync.semaphore(3)
local barrier = sync.barrier(4)

local function increment(number)
  local _ <close> = lock:hold()
  counter = counter + 1
  print(("Worker %d: %d"):format(number, counter))
end

local function worker(number)
  semaphore:acquire()
  increment(number)
  heddle.sleep(0.2)
  semaphore:release()
  barrier:wait()
end

local threads = {}
for i = 1, 4 do threads[i] = thread.start(worker, i) end
for _, t in ipairs(threads) do t:join() end
print("Counter: " .. counter)
