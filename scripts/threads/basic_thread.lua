-- The main thread goes on while another one works, and join waits for the end of its work.
--
-- From: simple (Threading, first listing)
-- Unlike Python: `thread.start` makes and begins it in one call; the 5 s of the original are 0.5 s.

local heddle = require "heddle"
local thread = require "heddle.thread"

local function worker()
  print "Worker"
  heddle.sleep(0.5)
  print "Worker finished"
end

local t = thread.new(worker)
t:start()
print "Main thread"
t:join()
print "Main thread finished"
