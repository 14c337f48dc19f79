-- A bounded semaphore of 5 keeps ten tasks to five at a time, and refuses a release too many.
--
-- From: article (Synchronization Primitives, third listing)
-- Unlike Python: tasks sleep 10 ms to 100 ms instead of 1 s to 10 s; the release too many, which
-- the original does not show, raises as there.

local heddle = require "heddle"
local shared = require "heddle.shared"
local sync = require "heddle.sync"
local thread = require "heddle.thread"

local sep = sync.bounded_semaphore(5)
local running, most = shared.value("int", 0), 0

local function do_task(name)
  sep:acquire()
  most = math.max(most, running:add(1))
  print("do Task: " .. name)
  heddle.sleep(math.random(1, 10) * 0.01)
  running:add(-1)
  sep:release()
end

local tasks = {}
for i = 0, 9 do tasks[#tasks + 1] = thread.start(do_task, "task_" .. i) end
for _, t in ipairs(tasks) do t:join() end
print(("Finish. At most %d at once"):format(most))

local ok, why = pcall(sep.release, sep)
print("one release too many:", ok, why)
