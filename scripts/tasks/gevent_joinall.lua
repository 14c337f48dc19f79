-- Patched, calls that would block the thread suspend their task only, and the tasks take turns.
-- Without the patch the first task would be done before the second begins: see gevent_unpatched.
--
-- From: concepts (Greenlets, second listing: gevent and monkey patching)
-- Unlike Python: `patch` names what it changes, and nothing else is touched; the listing as printed
-- has lost its pauses, which are a shell's `sleep` here.

local monkey = require "heddle.monkey"
local task = require "heddle.task"

monkey.patch { os = true }

local function task1()
  print "Task 1 start"
  os.execute "sleep 0.2"
  print "Task 1 end"
end

local function task2()
  print "Task 2 start"
  os.execute "sleep 0.3"
  print "Task 2 end"
end

local g1, g2 = task.start(task1), task.start(task2)
task.wait { g1, g2 }
