-- A task that sleeps gives the thread to the others, and goes on when its time has come.
--
-- From: concepts (AsyncIO, first listing)
-- Unlike Python: the function needs no `async`, the call no `await`, the script no `asyncio.run`:
-- the main script is a task already. The 2 s are 0.2 s.

local heddle = require "heddle"
local task = require "heddle.task"

local function fetch_data()
  task.sleep(0.2)
  return "Data fetched"
end

local began = heddle.now()
local other = task.start(function() print "another task runs meanwhile" end)
local result = fetch_data()
print(result)
print(("Time taken: %.1f seconds"):format(heddle.now() - began))
other:join()
