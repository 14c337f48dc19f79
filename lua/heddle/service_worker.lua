--- A worker of the service, in the worker's own interpreter.
-- It takes jobs from the shared queue, does them and writes what became of them into the ledger's
-- rows; on a second queue it tells what is said once: `{ready=}`, `{failed=, error=}` for a job,
-- and at its end `{finished=, …}`.
-- Stands on: heddle, heddle.json, heddle.mix_plan, heddle.service_ledger, heddle.service_steps;
-- heddle.native.trace, heddle.native.work.

local heddle = require "heddle"
local json = require "heddle.json"
local mix_plan = require "heddle.mix_plan"
local service_ledger = require "heddle.service_ledger"
local service_steps = require "heddle.service_steps"
local trace = require "heddle.native.trace"
local work = require "heddle.native.work"

local service_worker = {}

local IDLE = 1.0    -- seconds a worker waits for a job before it looks at the run lock again
local SHARING = { coroutines = true, sequential = true } -- models whose workers share an OS thread

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


-- What comes after a job -------------------------------------------------------------------------

--- Takes jobs off the number of those that are still to end; after the last one there is nothing
--- more to come.
local function count_off(ctx, jobs)
  if ctx.open and ctx.open:add(-jobs) == 0 then ctx.jobs:close() end
end


--- A job will never begin, and what comes after it neither; returns how many those are.
local function skip(ctx, number)
  if service_ledger.status(ctx.rows, number) ~= "left" then return 0 end
  finish(ctx.rows, number, ctx.number, "skipped", 0, now() - ctx.t0, 0.0)
  if ctx.skipped then ctx.skipped(number) end
  local skipped = 1
  for _, column in ipairs(ctx.plan.next) do
    local follower = column[number + 1]
    if follower > 0 then skipped = skipped + skip(ctx, follower - 1) end
  end
  return skipped
end


--- A job may begin now.
local function give(ctx, number)
  if service_ledger.status(ctx.rows, number) ~= "left" then return end
  ctx.rows.queued[number + 1] = now() - ctx.t0
  if ctx.give then ctx.give(number) else ctx.jobs:put(number) end
end


--- A job has ended: what comes after it may begin, or is skipped.
---@param ctx table
---@param number integer
---@param well boolean  whether it is done
function service_worker.follow(ctx, number, well)
  local ended = 1
  for _, column in ipairs(ctx.plan.next or {}) do
    local follower = column[number + 1]
    if follower > 0 and not well then
      ended = ended + skip(ctx, follower - 1)
    elseif follower > 0 and ctx.needs:add(follower, -1) == 0 then
      give(ctx, follower - 1)
    end
  end
  count_off(ctx, ended)
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
  if ctx.group then trace.started(ctx.group, number) end
  if not ctx.quiet then
    log(ctx, "%s is processing %s", ctx.name, describe(ctx, number, kind))
  end
  local status, attempts, cpu, err = service_steps.work(me, number, kind)
  local shown = status == "cancelled" and "failed" or status
  if status ~= "done" then tell_error(ctx, number, status, err) end
  finish(ctx.rows, number, ctx.number, shown, attempts, now() - ctx.t0, cpu)
  me.jobs, me.cpu = me.jobs + 1, me.cpu + cpu
  if ctx.group then trace.ended(ctx.group, number, shown) end
  if status == "cancelled" then pass_on(ctx, err) end
  if not ctx.durable and (ctx.plan.next or ctx.open) then
    service_worker.follow(ctx, number, status == "done")
  end
  if ctx.durable or ctx.group then ctx.events:put { ended = number, status = shown } end
  if not ctx.quiet then
    log(ctx, status == "done" and "%s has completed %s" or "%s has failed at %s", ctx.name,
      describe(ctx, number, kind))
  end
end


local function is_running(ctx)
  return ctx.run:locked() and not (ctx.deadline and now() >= ctx.deadline)
end


--- Does the jobs of one item: a job's number, and in its upper half how many follow it.
local function serve_item(ctx, me, item)
  local first = item & 0xffffffff
  for number = first, first + (item >> 32) do
    if not is_running(ctx) then return end
    serve(ctx, me, number)
  end
end


--- Does what it is given. Between two items it yields, since a job keeps its OS thread: the other
--- coroutines of it have their turn there.
local function take(ctx, me, item)
  ctx.rows.hands[ctx.number] = item + 1
  serve_item(ctx, me, item)
  ctx.rows.hands[ctx.number] = 0
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
  for _, item in ipairs(ctx.first or {}) do
    if not is_running(ctx) then return end
    take(ctx, me, item)
  end
  while is_running(ctx) do
    local item, why = ctx.jobs:get(IDLE)
    if item then
      take(ctx, me, item)
    else
      log(ctx, "%s has no work to do", ctx.name)
      if why == "closed" then return end
    end
  end
end


--- The worker: takes jobs until the service stops or the queue is closed and empty. Called by the
--- service in the worker's own interpreter.
---@param ctx table
function service_worker.work(ctx)
  local me = {
    plan = ctx.plan, locks = ctx.locks, port = ctx.port, shares = SHARING[ctx.model],
    lock_wait = 0.0, waited = 0.0, jobs = 0, cpu = 0.0, cpu_before = work.cpu(),
  }
  ctx.events:put { ready = ctx.number, at = now() }
  log(ctx, "%s is starting work", ctx.name)
  work_in_turn(ctx, me)
  log(ctx, "%s has finished work", ctx.name)
  tell_usage(ctx, me)
end


return service_worker
