-- A thread can be a class of its own: extend it and override its method `run`.
--
-- From: article (Multithreading, second listing), demo (Thread-based concurrency)
-- Unlike Python: `init` needs no call of the parent's constructor; a field can't be called `join`
-- or `result`, since those are the handle's, and the error says so.

local heddle = require "heddle"
local thread = require "heddle.thread"

local MyTask = thread.extend "MyTask"

function MyTask:init(task_name)
  self.task_name = task_name
end

function MyTask:run()
  print("Get task: " .. self.task_name)
  heddle.sleep(0.2)
  print("Finish task: " .. self.task_name)
end

local tasks = {}
for i = 0, 9 do tasks[#tasks + 1] = MyTask("task_" .. i) end
for _, t in ipairs(tasks) do t:start() end
for _, t in ipairs(tasks) do t:join() end
print "Finish."
