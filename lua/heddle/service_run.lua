--- One run of the service: its shared objects, its workers from their start to their end, and those
-- that die on the way.
-- Stands on: heddle, heddle.jobqueue, heddle.mix_plan, heddle.service_feed, heddle.service_follow,
-- heddle.service_ledger, heddle.service_worker.

local heddle = require "heddle"
local jobqueue = require "heddle.jobqueue"
local mix_plan = require "heddle.mix_plan"
local native = require "heddle.native.work"
local queue = require "heddle.queue"
local service_feed = require "heddle.service_feed"
local service_follow = require "heddle.service_follow"
local service_ledger = require "heddle.service_ledger"
local service_worker = require "heddle.service_worker"
local sync = require "heddle.sync"
local task = require "heddle.task"
local trace = require "heddle.native.trace"

local service_run = {}

local GRACE = 5.0  -- seconds that stopped workers have to end after an interruption
local GLANCE = 0.25 -- seconds between two looks at what goes on
local TOUCH = 5.0  -- seconds between two signs that living workers are still at it
local DEATHS = 3   -- workers in a row that end before they are ready: no more are started

--- What a model's workers are called, as its handles would be by default.
local WORKER = {
  coroutines = "Task", threads = "Thread", isolates = "Isolate", processes = "Process",
  sequential = "Sequential",
}


-- What a run consists of -------------------------------------------------------------------------

---@class heddle.service_run.Run
---@field ledger heddle.service_ledger.Ledger
---@field events table  queue: what the workers tell
---@field lock table  held while workers may begin jobs
---@field queue heddle.jobqueue.Engine
---@field feed heddle.service_feed.Feed
---@field ctx table  what a worker is told, for what is done in the place of one
---@field earlier? integer  jobs acknowledged before this start
---@field deadline? number
---@field died? boolean  a worker has died, and its jobs have not all been looked for
---@field deaths integer  of workers in a row that were not ready yet
---@field stopping? boolean

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
local function context(self, run, number, name)
  return {
    number = number, name = name, model = self.model, run = run.lock, jobs = run.queue:share(),
    events = run.events, deadline = run.deadline, quiet = self.quiet and true or nil,
    clear = self.clear, plan = self.plan, rows = run.ledger.rows, t0 = run.ledger.t0,
    locks = run.locks, needs = run.feed.needs, group = run.group, port = run.port,
  }
end


local function open_queue(self, run, takers)
  local plan = self.plan
  run.queue = jobqueue.open(self.queue or jobqueue.MEMORY, {
    seed = plan.seed, count = plan.count, what = self.mix or "reference", takers = takers,
    linked = plan.before and true, stays = self.full_time and true, events = run.events,
    name = self.name,
  })
  run.feed = service_feed.new(plan, run.ledger.rows, run.queue, self.workers)
  run.ledger.t0 = heddle.now()
  run.ctx = context(self, run, 1)
  run.ctx.queue = run.queue
end


--- Leaves out what was acknowledged before, and puts on the queue what is there at the start.
local function put_jobs(self, run)
  local ended = run.queue:ended()
  run.queue:batch(function()
    for number in pairs(ended) do
      service_ledger.mark_earlier(run.ledger.rows, number)
      run.earlier = (run.earlier or 0) + 1
    end
    for number, status in pairs(ended) do service_follow.follow(run.ctx, number, status) end
    run.feed:put_due(0.0)
  end)
  if self.queue then run.earlier = run.earlier or 0 end
  if run.feed:is_over() and not self.full_time then run.queue:finish() end
end


--- How many workers there may be, with those that take a dead one's place.
local function most_workers(self)
  return 2 * self.workers + 8
end


local function fill(self, run)
  local takers = most_workers(self)
  run.events, run.lock, run.deaths = queue.new(), sync.lock(), 0
  run.events.name, run.lock.name = "events of " .. self.name, "run lock of " .. self.name
  run.ledger = service_ledger.new(self.plan, takers)
  local asks, hashes
  run.locks, asks, hashes = needs_of(self.plan)
  open_queue(self, run, takers)
  put_jobs(self, run)
  if hashes then native.sha3_512 "" end -- opened before any fork
  if asks then start_server(run) end
  if trace.active() then run.group = trace.group() end
