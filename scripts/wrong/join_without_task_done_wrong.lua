-- `queue:join` waits for as many `task_done` as there were items; without them it never returns.
-- The queue is empty, and still not finished.
--
-- From: simple (Threading, third listing: task_done and join)
-- Unlike Python: the same there, but its `join` takes no time-out.

local queue = require "heddle.queue"
local thread = require "heddle.thread"

local function consume(items, say_done)
  for item in items:items() do
    print("processed " .. item)
    if say_done then items:task_done() end
  end
end

for _, say_done in ipairs { false, true } do
  local items = queue.new()
  local worker = thread.start(consume, items, say_done)
  for i = 1, 3 do items:put(i) end
  print(say_done and "with task_done:" or "without task_done:", items:join(0.2))
  items:close()
  worker:join()
end
