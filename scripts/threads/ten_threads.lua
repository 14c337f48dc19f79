-- Ten threads that wait take as long together as one of them alone.
--
-- From: article (Multithreading, first listing)
-- Unlike Python: each sleeps 0.2 s instead of 1 s, and the time they took is shown.

local heddle = require "heddle"
local thread = require "heddle.thread"

local function do_task(name)
  print("Get task: " .. name)
  heddle.sleep(0.2)
  print("Finish task: " .. name)
end

local began = heddle.now()
local tasks = {}
for i = 0, 9 do tasks[#tasks + 1] = thread.new(do_task, "task_" .. i) end
for _, t in ipairs(tasks) do t:start() end
for _, t in ipairs(tasks) do t:join() end
print(("Finish. 10 tasks of 0.2 s in %.1f s"):format(heddle.now() - began))
