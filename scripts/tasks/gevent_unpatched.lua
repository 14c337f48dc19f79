-- Unpatched, a call that blocks stops every task of its thread until it returns.
--
-- From: concepts (Greenlets: complications related to monkey patching)
-- Unlike Python: only `os.execute` and its like block a thread here; `heddle.sleep` never does,
-- where `time.sleep` does until it is patched.

local task = require "heddle.task"

local function task1()
  print "Task 1 start"
  os.execute "sleep 0.2"
  print "Task 1 end"
end

local function task2()
  print "Task 2 start"
  os.execute "sleep 0.1"
  print "Task 2 end"
end

local g1, g2 = task.start(task1), task.start(task2)
task.wait { g1, g2 }
