-- More jobs than workers wait in line, and each worker takes one after the other.
-- With `max_jobs` a worker is replaced after so many.
--
-- From: simple (if the number of tasks exceeds the pool size, the tasks are queued)
-- Unlike Python: `max_jobs` is its `maxtasksperchild` (`max_tasks_per_child`).

local heddle = require "heddle"
local pool = require "heddle.pool"
local process = require "heddle.process"

local function job()
  heddle.sleep(0.02)
  return process.current().pid
end

local function count_workers(options)
  local p <close> = pool.new("processes", 2, options)
  local seen, different = {}, 0
  local futures = {}
  for i = 1, 8 do futures[i] = p:submit(job) end
  for _, f in ipairs(futures) do
    local pid = f:result()
    if not seen[pid] then seen[pid], different = true, different + 1 end
  end
  return different
end

print("8 jobs, 2 workers: done by " .. count_workers() .. " processes")
print("2 jobs for each:   done by " .. count_workers { max_jobs = 2 } .. " processes")
