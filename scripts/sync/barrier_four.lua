-- Nobody passes a barrier of 4 before the fourth has come.
--
-- From: simple (Threading: Barrier)
-- Unlike Python: `wait` returns an index from 0 to 3 as there, one to each thread.

local heddle = require "heddle"
local sync = require "heddle.sync"
local thread = require "heddle.thread"

local barrier = sync.barrier(4)
local arrived = 0

local function runner(number)
  heddle.sleep(0.05 * number)
  arrived = arrived + 1
  print(("runner %d is at the barrier"):format(number))
  local index = barrier:wait()
  print(("runner %d goes on (index %d) after %d arrivals"):format(number, index, arrived))
end

local threads = {}
for i = 1, 4 do threads[i] = thread.start(runner, i) end
for _, t in ipairs(threads) do t:join() end
