-- Cooperative code needs no lock, until a wait sits between reading and writing.
--
-- From: roundup (Cooperative: tasks announce when they are ready to be switched out), concepts
--   (Cooperative Multitasking)
-- Unlike Python: `await` marks where a task may be switched out; here any call that waits may.

local sync = require "heddle.sync"
local task = require "heddle.task"

local count

local function straight()
  local tmp = count
  count = tmp + 1
  task.sleep(0.001)
end

local function with_wait()
  local tmp = count
  task.sleep(0.001) -- the others read the same count now
  count = tmp + 1
end

local lock = sync.lock()
local function with_wait_and_lock()
  local _ <close> = lock:hold()
  with_wait()
end

local function run(what, fn)
  count = 0
  local tasks = {}
  for i = 1, 10 do tasks[i] = task.start(fn) end
  task.wait(tasks)
  print(("%-34s %d of 10"):format(what, count))
end

run("no wait in the middle:", straight)
run("a wait in the middle:", with_wait)
run("a wait in the middle and a lock:", with_wait_and_lock)
