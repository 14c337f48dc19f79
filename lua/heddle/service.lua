--- The demo's service: workers of one model that take jobs from one shared queue while a run lock is held.
--
--     local service = require "heddle.service"
--     local r = service.new{ model = "threads", workers = 4, jobs = 20, seed = 42, time = 10 }:run()
--     print(r:text())
--
-- The same program runs under every model: the queue, the run lock and the worker's function do not know
-- which one it is. What happens to the jobs comes back as events on a second queue, and only the task that
-- called `run` writes it down; a worker that dies leaves its events behind, and its end is one more event.
-- Stands on: heddle, heddle.queue, heddle.sync, heddle.rng, heddle.work, heddle.report.

local heddle = require "heddle"
local json = require "heddle.json"
local native = require "heddle.native.work"
local queue = require "heddle.queue"
local report = require "heddle.report"
local rng = require "heddle.rng"
local sync = require "heddle.sync"

---@class heddle.service
local service = {}

local IDLE = 1.0          -- seconds a worker waits for a job before it looks at the run lock again
local GRACE = 5.0         -- seconds that stopped workers have to end after an interruption
local ROUNDS = 1e6        -- rounds of SHA3-512 in a job of size 1
local DEMO_JOBS = 20      -- the reference demo's number of jobs
local CLEAR = "\r\27[K"   -- takes a progress line off the terminal
local started = 0         -- services run so far, for their names

--- The models' names for a worker, as its handle would be called by default.
local WORKER = { coroutines = "Task", threads = "Thread", isolates = "Isolate", processes = "Process" }

local OPTIONS = {
  model = true, workers = true, jobs = true, seed = true, time = true, method = true,
  full_time = true, quiet = true, progress = true,
}


-- The worker's side: runs in the worker's own interpreter --------------------------------------------

local function log(ctx, line, ...)
  if ctx.quiet then return end
  io.stderr:write((ctx.clear or "") .. line:format(...) .. "\n")
end


local function describe(job)
  local size = job.size and ", size=" .. json.number(job.size) or ""
  return ("Job #%d (type=%s%s)"):format(job.number, job.kind, size)
end


--- What a job does: its own function, or its rounds of SHA3-512, each one call from Lua.
local function process(job)
  if job.run then return job.run(rng.new(job.seed or job.number), job) end
  local sha3_512 = native.sha3_512
  for _ = 1, ROUNDS * job.size // 1 do sha3_512("") end
end


local function is_cancelled(err)
  return type(err) == "table" and err.code == "cancelled"
end


--- Seconds this worker has waited for the GIL; nil where there is none to wait for.
local function gil_wait(ctx)
  if ctx.model ~= "threads" then return nil end
  local thread = require "heddle.thread"
  local mine = thread.gil().threads[thread.current().id]
  return mine and mine.wait
end


--- Does one job and tells how it ended.
local function serve(ctx, job)
  local begun, cpu = heddle.now(), native.usage()
  ctx.events:put { job = job.number, worker = ctx.number, started = begun }
  log(ctx, "%s is processing %s", ctx.name, describe(job))
  local ok, err = pcall(process, job)
  ctx.events:put {
    job = job.number, worker = ctx.number, ended = heddle.now(), cpu = (native.usage()) - cpu,
    error = not ok and tostring(err) or nil,
  }
  if not ok and is_cancelled(err) then error(err, 0) end
  log(ctx, ok and "%s has completed %s" or "%s has failed at %s", ctx.name, describe(job))
end


local function is_running(ctx)
  return ctx.run:locked() and not (ctx.deadline and heddle.now() >= ctx.deadline)
end


--- Tells what this worker used. A coroutine shares its OS thread, so that its switches say nothing of it.
local function tell_usage(ctx)
  local _, voluntary, involuntary = native.usage()
  local own = ctx.model ~= "coroutines"
  ctx.events:put {
    finished = ctx.number, gil_wait = gil_wait(ctx), memory = collectgarbage("count") * 1024 // 1 | 0,
    voluntary = own and voluntary or nil, involuntary = own and involuntary or nil,
  }
end


--- The worker: takes jobs until the service stops or the queue is closed and empty. Between two jobs it
--- yields, since a job keeps its OS thread: the other coroutines of it have their turn there.
--- Called by the service in the worker's own interpreter.
---@param ctx table
function service.work(ctx)
  log(ctx, "%s is starting work", ctx.name)
  while is_running(ctx) do
    local job, why = ctx.jobs:get(IDLE)
    if job then
      serve(ctx, job)
      heddle.yield()
    else
      log(ctx, "%s has no work to do", ctx.name)
      if why == "closed" then break end
    end
  end
  log(ctx, "%s has finished work", ctx.name)
  tell_usage(ctx)
