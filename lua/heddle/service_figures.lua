--- What a run of the service is measured by, beside its ledger.
-- Stands on: heddle, heddle.report, heddle.service_worker; heddle.native.work.

local heddle = require "heddle"
local native = require "heddle.native.work"
local report = require "heddle.report"
local service_worker = require "heddle.service_worker"

local service_figures = {}


--- Figures that only the difference of two looks at them says something of.
---@param self heddle.service.Service
---@return table
function service_figures.take(self)
  local cpu, voluntary, involuntary = native.usage()
  return {
    gil = self.model == "threads" and self.module.gil() or nil, cpu = cpu, voluntary = voluntary,
    involuntary = involuntary,
  }
end


--- What the GIL did between two looks at it.
local function gil_delta(before, after)
  if not before then return nil end
  return {
    wait = after.wait - before.wait, switches = after.switches - before.switches,
    forced = after.forced - before.forced,
  }
end


--- Makes the kernel count this process's peak of memory anew.
function service_figures.forget_peak()
  local file = io.open("/proc/self/clear_refs", "w")
  if not file then return end
  file:write "5"
  file:close()
end


--- The most memory that this process and, of processes, the workers' had at once.
local function peak_memory(ledger)
  local sum = service_worker.peak_memory() or 0
  for _, worker in ipairs(ledger.workers) do sum = sum + (worker.peak or 0) end
  return sum
end


--- Seconds until the last of the first workers was ready; the first one where they share an OS
--- thread, since there it begins its work before the others come.
local function startup(self, ledger)
  local last, shared = 0.0, self.module.model == "coroutines"
  for i = 1, shared and 1 or self.workers do
    local worker = ledger.workers[i]
    last = math.max(last, worker and worker.ready or 0.0)
  end
  return last
end


--- The report of a run that is over.
---@param self heddle.service.Service
---@param run heddle.service_run.Run
---@param before table  what `take` gave before it
---@param interrupted boolean
---@return heddle.report.Report
function service_figures.report(self, run, before, interrupted)
  local ledger, earlier = run.ledger, run.earlier
  for _, worker in ipairs(ledger.workers) do worker.handle = nil end -- a report may be sent away
  local after = service_figures.take(self)
  return report.new {
    model = self.model, worker_count = self.workers, seed = self.seed, mix = self.mix,
    cores = (heddle.cores()), jobs = ledger:records(), workers_seen = ledger.workers,
    wall = interrupted and ledger:now() or ledger:wall(), gil = gil_delta(before.gil, after.gil),
    interrupted = interrupted, t0 = ledger.t0, startup = startup(self, ledger),
    peak_memory = peak_memory(ledger), method = self.method, earlier = earlier,
    arriving = self.plan.at and true or nil,
    own = {
      cpu = after.cpu - before.cpu, voluntary = after.voluntary - before.voluntary,
      involuntary = after.involuntary - before.involuntary,
    },
  }
end


return service_figures
