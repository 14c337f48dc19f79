-- Ten threads read a count, wait, and write it back: almost all of their updates are lost.
--
-- From: article (Synchronization Primitives, first listing)
-- Unlike Python: the waits of 0.1 s to 1 s are 10 ms to 100 ms.

local heddle = require "heddle"
local thread = require "heddle.thread"

local count = 0

local function do_task()
  heddle.sleep(math.random(1, 10) * 0.01)
  local tmp = count
  tmp = tmp + 1
  heddle.sleep(math.random(1, 10) * 0.01)
  count = tmp
  print(count)
end

local tasks = {}
for i = 1, 10 do tasks[i] = thread.start(do_task) end
for _, t in ipairs(tasks) do t:join() end
print("Finish. Count = " .. count)