end


local function begin_work(ctx)
  return require "heddle.service".work(ctx)
end


-- Jobs ------------------------------------------------------------------------------------------------

--- The reference demo's jobs: job n has size 0.5 + r, r the n-th `random()` of Python's generator.
---@param count integer
---@param seed integer
---@return table[] jobs  `{number=, kind=, size=}`, numbers from 0
function service.demo_jobs(count, seed)
  local r, jobs = rng.new(seed), {}
  for n = 0, count - 1 do
    jobs[n + 1] = { number = n, kind = "CPUBoundJob", size = 0.5 + r() }
  end
  return jobs
end


-- Options ---------------------------------------------------------------------------------------------

local function misuse(text, ...)
  error(("service.new: " .. text .. " [bad-argument]"):format(...), 0)
end


local function need_whole(name, value, least)
  local n = math.type(value) and math.tointeger(value)
  if not n or n < least then misuse("%s: a whole number >= %d expected, got %s", name, least, tostring(value)) end
  return n
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


local function check_jobs(jobs, seed)
  if type(jobs) ~= "table" then return service.demo_jobs(need_whole("jobs", jobs or DEMO_JOBS, 0), seed) end
  local list = {}
  for i, job in ipairs(jobs) do
    check_job(i, job)
    list[i] = {
      number = i - 1, kind = job.kind or (job.run and "run" or "CPUBoundJob"), size = job.size, run = job.run,
      seed = seed + i - 1,
    }
  end
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
  if model.model ~= "processes" then misuse("method: only processes have one, not %s", model.model) end
  for _, known in ipairs(model.methods()) do
    if method == known then return method end
  end
  misuse("method: one of %s expected, got %s", table.concat(model.methods(), ", "), tostring(method))
end


local function check_options(opts)
  if type(opts) ~= "table" then misuse("options: a table expected, got %s", type(opts)) end
  for key in pairs(opts) do
    if not OPTIONS[key] then misuse("%s: there is no such option", tostring(key)) end
  end
  local self = { model = check_model(opts.model), time = check_time(opts.time) }
  self.method = check_method(opts.method, self.model)
  self.workers = need_whole("workers", opts.workers or (heddle.cores()), 1)
  self.seed = opts.seed == nil and math.random(0, 0x7fffffff) or need_whole("seed", opts.seed, math.mininteger)
  self.jobs = check_jobs(opts.jobs, self.seed)
  self.full_time, self.quiet, self.progress = opts.full_time, opts.quiet, opts.progress
  self.clear = opts.progress and CLEAR or nil
  if self.full_time and not self.time then misuse("full_time: it needs a time") end
  return self
end


-- The service's side ------------------------------------------------------------------------------------

---@class heddle.service.Service
---@field seed integer  the seed of its jobs, drawn when none was given
local methods = {}
local meta = { __index = methods, __name = "heddle.service" }


function meta:__tostring()
  return self.name
end


--- Makes a service; nothing is started yet.
---@param opts {model: string, workers?: integer, jobs?: integer|table[], seed?: integer, time?: number,
---  method?: string, full_time?: boolean, quiet?: boolean, progress?: fun(state: table)}
---  jobs: how many of the demo's, or a list of tables with `size` (in a million rounds of SHA3-512) or
---  `run` (a function of a generator and the job); time: seconds until the service stops (none: no limit);
---  full_time: stay until then; quiet: no log lines; progress: called after every event
---@return heddle.service.Service  raises [bad-argument]
function service.new(opts)
  local ok, self = pcall(check_options, opts)
  if not ok then error(self, 2) end
  started = started + 1
  self.name = "Service-" .. started
  return setmetatable(self, meta)
end


local function new_record(job)
  return { number = job.number, kind = job.kind, size = job.size, status = "left", attempts = 0, due = 0.0 }
end


--- Everything one run writes down.
local function new_state(self)
  local state = {
    jobs = queue.new(), events = queue.new(), run = sync.lock(), workers = {}, records = {},
    total = #self.jobs, done = 0, failed = 0, ended = 0, wall = 0.0,
  }
  for i, job in ipairs(self.jobs) do
    state.records[i] = new_record(job)
    state.jobs:put(job)
  end
  return state
end


local function context(self, state, number, name)
  return {
    number = number, name = name, model = self.model.model, run = state.run, jobs = state.jobs,
    events = state.events, deadline = state.deadline, quiet = self.quiet and true or nil,
    clear = self.clear,
  }
end


