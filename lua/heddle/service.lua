--- The demo's service: workers of one model that take jobs from one shared queue while a run lock
--- is held.
--
--     local service = require "heddle.service"
--     local s = service.new{ model = "threads", workers = 4, jobs = 20, seed = 42, time = 10 }
--     print(s:run():text())
--
-- The same program runs under every model: the queue, the run lock and the worker's function do
-- not know which one it is. What happens to the jobs comes back as events on a second queue, and
-- only the task that called `run` writes it down; a worker that dies leaves its events behind,
-- and its end is one more event.
-- Stands on: heddle, heddle.queue, heddle.sync, heddle.rng, heddle.report, and its two parts
-- heddle.service_worker and heddle.service_ledger.

local heddle = require "heddle"
local native = require "heddle.native.work"
local queue = require "heddle.queue"
local report = require "heddle.report"
local rng = require "heddle.rng"
local service_ledger = require "heddle.service_ledger"
local service_worker = require "heddle.service_worker"
local sync = require "heddle.sync"

---@class heddle.service
local service = {}

local DEMO_JOBS = 20         -- the reference demo's number of jobs
local DEMO_KIND = "CPUBoundJob"
local GRACE = 5.0            -- seconds that stopped workers have to end after an interruption
local GLANCE = 0.25          -- seconds between two looks at the clock while progress is shown
local CLEAR = "\r\27[K"      -- takes a progress line off the terminal
local MAX_SEED = 0x7fffffff  -- of a drawn seed
local count = 0              -- services made so far, for their names

--- What a model's workers are called, as its handles would be by default.
local WORKER = {
  coroutines = "Task", threads = "Thread", isolates = "Isolate", processes = "Process",
}

local OPTIONS = {
  model = true, workers = true, jobs = true, seed = true, time = true, method = true,
  full_time = true, quiet = true, progress = true,
}


-- Jobs -----------------------------------------------------------------------------------------

--- The reference demo's jobs: job n has size 0.5 + r, r the n-th `random()` of Python's
--- generator, and costs `int(1e6 * size)` rounds of SHA3-512.
---@param number integer  how many
---@param seed integer
---@return table[] jobs  `{number=, kind=, size=}`, numbers from 0
function service.demo_jobs(number, seed)
  local r, jobs = rng.new(seed), {}
  for n = 0, number - 1 do
    jobs[n + 1] = { number = n, kind = DEMO_KIND, size = 0.5 + r() }
  end
  return jobs
end


-- Options --------------------------------------------------------------------------------------

--- Raises in the name of `service.new`, which adds the caller's position.
local function misuse(text, ...)
  error(("service.new: " .. text .. " [bad-argument]"):format(...), 0)
end


local function need_whole(name, value, least)
  local n = math.type(value) and math.tointeger(value)
  if n and n >= least then return n end
  local what = least == math.mininteger and "a whole number" or "a whole number >= " .. least
  misuse("%s: %s expected, got %s", name, what, tostring(value))
end


local function check_time(time)
  if time == nil then return nil end
  if not math.type(time) or time < 0 or time ~= time then
    misuse("time: seconds >= 0 expected, got %s", tostring(time))
  end
  return time < math.huge and time or nil
end


local function check_job(i, job)
  if type(job) ~= "table" or not (math.type(job.size) or type(job.run) == "function") then
    misuse("jobs[%d]: a table with a size (a number) or run (a function) expected", i)
  end
  if job.size and not (job.size >= 0 and job.size < math.huge) then
    misuse("jobs[%d].size: a number >= 0 expected, got %s", i, tostring(job.size))
  end
end


--- A job of the caller's list, in the form that the workers take.
local function own_job(i, job, seed)
  check_job(i, job)
  return {
    number = i - 1, kind = job.kind or (job.run and "run" or DEMO_KIND), size = job.size,
    run = job.run, seed = seed + i - 1,
  }
end


local function check_jobs(jobs, seed)
  if type(jobs) ~= "table" then
    return service.demo_jobs(need_whole("jobs", jobs or DEMO_JOBS, 0), seed)
  end
  local list = {}
  for i, job in ipairs(jobs) do list[i] = own_job(i, job, seed) end
  return list
end


--- A model's module from its name in any of its forms.
local function check_model(name)
  local ok, model = pcall(heddle.model, name)
  if type(name) == "string" and ok and model then return model end
  misuse("model: coroutines, threads, isolates or processes expected, got %s", tostring(name))
end


local function check_method(method, model)
  if method == nil then return nil end
  if model.model ~= "processes" then
    misuse("method: only processes have one, not %s", model.model)
  end
  local known = model.methods()
  for _, name in ipairs(known) do
    if method == name then return method end
  end
  misuse("method: one of %s expected, got %s", table.concat(known, ", "), tostring(method))
end


local function check_options(opts)
  if type(opts) ~= "table" then misuse("options: a table expected, got %s", type(opts)) end
  for key in pairs(opts) do
    if not OPTIONS[key] then misuse("%s: there is no such option", tostring(key)) end
  end
  local self = { model = check_model(opts.model), time = check_time(opts.time) }
  self.method = check_method(opts.method, self.model)
  self.workers = need_whole("workers", opts.workers or (heddle.cores()), 1)
  self.seed = need_whole("seed", opts.seed or math.random(0, MAX_SEED), math.mininteger)
  self.jobs = check_jobs(opts.jobs, self.seed)
  self.full_time, self.quiet, self.progress = opts.full_time, opts.quiet, opts.progress
  self.clear = opts.progress and CLEAR or nil
  if self.full_time and not self.time then misuse("full_time: it needs a time") end
  return self