end


--- Makes what a run needs; nothing but the jobs' server is started yet.
---@param self heddle.service.Service
---@return heddle.service_run.Run  raises what kept it from being made
function service_run.new(self)
  local run = {}
  local ok, err = pcall(fill, self, run)
  if ok then return run end
  service_run.let_go(run)
  error(err, 0)
end


--- Lets go of what a run has opened, however it ended.
---@param run heddle.service_run.Run
function service_run.let_go(run)
  if run.server then
    run.server:cancel { hard = true }
    run.server:join()
  end
  if run.queue then run.queue:close() end
end


-- Workers ----------------------------------------------------------------------------------------

local function begin_work(ctx)
  return require "heddle.service_worker".work(ctx)
end


local function start_one(self, run)
  local number = #run.ledger.workers + 1
  local name = ("%s-%d"):format(WORKER[self.model], number)
  local options = { name = name, method = self.method }
  local handle = self.module.start(options, begin_work, context(self, run, number, name))
  run.ledger:add_worker(name, handle)
  local events = run.events
  handle:on_done(function() events:put { gone = number } end)
end


--- Starts a worker and enters it into the ledger, with no interruption between the two.
local function start_worker(self, run)
  task.shield(start_one, self, run)
end


--- Tells the recorder what stands in the queue at the start.
local function tell_recorder(self, run)
  local group, plan, queued, kind_of = run.group, self.plan, trace.queued, mix_plan.kind
  if not group then return end
  for number = 0, plan.count - 1 do queued(group, number, kind_of(plan, number).name) end
end


local function start(self, run)
  service_worker.log(self, "Starting %s", self.name)
  if self.drawn then service_worker.log(self, "%s has drawn seed %d", self.name, self.seed) end
  run.lock:acquire()
  tell_recorder(self, run)
  run.ledger.t0 = heddle.now()
  run.ctx.t0 = run.ledger.t0
  run.deadline = self.time and run.ledger.t0 + self.time
  for _ = 1, self.workers do start_worker(self, run) end
end


-- Deaths -----------------------------------------------------------------------------------------

local function may_go_on(self, run)
  return not run.stopping and run.deaths < DEATHS
    and #run.ledger.workers < most_workers(self)
    and not (run.deadline and heddle.now() >= run.deadline)
end


local function is_work_left(self, run)
  local stats = run.queue:stats()
  return stats.waiting + stats.ready > 0 or self.full_time
end


--- Whether a job has ended by itself, not with the service that was stopped.
local function has_ended(ledger, number)
  if service_ledger.status(ledger.rows, number) == "left" then return false end
  return not ledger.stopped or ledger.errors[number] ~= ledger.stopped
end


--- A worker has died: what it had ended is acknowledged in its place, what it had not begun is
--- given back, and another worker takes its place.
local function replace(self, run, worker)
  local first, last = run.queue:held(worker.number)
  for number = first or 0, last or -1 do
    if has_ended(run.ledger, number) then
      local status = service_ledger.status(run.ledger.rows, number)
      service_follow.ended(run.ctx, number, status)
    end
  end
  run.queue:nak(worker.number)
  run.deaths = worker.ready and 0 or run.deaths + 1
  run.died = true
  if may_go_on(self, run) and is_work_left(self, run) then start_worker(self, run) end
end


