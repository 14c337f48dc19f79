-- Two threads take two locks in opposite order, and each waits for ever for the other's.
-- heddle sees it, says who holds what and who waits where, and ends with status 3.
--
-- From: simple (race conditions and other synchronization issues)
-- Unlike Python: there the program just hangs.

local sync = require "heddle.sync"
local thread = require "heddle.thread"

local a, b = sync.lock(), sync.lock()
a.name, b.name = "lock A", "lock B"
local both = sync.barrier(2)

local function worker(first, second)
  local _ <close> = first:hold()
  print(("%s has %s and wants %s"):format(thread.current().name, first.name, second.name))
  both:wait() -- now each of them holds its first lock
  local _ <close> = second:hold()
  print "never printed"
end

local t1 = thread.start({ name = "Ann" }, worker, a, b)
local t2 = thread.start({ name = "Ben" }, worker, b, a)
t1:join()
t2:join()