end


-- The service ----------------------------------------------------------------------------------

---@class heddle.service.Options
---@field model string
---@field workers? integer  default: heddle.cores()
---@field jobs? integer|table[]  how many of the demo's (20), or a list of tables with `size` (in
---  million rounds of SHA3-512) or `run` (a function of a generator and the job), and `kind`
---@field seed? integer  drawn when not given
---@field time? number  seconds after which it stops; default: no limit
---@field method? string  how processes are started
---@field full_time? boolean  stay until the time is up, also when all jobs are done
---@field quiet? boolean  write no log lines to stderr
---@field progress? fun(ledger: heddle.service_ledger.Ledger)  called after every event

---@class heddle.service.Service
---@field name string
---@field seed integer  the seed of its jobs
local methods = {}
local meta = { __index = methods, __name = "heddle.service" }


function meta:__tostring()
  return self.name
end


--- Makes a service; nothing is started yet.
---@param opts heddle.service.Options
---@return heddle.service.Service  raises [bad-argument]
function service.new(opts)
  local ok, self = pcall(check_options, opts)
  if not ok then error(self, 2) end
  count = count + 1
  self.name = "Service-" .. count
  return setmetatable(self, meta)
end


--- What one run consists of: the shared objects, and the ledger.
local function new_run(self)
  local run = {
    jobs = queue.new(), events = queue.new(), lock = sync.lock(),
    ledger = service_ledger.new(self.jobs),
  }
  for _, job in ipairs(self.jobs) do run.jobs:put(job) end
  if self.jobs[1] and self.jobs[1].size then native.sha3_512 "" end -- opened before any fork
  return run
end


--- What a worker is told: the only things that cross to its interpreter.
local function context(self, run, number, name)
  return {
    number = number, name = name, model = self.model.model, run = run.lock, jobs = run.jobs,
    events = run.events, deadline = run.deadline, quiet = self.quiet and true or nil,
    clear = self.clear,
  }
end


local function begin_work(ctx)
  return require "heddle.service_worker".work(ctx)
end


local function start_worker(self, run, number)
  local name = ("%s-%d"):format(WORKER[self.model.model], number)
  local options = { name = name, method = self.method }
  local handle = self.model.start(options, begin_work, context(self, run, number, name))
  run.ledger:add_worker(name, handle)
  local events = run.events
  handle:on_done(function() events:put { gone = number } end)
end


local function start(self, run)
  service_worker.log(self, "Starting %s", self.name)
  run.lock:acquire()
  run.ledger.t0 = heddle.now()
  run.deadline = self.time and run.ledger.t0 + self.time
  if not self.full_time then run.jobs:close() end
  for number = 1, self.workers do start_worker(self, run, number) end
end


local function note(self, run, event)
  if event then run.ledger:note(event) end
  if self.progress then self.progress(run.ledger) end
end


--- Waits for the end: all workers gone, or the time up.
local function watch(self, run)
  while not run.ledger:is_over() do
    local left = run.deadline and run.deadline - heddle.now()
    if left and left <= 0 then return end
    note(self, run, (run.events:get(self.progress and math.min(left or GLANCE, GLANCE) or left)))
  end
end


--- The orderly end: workers finish the job they have in hand.
local function stop(self, run)
  service_worker.log(self, "Stopping %s", self.name)
  run.lock:release()
  run.jobs:close()
  while not run.ledger:is_over() do note(self, run, (run.events:get())) end
end


--- The end in a hurry, after an interruption or an error: workers are stopped where they are.
local function abort(self, run, why)
  run.ledger.stopped = why
  if run.lock:locked() then run.lock:release() end
  run.jobs:close()
  for _, worker in ipairs(run.ledger.workers) do
    if not worker.gone then worker.handle:cancel { hard = true } end
  end
  local deadline = heddle.now() + GRACE
  while not run.ledger:is_over() do
    local event = run.events:get(math.max(0, deadline - heddle.now()))
    if not event then return end
    note(self, run, event)
  end
end


local function gil_figures(self)
  return self.model.model == "threads" and self.model.gil() or nil
end


--- What the GIL did between two looks at it.
local function gil_delta(before, after)
  if not before then return nil end
  return {
    wait = after.wait - before.wait, switches = after.switches - before.switches,
    forced = after.forced - before.forced,
  }
end


local function make_report(self, ledger, gil, interrupted)
  return report.new {
    model = self.model.model, worker_count = self.workers, seed = self.seed,
    cores = (heddle.cores()), jobs = ledger.records, workers_seen = ledger.workers,
    wall = interrupted and heddle.now() - ledger.t0 or ledger.wall, gil = gil,
    interrupted = interrupted,
  }
end


local function run_to_the_end(self, run)
  start(self, run)
  watch(self, run)
  stop(self, run)
end


--- Runs the service to its end and returns what was measured. Ctrl-C ends it early: the workers
--- are stopped, and the report says `interrupted`.
---@return heddle.report.Report  raises what kept a worker from starting
function methods:run()
  local run, before = new_run(self), gil_figures(self)
  local ok, err = pcall(run_to_the_end, self, run)
  local interrupted = not ok and service_worker.is_cancelled(err) and err.reason == "interrupted"
  if not ok then abort(self, run, interrupted and "interrupted" or "stopped") end
  if not ok and not interrupted then error(err, 0) end
  return make_report(self, run.ledger, gil_delta(before, gil_figures(self)), interrupted)
end


return service