local function living(run)
  local numbers = {}
  for _, worker in ipairs(run.ledger.workers) do
    if not worker.gone then numbers[#numbers + 1] = worker.number end
  end
  return numbers
end


--- Gives a job out once more that has not been acknowledged, if it could have begun: what it comes
--- after has ended.
local function give_again(self, run, number)
  local before = self.plan.before and self.plan.before[number + 1] or 0
  local status = before == 0 and "done" or run.queue:status(before - 1)
  if status == "done" then
    run.queue:renew(number)
  elseif status then
    service_follow.skip(run.ctx, number)
  end
end


--- After a death, when nothing goes on any more: finds jobs that went with it, between the queue
--- and its hand or between a job's end and the start of what comes after it.
local function look_for_lost(self, run)
  if not run.died or run.stopping or run.feed:next_at() then return end
  local numbers, found = living(run), false
  if not run.queue:at_rest(numbers) or run.events:size() > 0 then return end
  run.died = false
  for number = 0, self.plan.count - 1 do
    if not run.queue:status(number) then
      give_again(self, run, number)
      found = true
    end
  end
  if found and #numbers == 0 and may_go_on(self, run) then start_worker(self, run) end
end


-- Waiting ----------------------------------------------------------------------------------------

local function note(self, run, event)
  if event and event.queue then
    run.queue:hear(event.queue)
  elseif event then
    run.ledger:note(event)
    if event.ended then
      for number = event.ended, event.last do trace.result(run.group, number) end
    end
    local worker = event.gone and run.ledger.workers[event.gone]
    if worker and not worker.finished then replace(self, run, worker) end
  end
  if run.ledger:is_over() then look_for_lost(self, run) end
  if self.progress then self.progress(run.ledger) end
end


--- Notes an event and all that are there after it, as one change of the queue.
local function note_all(self, run, event)
  run.queue:batch(function()
    repeat
      note(self, run, event)
      event = run.events:try_get()
    until not event
  end)
end


--- Puts on the queue what has arrived, and closes it behind the last job.
local function feed(self, run)
  run.queue:batch(function() run.feed:put_due(run.ledger:now()) end)
  if run.feed:is_over() and not self.full_time then run.queue:finish() end
end


--- Says of each worker that lives that it is still at it.
local function touch(run)
  if heddle.now() - (run.touched or run.ledger.t0) < TOUCH then return end
  run.touched = heddle.now()
  run.queue:batch(function()
    for _, number in ipairs(living(run)) do run.queue:touch(number) end
  end)
end


--- Seconds until there is something to do besides events.
local function next_look(self, run)
  local left = TOUCH
  if run.deadline then left = math.min(left, run.deadline - heddle.now()) end
  local next_at = run.feed:next_at()
  if next_at then left = math.min(left, next_at - run.ledger:now()) end
  if self.progress or run.died then left = math.min(left, GLANCE) end
  return math.max(left, 0.0)
end


--- Waits for the end: all workers gone, or the time up.
local function watch(self, run)
  while not run.ledger:is_over() do
    if run.deadline and heddle.now() >= run.deadline then return end
    if run.feed:next_at() then feed(self, run) end
    note_all(self, run, (run.events:get(next_look(self, run))))
    look_for_lost(self, run)
    touch(run)
    heddle.yield() -- other tasks of this OS thread have their turn, however many events there are
  end
end


-- The end ----------------------------------------------------------------------------------------

--- The orderly end: workers finish the job they have in hand.
local function stop(self, run)
  service_worker.log(self, "Stopping %s", self.name)
  run.stopping = true
  run.lock:release()
  run.queue:shut()
  while not run.ledger:is_over() do note_all(self, run, (run.events:get())) end
  note_all(self, run)
end


--- Runs a service from the start of its workers to the end of the last one.
---@param self heddle.service.Service
---@param run heddle.service_run.Run  raises what kept a worker from starting
function service_run.to_the_end(self, run)
  start(self, run)
  watch(self, run)
  stop(self, run)
end


--- Notes how long each worker that is being stopped has waited for the GIL so far: it won't tell.
local function note_gil_waits(self, run)
  local threads = self.model == "threads" and self.module.gil().threads or {}
  for _, worker in ipairs(run.ledger.workers) do
    local row = not worker.gone and threads[worker.handle.id]
    if row and not worker.finished then worker.gil_wait = row.wait end
  end
end


--- The end in a hurry, after an interruption or an error: workers are stopped where they are.
---@param self heddle.service.Service
---@param run heddle.service_run.Run
---@param why string  "interrupted", "stopped"
function service_run.abort(self, run, why)
  run.ledger.stopped, run.stopping = why, true
  if run.lock:locked() then run.lock:release() end
  run.queue:shut()
  note_gil_waits(self, run)
  for _, worker in ipairs(run.ledger.workers) do
    if not worker.gone then worker.handle:cancel { hard = true } end
  end
  local deadline = heddle.now() + GRACE
  while not run.ledger:is_over() do
    local event = run.events:get(math.max(0, deadline - heddle.now()))
    if not event then return end
    note_all(self, run, event)
  end
end


return service_run
