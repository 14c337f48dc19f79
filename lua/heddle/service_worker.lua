--- A worker of the demo's service, in the worker's own interpreter.
-- It takes jobs from the shared queue, does them and tells on a second queue what became of them:
-- `{job, worker, started}`, then `{job, worker, ended, cpu, error}`, at its end `{finished, …}`.
-- Stands on: heddle, heddle.rng, heddle.json; heddle.native.work.

local heddle = require "heddle"
local json = require "heddle.json"
local native = require "heddle.native.work"
local rng = require "heddle.rng"

local service_worker = {}

local IDLE = 1.0   -- seconds a worker waits for a job before it looks at the run lock again
local ROUNDS = 1e6 -- rounds of SHA3-512 in a job of size 1


--- Writes a log line on stderr, taking a progress line off the terminal before.
---@param ctx {quiet: boolean?, clear: string?}
---@param line string  a format
function service_worker.log(ctx, line, ...)
  if ctx.quiet then return end
  io.stderr:write((ctx.clear or "") .. line:format(...) .. "\n")
end

local log = service_worker.log


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


---@return boolean  whether an error is a cancellation
function service_worker.is_cancelled(err)
  return type(err) == "table" and err.code == "cancelled"
end


--- Seconds this worker has waited for the GIL; nil where there is none to wait for.
local function gil_wait(ctx)
  if ctx.model ~= "threads" then return nil end
  local thread = require "heddle.thread"
  local mine = thread.gil().threads[thread.current().id]
  return mine and mine.wait
end


--- Ends a worker that was cancelled. Ctrl-C in a coroutine's job is meant for the program: the
--- others, which may be due before the service is, find the run lock open and begin nothing more.
local function pass_on(ctx, err)
  if err.reason == "interrupted" and ctx.run:locked() then ctx.run:release() end
  error(err, 0)
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
  if not ok and service_worker.is_cancelled(err) then pass_on(ctx, err) end
  log(ctx, ok and "%s has completed %s" or "%s has failed at %s", ctx.name, describe(job))
end


local function is_running(ctx)
  return ctx.run:locked() and not (ctx.deadline and heddle.now() >= ctx.deadline)
end


--- Tells what this worker used. A coroutine shares its OS thread, so that its switches say
--- nothing of it.
local function tell_usage(ctx)
  local _, voluntary, involuntary = native.usage()
  local own = ctx.model ~= "coroutines"
  ctx.events:put {
    finished = ctx.number, gil_wait = gil_wait(ctx),
    memory = math.floor(collectgarbage("count") * 1024),
    voluntary = own and voluntary or nil, involuntary = own and involuntary or nil,
  }
end


--- The worker: takes jobs until the service stops or the queue is closed and empty. Between two
--- jobs it yields, since a job keeps its OS thread: the other coroutines of it have their turn
--- there. Called by the service in the worker's own interpreter.
---@param ctx table
function service_worker.work(ctx)
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


return service_worker
