--- The service: workers of one model that take jobs from one shared queue while a run lock is held.
--
--     local service = require "heddle.service"
--     local s = service.new{ model = "threads", workers = 4, jobs = 20, seed = 42, time = 10 }
--     print(s:run():text())
--     print(service.new{ model = "isolates", mix = "web_service", seed = 1 }:run():text())
--
-- The same program runs under every model: the queue, the run lock and the worker's function do
-- not know which one it is. What happens to the jobs is written into shared rows by the worker that
-- has them (service_ledger); what is said once comes back as events on a second queue. A worker
-- that dies is replaced; the job it was at has failed, and what it had not begun goes on.
-- Stands on: heddle, heddle.queue, heddle.shared, heddle.sync, heddle.report, heddle.work, and its
-- parts heddle.service_feed, heddle.service_jobs, heddle.service_ledger, heddle.service_worker.

local heddle = require "heddle"
local native = require "heddle.native.work"
local queue = require "heddle.queue"
local report = require "heddle.report"
local service_feed = require "heddle.service_feed"
local service_jobs = require "heddle.service_jobs"
local service_ledger = require "heddle.service_ledger"
local service_worker = require "heddle.service_worker"
local sync = require "heddle.sync"
local trace = require "heddle.native.trace"
local usage = require "heddle.usage"

---@class heddle.service
local service = {}

local GRACE = 5.0            -- seconds that stopped workers have to end after an interruption
local GLANCE = 0.25          -- seconds between two looks at what goes on
local CLEAR = "\r\27[K"      -- takes a progress line off the terminal
local MAX_SEED = 0x7fffffff  -- of a drawn seed
local DEATHS = 3             -- workers in a row that end before they are ready: no more are started
local count = 0              -- services made so far, for their names

--- What a model's workers are called, as its handles would be by default.
local WORKER = {
  coroutines = "Task", threads = "Thread", isolates = "Isolate", processes = "Process",
  sequential = "Sequential",
}

local OPTIONS = {
  model = true, workers = true, jobs = true, mix = true, seed = true, time = true, method = true,
  full_time = true, quiet = true, progress = true, queue = true,
}


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


--- A model's module from its name in any of its forms; "sequential" is one coroutine.
local function check_model(name)
  if name == "sequential" then return require "heddle.task", name end
  local ok, model = pcall(heddle.model, name)
  if type(name) == "string" and ok and model then return model, model.model end
  misuse("model: coroutines, threads, isolates or processes expected, got %s", tostring(name))
end


local function check_workers(given, model)
  if model ~= "sequential" then return need_whole("workers", given or (heddle.cores()), 1) end
  if given ~= nil and given ~= 1 then
    misuse("workers: sequential has one, got %s", tostring(given))
  end
  return 1
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


