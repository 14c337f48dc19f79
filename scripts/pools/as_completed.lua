-- `as_completed` gives the futures as they end, not as they were submitted.
--
-- From: simple (concurrent.futures, first and second listing)
-- Unlike Python: the same lines serve threads and processes; the sooner a job was submitted the
-- longer it takes here, so that the order shows. With a pool of the default size two or more run at
-- once.
-- Words: [MODEL…]

local heddle = require "heddle"
local pool = require "heddle.pool"
local task = require "heddle.task"

local function long_running_task(n)
  heddle.sleep(0.2 - 0.02 * n)
  return n * n
end

for _, model in ipairs(... and { ... } or { "threads", "processes" }) do
  print(model)
  local executor <close> = pool.new(model, 10)
  local futures = {}
  for n = 0, 9 do futures[#futures + 1] = executor:submit(long_running_task, n) end
  for f in task.as_completed(futures) do print(f:result()) end
end
