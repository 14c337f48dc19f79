-- The same jobs on the same service: workers of each kind take them from one shared queue.
-- Equal seeds give equal jobs, here and in the Python demo; a job is a number of SHA3-512 rounds.
-- `heddle demo` is the whole program.
--
-- From: demo (python -m demo.threads, demo.processes, demo.coroutines; --jobs, --seed, --workers)
-- Unlike Python: one module serves every model; it ends when the jobs are done. Two jobs, not 20.
-- Words: [MODEL…]

local service = require "heddle.service"

local models = ... and { ... } or { "coroutines", "threads", "processes" }

for _, model in ipairs(models) do
  local s = service.new { model = model, jobs = 2, workers = 2, seed = 42, quiet = true }
  local report = s:run()
  local totals = report:totals()
  print(("%-10s %d done, %d failed, %d left; %.2f s, CPU %.2f s"):format(model, totals.done,
    totals.failed, totals.left, totals.wall, totals.cpu))
  for _, job in ipairs(report.jobs) do
    print(("           job %d: size %.4f"):format(job.number, job.size))
  end
end
