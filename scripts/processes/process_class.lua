-- A process can be a class of its own: extend it and override its method `run`.
--
-- From: article (Multiprocessing, second listing)
-- Unlike Python: 0.1 s to 0.5 s of sleep instead of 1 s to 5 s. The object is copied to its
-- process: what `run` writes to self stays there, here as in Python.

local heddle = require "heddle"
local process = require "heddle.process"

local MyTask = process.extend "MyTask"

function MyTask:init(task_name)
  self.task_name = task_name
end

function MyTask:run()
  print("Get task: " .. self.task_name)
  heddle.sleep(math.random(1, 5) * 0.1)
  print("Finish task: " .. self.task_name)
  self.task_name = "changed in the process only"
end

local tasks = {}
for i = 0, 9 do tasks[#tasks + 1] = MyTask("task_" .. i) end
for _, t in ipairs(tasks) do t:start() end
for _, t in ipairs(tasks) do t:join() end
print("Finish. The first one's name is still " .. tasks[1].task_name)
