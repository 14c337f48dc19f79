-- Tasks that were started before the first is waited for run side by side.
--
-- From: concepts (AsyncIO, third listing: asyncio.create_task)
-- Unlike Python: seconds are tenths here; `result` waits and returns, so the two lines with `await`
-- and the two calls of `result` are one.

local heddle = require "heddle"
local task = require "heddle.task"

local SECOND = 0.1

local function fetch_data(number, seconds)
  task.sleep(seconds * SECOND)
  return ("Data %d fetched"):format(number)
end

local began = heddle.now()
local task1 = task.start(fetch_data, 1, 1)
local task2 = task.start(fetch_data, 2, 2)
print(task1:result(), task2:result())
print(("Time taken: %.0f seconds"):format((heddle.now() - began) / SECOND))
