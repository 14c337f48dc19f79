-- Two threads take two locks in opposite order, and each waits for ever for the other's.
-- heddle sees it, says who holds what and who waits where, and ends with status 3. The word makes
-- them tasks, isolates or processes.
--
-- From: simple (race conditions and other synchronization issues)
-- Unlike Python: there the program just hangs. The right way is in lock_order.
-- Words: [MODEL]

local heddle = require "heddle"
local sync = require "heddle.sync"

local a, b = sync.lock(), sync.lock()
a.name, b.name = "lock A", "lock B"
local both = sync.barrier(2)

local function worker(name, first, second)
  local _ <close> = first:hold()
  print(("%s has %s and wants %s"):format(name, first.name, second.name))
  both:wait() -- now each of them holds its first lock
  local _ <close> = second:hold()
  print "never printed"
end

local M = heddle.model(... or "threads")
local t1 = M.start({ name = "Ann" }, worker, "Ann", a, b)
local t2 = M.start({ name = "Ben" }, worker, "Ben", b, a)
t1:join()
t2:join()