local function start_worker(self, state, number)
  local name = ("%s-%d"):format(WORKER[self.model.model], number)
  local worker = { name = name, jobs = 0, cpu = 0.0 }
  worker.handle = self.model.start(
    { name = name, method = self.method }, begin_work, context(self, state, number, name))
  state.workers[number] = worker
  local events = state.events
  worker.handle:on_done(function() events:put { gone = number } end)
end


local function start(self, state)
  log(self, "Starting %s", self.name)
  state.run:acquire()
  state.t0 = heddle.now()
  state.deadline = self.time and state.t0 + self.time
  if not self.full_time then state.jobs:close() end
  for number = 1, self.workers do start_worker(self, state, number) end
end


local function count(state, record, status)
  record.status = status
  state[status] = state[status] + 1
end


--- A worker is gone: what it had in hand has failed, for the reason it ended for.
local function note_gone(state, number)
  local worker = state.workers[number]
  state.ended = state.ended + 1
  worker.gone = true
  local ok, err = pcall(worker.handle.result, worker.handle)
  local reason = ok and "the worker ended" or tostring(err):match("^[^\n]*")
  if not ok and not worker.current then worker.error = reason end
  if worker.current then
    worker.current.error = reason
    count(state, worker.current, "failed")
    worker.current = nil
  end
end


local function note_started(state, worker, event)
  local record = state.records[event.job + 1]
  record.worker, record.started = worker.name, event.started - state.t0
  record.attempts, record.queued = 1, 0.0
  worker.current = record
end


local function note_ended(state, worker, event)
  local record = state.records[event.job + 1]
  record.ended, record.cpu, record.error = event.ended - state.t0, event.cpu, event.error
  count(state, record, event.error and "failed" or "done")
  worker.jobs, worker.cpu = worker.jobs + 1, worker.cpu + event.cpu
  worker.current = nil
  state.wall = math.max(state.wall, record.ended)
end


local function note_finished(worker, event)
  worker.gil_wait, worker.memory = event.gil_wait, event.memory
  worker.voluntary, worker.involuntary = event.voluntary, event.involuntary
end


local function note(self, state, event)
  if event.gone then
    note_gone(state, event.gone)
  elseif event.finished then
    note_finished(state.workers[event.finished], event)
  else
    (event.started and note_started or note_ended)(state, state.workers[event.worker], event)
  end
  if self.progress then self.progress(state) end
end


--- Waits for the end: all workers gone, or the time up. With a progress line it looks up now and then.
local function watch(self, state)
  while state.ended < #state.workers do
    local left = state.deadline and state.deadline - heddle.now()
    if left and left <= 0 then return end
    local pause = self.progress and math.min(left or 0.25, 0.25) or left
    local event = state.events:get(pause)
    if event then note(self, state, event) elseif self.progress then self.progress(state) end
  end
end


--- The orderly end: workers finish the job they have in hand.
local function stop(self, state)
  log(self, "Stopping %s", self.name)
  state.run:release()
  state.jobs:close()
  while state.ended < #state.workers do note(self, state, (state.events:get())) end
end


--- The end in a hurry, after an interruption or an error: workers are stopped where they are.
local function abort(self, state)
  if state.run:locked() then state.run:release() end
  state.jobs:close()
  for _, worker in ipairs(state.workers) do
    if not worker.gone then worker.handle:cancel { hard = true } end
  end
  local deadline = heddle.now() + GRACE
  while state.ended < #state.workers do
    local event = state.events:get(math.max(0, deadline - heddle.now()))
    if not event then break end
    note(self, state, event)
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


local function make_report(self, state, gil, interrupted)
  return report.new {
    model = self.model.model, worker_count = self.workers, seed = self.seed, cores = (heddle.cores()),
    jobs = state.records, workers_seen = state.workers, wall = state.wall, gil = gil, interrupted = interrupted,
  }
end


local function run_to_the_end(self, state)
  start(self, state)
  watch(self, state)
  stop(self, state)
end


--- Runs the service to its end and returns what was measured. Ctrl-C ends it early: the workers are
--- stopped, and the report says `interrupted`.
---@return heddle.report.Report  raises what kept a worker from starting
function methods:run()
  local state, before = new_state(self), gil_figures(self)
  if self.jobs[1] and self.jobs[1].size then native.sha3_512("") end
  local ok, err = pcall(run_to_the_end, self, state)
  if not ok then abort(self, state) end
  local interrupted = is_cancelled(err) and err.reason == "interrupted"
  if not ok and not interrupted then error(err, 0) end
  if interrupted then state.wall = heddle.now() - state.t0 end
  return make_report(self, state, gil_delta(before, gil_figures(self)), interrupted)
end


return service
