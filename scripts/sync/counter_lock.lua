-- A lock lets only one thread at a time change the counter.
--
-- From: simple (Threading, second listing)
-- Unlike Python: the lock is made before the function that uses it, see counter_lock_wrong; and
-- each thread counts to 1000, so that there is something to protect.

local sync = require "heddle.sync"
local thread = require "heddle.thread"

local counter = 0
local lock = sync.lock()

local function increment()
  for _ = 1, 1000 do
    lock:acquire()
    counter = counter + 1
    lock:release()
  end
end

local t1 = thread.start(increment)
local t2 = thread.start(increment)
t1:join()
t2:join()
print(counter)
