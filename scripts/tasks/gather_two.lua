-- Two fetches gathered take as long as the longer one: 2 s and not 3.
--
-- From: concepts (AsyncIO, second listing: asyncio.gather)
-- Unlike Python: seconds are tenths here; `gather` takes handles and returns each one's result.

local heddle = require "heddle"
local task = require "heddle.task"

local SECOND = 0.1

local function fetch_data_1()
  task.sleep(1 * SECOND)
  return "Data 1 fetched"
end

local function fetch_data_2()
  task.sleep(2 * SECOND)
  return "Data 2 fetched"
end

local began = heddle.now()
print(task.gather(task.start(fetch_data_1), task.start(fetch_data_2)))
print(("Time taken: %.0f seconds"):format((heddle.now() - began) / SECOND))
