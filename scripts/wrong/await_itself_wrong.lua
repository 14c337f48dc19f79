-- A task that waits for its own result would wait for ever, so that is refused.
--
-- From: concepts (AsyncIO: a coroutine that awaits itself)
-- Unlike Python: "Task cannot await on itself" there; here the same for every model.

local task = require "heddle.task"

local me
me = task.start(function()
  local ok, why = pcall(me.result, me)
  print("waiting for my own result:", ok)
  print(why)
  return "the task goes on and ends"
end)
print(me:result())
