-- A pool of five workers does ten tasks: five begin at once, the others when a worker is free.
-- One word makes them processes or threads.
--
-- From: article (Multiprocessing: Pool; multiprocessing.dummy: Pool)
-- Unlike Python: `submit` is its `apply_async`; the sleeps of 1 s to 5 s are 50 ms to 250 ms.
-- Words: [MODEL…]

local heddle = require "heddle"
local pool = require "heddle.pool"

local function do_task(name)
  print("Get task: " .. name)
  heddle.sleep(math.random(1, 5) * 0.05)
  print("Finish task: " .. name)
end

for _, model in ipairs(... and { ... } or { "processes", "threads" }) do
  local p = pool.new(model, 5)
  for i = 0, 9 do p:submit(do_task, "task_" .. i) end
  p:close()
  p:join()
  print("Finish: " .. model)
end