local function check_keys(opts)
  if type(opts) ~= "table" then misuse("options: a table expected, got %s", type(opts)) end
  local names = {}
  for name in pairs(OPTIONS) do names[#names + 1] = name end
  table.sort(names)
  for key in pairs(opts) do
    if not OPTIONS[key] then
      local near = type(key) == "string" and usage.nearest(key, names)
      misuse("%s: there is no such option%s", tostring(key),
        near and (": did you mean '%s'?"):format(near) or "")
    end
  end
end


local function make_plan(opts, seed)
  local jobs = opts.jobs
  if jobs ~= nil and type(jobs) ~= "table" then jobs = need_whole("jobs", jobs, 0) end
  local ok, plan, name = pcall(service_jobs.plan, jobs, opts.mix, seed)
  if not ok then misuse("%s", plan) end
  return plan, name
end


--- The path of a queue that outlives the program, and the seed of the jobs that it holds already.
local function check_queue(path)
  if path == nil then return nil end
  if type(path) ~= "string" or path == "" then
    misuse("queue: a file's path expected, got %s", tostring(path))
  end
  local ok, info = pcall(require("heddle.jobqueue").peek, path)
  if not ok then misuse("%s", info) end
  return info and info.seed
end


local function check_options(opts)
  check_keys(opts)
  local queue_seed = check_queue(opts.queue)
  local self = { time = check_time(opts.time) }
  self.module, self.model = check_model(opts.model)
  self.method = check_method(opts.method, self.module)
  self.workers = check_workers(opts.workers, self.model)
  local seed = opts.seed or queue_seed or math.random(0, MAX_SEED)
  self.seed = need_whole("seed", seed, math.mininteger)
  self.plan, self.mix = make_plan(opts, self.seed)
  self.full_time, self.quiet, self.progress = opts.full_time, opts.quiet, opts.progress
  self.clear, self.queue = opts.progress and CLEAR or nil, opts.queue
  if self.full_time and not self.time then misuse("full_time: it needs a time") end
  return self
end


-- The service ----------------------------------------------------------------------------------

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

---@class heddle.service.Service
---@field name string
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
  local ok, self = pcall(check_options, opts)
  if not ok then error(self, 2) end
  count = count + 1
  self.name = "Service-" .. count
  return setmetatable(self, meta)
end


-- One run --------------------------------------------------------------------------------------

--- The locks that the jobs name, and whether they ask a server or hash.
local function needs_of(plan)
  local locks, asks, hashes = {}, false, false
  local function lock(name)
    if name and not locks[name] then
      locks[name] = sync.lock()
      locks[name].name = name
    end
  end
  for _, kind in ipairs(plan.kinds) do
    lock(kind.lock)
    for _, step in ipairs(kind.steps) do
      lock(step.lock)
      for _, op in ipairs(step.ops) do
        asks, hashes = asks or op.cost == "http", hashes or op.cost == "sha3"
      end
    end
  end
  return locks, asks, hashes
end


local function serve_http(told)
  local server <close> = require("heddle.http").serve("127.0.0.1:0", function()
    return 200, "ok"
  end)
  told:put(server.port)
  heddle.sleep(math.huge)
end


--- Starts the server that the jobs ask, in a process of its own, so that it does not compute on
--- the workers' cost.
local function start_server(run)
  local told = queue.new()
  run.server = require("heddle.process").start({ name = "http server", daemon = true }, serve_http,
    told)
  run.server:on_done(function() told:close() end)
  run.port = told:get()
  if not run.port then run.server:result() end
end


--- What a worker is told: the only things that cross to its interpreter.
local function context(self, run, number, name, first)
  return {
    number = number, name = name, model = self.model, run = run.lock, jobs = run.jobs,
    events = run.events, deadline = run.deadline, quiet = self.quiet and true or nil,
    clear = self.clear, plan = self.plan, rows = run.ledger.rows, t0 = run.ledger.t0,
    locks = run.locks, needs = run.feed.needs, open = run.feed.open, group = run.group,
    port = run.port, first = first, durable = run.durable and true or nil,
  }
end


--- The jobs are kept by an engine of heddle.jobqueue.
local function open_queue(self, run)
  local service_durable = require "heddle.service_durable"
  run.durable = service_durable.open(self.queue, self.plan, self.mix or "reference")
  run.ledger.t0 = heddle.now()
  run.durable:begin(run.feed, context(self, run, 1))
end


--- What one run consists of: the shared objects, the ledger and the feed.
local function new_run(self)
  local jobs, plan = queue.new(), self.plan
  local run = {
    jobs = jobs, events = queue.new(), lock = sync.lock(), deaths = 0,
    ledger = service_ledger.new(plan, 2 * self.workers + 8),
  }
  local asks, hashes
  run.locks, asks, hashes = needs_of(plan)
  run.feed = service_feed.new(plan, run.ledger.rows, jobs, self.workers)
  if self.queue then open_queue(self, run) end
  run.feed:put_due(0.0)
  if run.durable then run.durable:pump(jobs, self.workers) end
  if run.feed:is_over() and not self.full_time then jobs:close() end
  if hashes then native.sha3_512 "" end -- opened before any fork
  if asks then start_server(run) end
  if trace.active() then run.group = trace.group() end
  return run
end


local function begin_work(ctx)
  return require "heddle.service_worker".work(ctx)
end


local function start_worker(self, run, first)
  local number = #run.ledger.workers + 1
  local name = ("%s-%d"):format(WORKER[self.model], number)
  local options = { name = name, method = self.method }
  local ctx = context(self, run, number, name, first)
  local handle = self.module.start(options, begin_work, ctx)
  run.ledger:add_worker(name, handle)
  local events = run.events
  handle:on_done(function() events:put { gone = number } end)
end


--- Tells the recorder what stands in the queue at the start.
local function tell_recorder(self, run)
  if not run.group then return end
  for i = 1, self.plan.count do
    trace.queued(run.group, i - 1, require("heddle.mix_plan").kind(self.plan, i - 1).name)
  end
end


local function start(self, run)
  service_worker.log(self, "Starting %s", self.name)
  run.lock:acquire()
  tell_recorder(self, run)
  run.ledger.t0 = heddle.now()
  run.deadline = self.time and run.ledger.t0 + self.time
  for _ = 1, self.workers do start_worker(self, run) end
end


-- Deaths ---------------------------------------------------------------------------------------

--- The numbers of an item's jobs that have not begun.
local function not_begun(run, item)
  local list = {}
  for number = item & 0xffffffff, (item & 0xffffffff) + (item >> 32) do
    if service_ledger.status(run.ledger.rows, number) == "left" then list[#list + 1] = number end
  end
  return list
end


--- Jobs that a worker had taken from the queue and died with before it could say so: the queue is
--- empty, all who are left have nothing in hand, and they have not begun.
local function vanished(self, run)
  local rows, list = run.ledger.rows, {}
  for _, worker in ipairs(run.ledger.workers) do
    if not worker.gone and rows.hands[worker.number] > 0 then return list end
  end
  if run.jobs:size() > 0 then return list end
  for i = 1, self.plan.count do
    local there = not run.feed.needs or run.feed.needs[i] <= 0
    local put = there and (not self.plan.at or rows.queued[i] > 0 or self.plan.at[i] <= 0)
    if put and service_ledger.status(rows, i - 1) == "left" then list[#list + 1] = i - 1 end
  end
  return list
end


local function may_go_on(self, run)
  return not run.stopping and run.deaths < DEATHS
    and #run.ledger.workers < 2 * self.workers + 8
    and not (run.deadline and heddle.now() >= run.deadline)
end


--- A worker has died: what came after its job can't begin, and another worker takes its place.
local function replace(self, run, worker)
  local rows = run.ledger.rows
  if worker.lost and run.durable then
    run.durable:ended(worker.lost, "failed")
  elseif worker.lost then
    local ctx = context(self, run, worker.number)
    if ctx.plan.next or ctx.open then service_worker.follow(ctx, worker.lost, false) end
  end
  run.deaths = worker.ready and 0 or run.deaths + 1
  local first = rows.hands[worker.number] > 0 and not_begun(run, rows.hands[worker.number] - 1)
    or nil
  rows.hands[worker.number] = 0
  run.died = true
  local more = (first and first[1]) or run.jobs:size() > 0 or not run.feed:is_over()
    or self.full_time
  if more and may_go_on(self, run) then start_worker(self, run, first) end
end


--- After a death: finds jobs that went with it.
local function look_for_vanished(self, run)
  if not run.died or run.stopping then return end
  local list = vanished(self, run)
  if #list == 0 or not may_go_on(self, run) then return end
  start_worker(self, run, list)
end


-- Waiting --------------------------------------------------------------------------------------

local function note(self, run, event)
  if event then
    run.ledger:note(event)
    if event.ended and run.group then trace.result(run.group, event.ended) end
    if event.ended and run.durable then run.durable:ended(event.ended, event.status) end
    local worker = event.gone and run.ledger.workers[event.gone]
    if worker and not worker.finished then replace(self, run, worker) end
  end
  if run.ledger:is_over() then look_for_vanished(self, run) end
  if self.progress then self.progress(run.ledger) end
end


--- Notes all events that are there as one change of the durable queue, and fills the workers'.
local function note_many(self, run, event)
  run.durable.engine:batch(function()
    repeat
      note(self, run, event)
      event = run.events:try_get()
    until not event
    run.durable:pump(run.jobs, self.workers)
  end)
end


--- Puts on the queue what has arrived, and closes it behind the last job.
local function feed(self, run)
  run.feed:put_due(run.ledger:now())
  if run.feed:is_over() and not self.full_time then run.jobs:close() end
end


--- Seconds until there is something to do besides events; nil: nothing.
local function next_look(self, run)
  local left = run.deadline and run.deadline - heddle.now()
  local next_at = run.feed:next_at()
  if next_at then left = math.min(left or math.huge, next_at - run.ledger:now()) end
  if self.progress or run.died or run.durable then left = math.min(left or math.huge, GLANCE) end
  return left and math.max(left, 0.0)
end


--- Waits for the end: all workers gone, or the time up.
local function watch(self, run)
  while not run.ledger:is_over() do
    if run.deadline and heddle.now() >= run.deadline then return end
    if run.feed:next_at() then feed(self, run) end
    local event = run.events:get(next_look(self, run))
    if run.durable then
      note_many(self, run, event)
    else
      note(self, run, event)
    end
    if not event and run.died then look_for_vanished(self, run) end
  end
end


--- Lets go of what a run has opened, however it ended.
local function let_go(run)
  if run.server then
    run.server:cancel { hard = true }
    run.server:join()
  end
  if run.durable then run.durable:close() end
end


--- The orderly end: workers finish the job they have in hand.
local function stop(self, run)
  service_worker.log(self, "Stopping %s", self.name)
  run.stopping = true
  run.lock:release()
  run.jobs:close()
  while not run.ledger:is_over() do note(self, run, (run.events:get())) end
  while true do
    local event = run.events:try_get()
    if not event then break end
    note(self, run, event)
  end
end


--- The end in a hurry, after an interruption or an error: workers are stopped where they are.
local function abort(self, run, why)
  run.ledger.stopped, run.stopping = why, true
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


-- What was measured ----------------------------------------------------------------------------

--- Figures that only the difference of two looks at them says something of.
local function figures(self)
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
local function forget_peak()
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


local function make_report(self, run, before, interrupted)
  local ledger, earlier = run.ledger, run.durable and run.durable.earlier or nil
  local after = figures(self)
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


local function run_to_the_end(self, run)
  start(self, run)
  watch(self, run)
  stop(self, run)
end


--- Runs the service to its end and returns what was measured. Ctrl-C ends it early: the workers
--- are stopped, and the report says `interrupted`.
---@return heddle.report.Report  raises what kept a worker from starting
function methods:run()
  forget_peak()
  local run, before = new_run(self), figures(self)
  local ok, err = pcall(run_to_the_end, self, run)
  local interrupted = not ok and type(err) == "table" and err.reason == "interrupted"
  if not ok then abort(self, run, interrupted and "interrupted" or "stopped") end
  let_go(run)
  if not ok and not interrupted then error(err, 0) end
  return make_report(self, run, before, interrupted)
end


return service
