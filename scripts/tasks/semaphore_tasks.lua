-- A semaphore of 3 lets three of ten tasks run at a time.
--
-- From: simple (asyncio, third listing: asyncio.Semaphore)
-- Unlike Python: `async with semaphore` is a variable that is closed; how many run is printed. The
-- 1 s is 0.1 s.

local sync = require "heddle.sync"
local task = require "heddle.task"

local running = 0

local function long_running_task(n)
  running = running + 1
  print(("Task %d started, %d running"):format(n, running))
  task.sleep(0.1)
  running = running - 1
  print(("Task %d finished"):format(n))
  return n * n
end

local function with_semaphore(semaphore, n)
  local _ <close> = semaphore:hold()
  return long_running_task(n)
end

local semaphore, tasks = sync.semaphore(3), {}
for n = 0, 9 do tasks[#tasks + 1] = task.start(with_semaphore, semaphore, n) end
for _, t in ipairs(task.wait(tasks)) do print(t:result()) end
