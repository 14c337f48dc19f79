--- A worker of the service, in the worker's own interpreter.
-- It takes jobs from the shared queue, does them and writes what became of them into the ledger's
-- rows; on a second queue it tells what is said once: `{ready=}`, `{failed=, error=}` for a job,
-- and at its end `{finished=, …}`.
-- Stands on: heddle, heddle.jobqueue, heddle.json, heddle.mix_plan, heddle.service_follow,
-- heddle.service_ledger, heddle.service_steps; heddle.native.task, heddle.native.trace,
-- heddle.native.work.

local heddle = require "heddle"
local jobqueue = require "heddle.jobqueue"
local json = require "heddle.json"
local mix_plan = require "heddle.mix_plan"
local service_follow = require "heddle.service_follow"
local service_ledger = require "heddle.service_ledger"
local service_steps = require "heddle.service_steps"
local native = require "heddle.native.task"
local trace = require "heddle.native.trace"
local work = require "heddle.native.work"

local service_worker = {}

local IDLE = 1.0    -- seconds a worker waits for a job before it looks at the run lock again
local SHARING = { coroutines = true, sequential = true } -- models whose workers share an OS thread
local REMOTE = { isolates = true, processes = true } -- whose workers have interpreters of their own

local now = heddle.now
local begin, finish = service_ledger.begin, service_ledger.finish


--- Writes a log line on stderr, taking a progress line off the terminal before.
---@param ctx {quiet: boolean?, clear: string?}
---@param line string  a format
function service_worker.log(ctx, line, ...)
  if ctx.quiet then return end
  io.stderr:write((ctx.clear or "") .. line:format(...) .. "\n")
end

local log = service_worker.log


local function describe(ctx, number, kind)
  local size = mix_plan.size(ctx.plan, number)
  local shown = size > 0 and ", size=" .. json.number(size) or ""
  return ("Job #%d (type=%s%s)"):format(number, kind.name, shown)
end


-- Jobs -------------------------------------------------------------------------------------------

--- Ends a worker that was cancelled. Ctrl-C in a coroutine's job is meant for the program: the
--- others, which may be due before the service is, find the run lock open and begin nothing more.
local function pass_on(ctx, err)
  if err.reason == "interrupted" and ctx.run:locked() then ctx.run:release() end
  error(err, 0)
end


--- Tells what a job failed with.
local function tell_error(ctx, number, status, err)
  local text = status == "timeout" and "timeout" or tostring(err)
  ctx.events:put { failed = number, error = text, cancelled = status == "cancelled" or nil }
end


--- Does one job and writes down how it ended.
local function serve(ctx, me, number)
  local kind = mix_plan.kind(ctx.plan, number)
  begin(ctx.rows, number, ctx.number, now() - ctx.t0)
  native.doing(number, kind.name)
  if ctx.group then trace.started(ctx.group, number) end
  if not ctx.quiet then
    log(ctx, "%s is processing %s", ctx.name, describe(ctx, number, kind))
  end
  local status, attempts, cpu, err = service_steps.work(me, number, kind)
  local shown = status == "cancelled" and "failed" or status
  native.doing()
  if status ~= "done" then tell_error(ctx, number, status, err) end
  finish(ctx.rows, number, ctx.number, shown, attempts, now() - ctx.t0, cpu)
  me.jobs, me.cpu = me.jobs + 1, me.cpu + cpu
  if ctx.group then trace.ended(ctx.group, number, shown) end
  if status == "cancelled" then pass_on(ctx, err) end
  service_follow.ended(ctx, number, shown)
  if not ctx.quiet then
    log(ctx, status == "done" and "%s has completed %s" or "%s has failed at %s", ctx.name,
      describe(ctx, number, kind))
  end
end


local function is_running(ctx)
  return ctx.run:locked() and not (ctx.deadline and now() >= ctx.deadline)
end


--- Does the jobs it has taken, as long as it may. Then it yields, since a job keeps its OS thread:
--- the other coroutines of it have their turn there.
local function serve_all(ctx, me, first, last)
  for number = first, last do
    if not is_running(ctx) then
      if ctx.group and number > first then ctx.events:put { ended = first, last = number - 1 } end
      return ctx.queue:nak(ctx.number)
    end
    serve(ctx, me, number)
  end
  if ctx.group then ctx.events:put { ended = first, last = last } end
  heddle.yield()
end


-- The worker -------------------------------------------------------------------------------------

--- Seconds this worker has waited for the GIL; nil where there is none to wait for.
local function gil_wait(ctx)
  if ctx.model ~= "threads" then return nil end
  local thread = require "heddle.thread"
  local mine = thread.gil().threads[thread.current().id]
  return mine and mine.wait
end


--- The most memory that this process has had at once, in bytes.
---@return integer?
function service_worker.peak_memory()
  local file <close> = io.open("/proc/self/status", "r")
  local kib = file and file:read("a"):match "\nVmHWM:%s*(%d+) kB"
  return kib and math.tointeger(kib) * 1024
end


--- Tells what this worker used. A coroutine shares its OS thread, so that its switches and that
--- thread's CPU seconds say nothing of it.
local function tell_usage(ctx, me)
  local cpu, voluntary, involuntary = work.usage()
  local own = not SHARING[ctx.model]
  ctx.events:put {
    finished = ctx.number, jobs = me.jobs, cpu = me.cpu, gil_wait = gil_wait(ctx),
    lock_wait = me.lock_wait, waited = me.waited,
    memory = math.floor(collectgarbage("count") * 1024),
    thread_cpu = own and cpu - me.cpu_before or nil,
    voluntary = own and voluntary or nil, involuntary = own and involuntary or nil,
    peak = ctx.model == "processes" and service_worker.peak_memory() or nil,
  }
end


local function work_in_turn(ctx, me)
  while is_running(ctx) do
    local first, last = ctx.queue:take(ctx.number, IDLE)
    if first then
      serve_all(ctx, me, first, last)
    else
      log(ctx, "%s has no work to do", ctx.name)
      if last == "closed" then return end
    end
  end
end


--- The worker: takes jobs until the service stops or the queue is closed and empty. Called by the
--- service in the worker's own interpreter.
---@param ctx table
function service_worker.work(ctx)
  local me = {
    plan = ctx.plan, locks = ctx.locks, port = ctx.port, shares = SHARING[ctx.model],
    remote = REMOTE[ctx.model],
    lock_wait = 0.0, waited = 0.0, jobs = 0, cpu = 0.0, cpu_before = work.cpu(),
    deadline = ctx.deadline,
  }
  ctx.queue = jobqueue.attach(ctx.jobs)
  ctx.events:put { ready = ctx.number, at = now() }
  log(ctx, "%s is starting work", ctx.name)
  work_in_turn(ctx, me)
  log(ctx, "%s has finished work", ctx.name)
  tell_usage(ctx, me)
end


return service_worker
