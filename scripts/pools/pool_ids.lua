-- One word makes the five workers of a pool five processes or five threads of one process.
--
-- From: concepts (ProcessPoolExecutor; ThreadPoolExecutor)
-- Unlike Python: all five are kept busy for a moment, so that each gets a job; an id is heddle's.

local heddle = require "heddle"
local pool = require "heddle.pool"
local process = require "heddle.process"
local thread = require "heddle.thread"

local function worker(num)
  heddle.sleep(0.1)
  return ("Worker: %d, PID: %d, Thread ID: %s"):format(num, process.current().pid,
    thread.current().id)
end

for _, model in ipairs { "processes", "threads" } do
  print(model)
  local executor <close> = pool.new(model, 5)
  local futures = {}
  for i = 0, 4 do futures[#futures + 1] = executor:submit(worker, i) end
  for _, future in ipairs(futures) do print(future:result()) end
end
