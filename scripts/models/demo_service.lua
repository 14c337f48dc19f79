-- The same jobs on the same service: workers of each kind take them from one shared queue.
-- Equal seeds give equal jobs under every model. These are a tenth of the size of those that
-- `heddle demo` does, which with --seed=42 are the very jobs of the Python demo.
--
-- From: demo (python -m demo.threads, demo.processes, demo.coroutines; --jobs, --seed, --workers)
-- Unlike Python: one module serves every model; it ends when the jobs are done.
-- Words: [MODEL…]

local mix = require "heddle.mix"
local service = require "heddle.service"

local jobs = mix.new { jobs = 6, kinds = { CPUBoundJob = { sha3 = mix.uniform(0.5e5, 1.5e5) } } }

for _, model in ipairs(... and { ... } or { "coroutines", "threads", "processes" }) do
  local s = service.new { model = model, workers = 2, mix = jobs, seed = 42, quiet = true }
  local report, sizes = s:run(), {}
  for i, job in ipairs(report.jobs) do sizes[i] = ("%.0f"):format(job.size) end
  local totals = report:totals()
  print(("%-10s %d done, %d failed, %.2f s, CPU %.2f s; sizes %s"):format(model, totals.done,
    totals.failed, totals.wall, totals.cpu, table.concat(sizes, " ")))
end
