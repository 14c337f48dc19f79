-- Nobody can join itself: a thread that waits for its own end never gets there.
--
-- From: article (Multithreading: join blocks until the task has ended)
-- Unlike Python: "cannot join current thread" there, and only for threads.

local heddle = require "heddle"

local function join_itself(model)
  local self = heddle.model(model).current()
  return pcall(self.join, self)
end

for _, model in ipairs { "task", "thread", "isolate", "process" } do
  print(heddle.model(model).start(join_itself, model):result())
end
