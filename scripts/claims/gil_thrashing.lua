-- Switching between computing threads too often costs time that nobody computes in.
-- Two threads count; the shorter the switch interval, the more often they hand over the lock, and
-- on several cores each hand-over wakes a thread elsewhere.
--
-- From: article (GIL: thrashing)
-- Unlike Python: `thread.gil()` counts the hand-overs; in CPython they can only be guessed.

local heddle = require "heddle"
local thread = require "heddle.thread"

local COUNT = 15000000

local function count()
  for _ = 1, COUNT do end
end

local function measure(run)
  local before, began, cpu = thread.gil(), heddle.now(), os.clock()
  run()
  return heddle.now() - began, os.clock() - cpu, thread.gil().forced - before.forced
end

local function both()
  local a, b = thread.start(count), thread.start(count)
  a:join()
  b:join()
end

print "                       wall      CPU   forced hand-overs"
print(("one after the other  %.2f s   %.2f s   %6d"):format(measure(function()
  count()
  count()
end)))
for _, interval in ipairs { 5e-3, 5e-4, 5e-5 } do
  thread.switch_interval(interval)
  print(("every %5.2f ms       %.2f s   %.2f s   %6d"):format(interval * 1e3, measure(both)))
end
