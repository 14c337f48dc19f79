--- The service: workers of one model that take jobs from one shared queue while a run lock is held.
--
--     local service = require "heddle.service"
--     local s = service.new{ model = "threads", workers = 4, jobs = 2, seed = 42, time = 10 }
--     print(s:run():text())
--     print(service.new{ model = "isolates", mix = "web_service", jobs = 10 }:run():text())
--
-- The same program runs under every model: the queue, the run lock and the worker's function do
-- not know which one it is. The jobs are kept behind put, take, ack, nak, touch and stats
-- (heddle.jobqueue); what happens to them is written into shared rows by the worker that has them
-- (heddle.service_ledger); what is said once comes back as events on a second queue. A worker that
-- dies is replaced; the job it was at has failed, and what it had not begun goes on.
-- Stands on: heddle.service_figures, heddle.service_options, heddle.service_run.

local service_figures = require "heddle.service_figures"
local service_options = require "heddle.service_options"
local service_run = require "heddle.service_run"
local task = require "heddle.task"

---@class heddle.service
local service = {}

local count = 0 -- services made so far, for their names


---@class heddle.service.Options
---@field model string  coroutines, threads, isolates, processes; or sequential: one after the other
---@field workers? integer  default: heddle.cores()
---@field jobs? integer|table[]  how many of the demo's (20) or of the mix's, or a list of tables
---  with `size` (in million rounds of SHA3-512), `run` (a function of a generator and the job) or
---  `steps` (as `mix:jobs` draws them), and `kind`
---@field mix? heddle.mix.Mix|string  a mix, its name or its file
---@field seed? integer  drawn when not given
---@field time? number  seconds after which it stops; default: no limit
---@field method? string  how processes are started
---@field full_time? boolean  stay until the time is up, also when all jobs are done
---@field quiet? boolean  write no log lines to stderr
---@field queue? string  an SQLite file that keeps the jobs: what a killed program has left undone
---  is done at the next start, and nothing twice; "memory": the same without the file
---@field progress? fun(ledger: heddle.service_ledger.Ledger)  called now and then, and at the end

--- A service, not yet run.
---@class heddle.service.Service
---@field name string "web_service", "demo" …
---@field seed integer  the seed of its jobs
---@field plan heddle.mix_plan.Plan  its jobs
local methods = {}
local meta = { __index = methods, __name = "heddle.service" }


function meta:__tostring()
  return self.name
end


--- Makes a service; nothing is started yet.
---@param opts heddle.service.Options
---@return heddle.service.Service  raises [bad-argument]
function service.new(opts)
  local ok, self = pcall(service_options.check, opts)
  if not ok then error(self, 2) end
  count = count + 1
  self.name = "Service-" .. count
  return setmetatable(self, meta)
end


--- Runs the service to its end and returns what was measured. Ctrl-C ends it early: the workers
--- are stopped, and the report says `interrupted`.
---@return heddle.report.Report  raises what kept a worker from starting
function methods:run()
  service_figures.forget_peak()
  local run, before = service_run.new(self), service_figures.take(self)
  local ok, err = pcall(service_run.to_the_end, self, run)
  local interrupted = not ok and type(err) == "table" and err.reason == "interrupted"
  return task.shield(function() -- an interruption that comes only now changes nothing any more
    if not ok then service_run.abort(self, run, interrupted and "interrupted" or "stopped") end
    service_run.let_go(run)
    if not ok and not interrupted then error(err, 0) end
    return service_figures.report(self, run, before, interrupted)
  end)
end


return service
