-- `gather` gives the results of ten tasks in the order of the tasks, whichever ends first.
--
-- From: simple (asyncio, second listing: asyncio.gather)
-- Unlike Python: the later a task was started the sooner it ends here, so that the order has
-- something to prove; the list has its length in `n`.

local task = require "heddle.task"

local function long_running_task(n)
  print(("Task %d started"):format(n))
  task.sleep(0.2 - 0.02 * n)
  print(("Task %d finished"):format(n))
  return n * n
end

local tasks = {}
for n = 0, 9 do tasks[#tasks + 1] = task.start(long_running_task, n) end
for _, result in ipairs(task.gather(tasks)) do print(result) end
