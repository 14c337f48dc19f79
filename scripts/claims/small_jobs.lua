-- Processes are only sometimes faster: for very small jobs handing them over costs more than they
-- do. 2,000 numbers are squared here, and by two processes that get each number through a queue.
--
-- From: demo (Process-based concurrency can sometimes be more performant)

local heddle = require "heddle"
local process = require "heddle.process"
local queue = require "heddle.queue"

local N = 2000

local function here()
  local sum = 0
  for n = 1, N do sum = sum + n * n end
  return sum
end

local function worker(jobs, results)
  for n in jobs:items() do results:put(n * n) end
end

local function by_processes()
  local jobs, results, sum = queue.new(), queue.new(), 0
  for _ = 1, 2 do process.start(worker, jobs, results) end
  for n = 1, N do jobs:put(n) end
  jobs:close()
  for _ = 1, N do sum = sum + results:get() end
  return sum
end

for _, way in ipairs { { "here", here }, { "two processes", by_processes } } do
  local began = heddle.now()
  local sum = way[2]()
  print(("%-14s sum %d, %8.3f ms"):format(way[1] .. ":", sum, (heddle.now() - began) * 1e3))
end
