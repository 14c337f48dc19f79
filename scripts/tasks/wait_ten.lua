-- Ten tasks sleep side by side, and `wait` returns those that are done and those that are not.
--
-- From: simple (asyncio, first listing: asyncio.wait)
-- Unlike Python: tasks are given to wait, not bare coroutines (see wait_wrong), and the lists keep
-- the order of the tasks, where Python's sets have none. The 1 s is 0.1 s.

local task = require "heddle.task"

local function long_running_task(n)
  print(("Task %d started"):format(n))
  task.sleep(0.1)
  print(("Task %d finished"):format(n))
  return n * n
end

local tasks = {}
for n = 0, 9 do tasks[#tasks + 1] = task.start(long_running_task, n) end
local completed, pending = task.wait(tasks)
for _, t in ipairs(completed) do print(t:result()) end
print(("%d completed, %d pending"):format(#completed, #pending))
