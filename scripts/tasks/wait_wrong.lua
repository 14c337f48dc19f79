-- Bare coroutines are nothing that can be waited for: they have no loop to run on.
--
-- From: simple (asyncio, first listing: asyncio.wait given coroutines)
-- Unlike Python: asyncio.wait took coroutines with a warning and refuses them since 3.11; here it
-- is misuse, and the right way stands in wait_ten.

local task = require "heddle.task"

local function long_running_task(n)
  task.sleep(0.1)
  return n * n
end

local bare = {}
for n = 1, 3 do bare[n] = coroutine.create(function() return long_running_task(n) end) end
print("coroutines:", pcall(task.wait, bare))

local tasks = {}
for n = 1, 3 do tasks[n] = task.start(long_running_task, n) end
local done = task.wait(tasks)
print("tasks:", done[1]:result(), done[2]:result(), done[3]:result())
