-- Getting from an empty queue with a time-out is one call, under each of the four models.
--
-- From: demo (Queues: asyncio.Queue takes no timeout argument)
-- Unlike Python: there a queue of asyncio needs `asyncio.wait_for` around `get`, and a time-out
-- raises; here it is an expected outcome: nil, "timeout".

local heddle = require "heddle"
local queue = require "heddle.queue"

local items = queue.new()

local function consumer(q)
  local none, why = q:get(0.1)
  return none, why, q:get(10)
end

for _, model in ipairs { "coroutines", "threads", "isolates", "processes" } do
  local worker = heddle.model(model).start(consumer, items)
  heddle.sleep(0.2)
  items:put("for " .. model)
  print(("%-10s %s %s, then %s"):format(model, worker:result()))
end
