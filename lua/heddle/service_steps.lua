--- Doing one job: its steps and their costs, in the worker's interpreter; its time limit, its
-- repetitions, and the CPU seconds it took.
-- Stands on: heddle, heddle.mix_draw, heddle.mix_plan, heddle.task; heddle.native.work; heddle.http
-- where a job asks a server.

local heddle = require "heddle"
local mix_draw = require "heddle.mix_draw"
local mix_plan = require "heddle.mix_plan"
local native = require "heddle.native.work"
local task = require "heddle.task"
local unsent = require "heddle.unsent"

local service_steps = {}

local SLICE = 0.001  -- CPU seconds that a spin keeps the GIL in one piece
local ROUNDS = 2000  -- of SHA3-512 in one call that gives the GIL up
local CHECK = 1000   -- instructions between two looks at the clock in a job with a time limit
local RELEASE = { release = true }

local now, cpu = heddle.now, native.cpu

--- What a job that computes beyond its time limit ends with.
local TIMEOUT = setmetatable({}, { __tostring = function() return "timeout" end })


---@class heddle.service_steps.Worker
---@field plan heddle.mix_plan.Plan
---@field locks table<string, table>
---@field lock_wait number  seconds it has waited for them
---@field waited number  seconds its jobs have waited otherwise
---@field remote boolean  whether it is in an interpreter of its own
---@field shares boolean  whether its OS thread is shared with the other workers
---@field port? integer  of the local server
---@field limit? number  when the job in hand has to be done
---@field deadline? number  when the service's time is up: a job is tried no more
---@field held? table  memory that the job in hand has allocated

--- CPU seconds put down to jobs so far on this OS thread, where several workers share it.
local accounted = 0.0


-- Costs ------------------------------------------------------------------------------------------

local function check_limit(worker)
  if worker.limit and now() >= worker.limit then error(TIMEOUT, 0) end
end


local costs = {}


function costs.cpu(worker, seconds, op)
  local options = op.release and RELEASE or nil
  while seconds > SLICE do
    native.spin(SLICE, options)
    seconds = seconds - SLICE
    check_limit(worker)
  end
  native.spin(math.max(seconds, 0.0), options)
end


--- One call for each round, as the reference's jobs do it; with release many in one.
function costs.sha3(worker, rounds, op)
  if op.release then
    for done = 0, rounds - 1, ROUNDS do
      native.sha3(math.min(ROUNDS, rounds - done), RELEASE)
      check_limit(worker)
    end
    return
  end
  local sha3_512 = native.sha3_512
  for _ = 1, rounds do sha3_512 "" end
end


function costs.disk(_, bytes)
  native.disk(bytes)
end


--- The block stays until the job has ended.
function costs.memory(worker, bytes, op)
  worker.held = worker.held or {}
  table.insert(worker.held, native.memory(bytes, op.release and RELEASE or nil))
end


local waits = {}


function waits.io(_, seconds)
  heddle.sleep(seconds)
end


function waits.http(worker, requests)
  local http = require "heddle.http"
  local url = ("http://127.0.0.1:%d/"):format(worker.port)
  for _ = 1, requests do
    local answer, why = http.get(url)
    if not answer then error("http: " .. tostring(why), 0) end
    if answer.status ~= 200 then error("http: status " .. tostring(answer.status), 0) end
  end
end


--- Pays what a job's op costs; returns the CPU seconds that went into it.
local function pay(worker, number, op)
  local amount = mix_plan.amount(worker.plan, number, op)
  local wait = waits[op.cost]
  if wait then
    local since = now()
    wait(worker, amount, op)
    worker.waited = worker.waited + (now() - since)
    return 0.0
  end
  local begun = cpu()
  costs[op.cost](worker, amount, op)
  local used = cpu() - begun
  accounted = accounted + used
  return used
end


--- What a job's own function gets: nothing that it does not take, since a generator costs more to
--- make than a short job.
local function arguments(worker, number, step)
  if not step.takes then
    local info = debug.getinfo(step.run, "u")
    step.takes = info.isvararg and 2 or info.nparams
  end
  if step.takes == 0 then return nil end
  local r = mix_draw.stream(worker.plan.seed, "run." .. number)
  return r, step.takes > 1 and mix_plan.job(worker.plan, number) or nil
end


--- Calls a job's own function. Where workers share an OS thread, what the others have computed
--- while it waited does not count.
local function call(worker, number, step)
  local begun, before, since = cpu(), accounted, now()
  local ok, err = pcall(step.run, arguments(worker, number, step))
  local used = cpu() - begun
  if worker.shares then used = math.max(0.0, used - (accounted - before)) end
  accounted = accounted + used
  worker.used = worker.used + used
  worker.waited = worker.waited + math.max(0.0, now() - since - used)
  if not ok then error(worker.remote and unsent.hinted(err) or err, 0) end
end


-- Steps ------------------------------------------------------------------------------------------

--- Holds a lock of the mix; the guard's end is the caller's affair.
local function hold(worker, name)
  if not name then return nil end
  local guard = worker.locks[name]:hold(0)
  if guard then return guard end
  local begun = now()
  local function count() worker.lock_wait = worker.lock_wait + (now() - begun) end
  local _ <close> = setmetatable({}, { __close = count })
  return (worker.locks[name]:hold())
end


local function do_step(worker, number, step)
  local _ <close> = hold(worker, step.lock)
  for _, op in ipairs(step.ops) do
    worker.used = worker.used + pay(worker, number, op)
  end
  if step.run then call(worker, number, step) end
end


local function do_steps(worker, number, kind)
  local _ <close> = hold(worker, kind.lock)
  for _, step in ipairs(kind.steps) do do_step(worker, number, step) end
  return true
end


--- Does the steps within the kind's time limit: what waits is cancelled by task.timeout, what
--- computes by a look at the clock every so many instructions.
local function limited(worker, number, kind)
  worker.limit = now() + kind.timeout
  debug.sethook(function() check_limit(worker) end, "", CHECK)
  local ok, done = pcall(task.timeout, kind.timeout, do_steps, worker, number, kind)
  debug.sethook()
  local late = now() >= worker.limit
  worker.limit = nil
  if ok and done and not late then return true end
  if ok or done == TIMEOUT then return false, TIMEOUT end
  return false, done
end


---@return boolean  whether an error is a cancellation
function service_steps.is_cancelled(err)
  return type(err) == "table" and err.code == "cancelled"
end


local function attempt(worker, number, kind)
  worker.used = 0.0
  local ok, err
  if kind.timeout then
    ok, err = limited(worker, number, kind)
  else
    ok, err = pcall(do_steps, worker, number, kind)
  end
  worker.held = nil
  return ok, err, worker.used
end


local function is_over(worker)
  return worker.deadline and now() >= worker.deadline
end


--- Does a job, again and again where its kind allows retries.
---@param worker heddle.service_steps.Worker
---@param number integer
---@param kind heddle.mix_plan.Kind
---@return string status  "done", "failed", "timeout", "cancelled"
---@return integer attempts
---@return number cpu  seconds
---@return any err  of the last attempt
function service_steps.work(worker, number, kind)
  if not kind.steps[1] then return "done", 1, 0.0 end
  local total, tries = 0.0, 0
  local ok, err, used
  repeat
    ok, err, used = attempt(worker, number, kind)
    total, tries = total + used, tries + 1
  until ok or tries > kind.retries or service_steps.is_cancelled(err) or is_over(worker)
  if ok then return "done", tries, total end
  if service_steps.is_cancelled(err) then return "cancelled", tries, total, err end
  return err == TIMEOUT and "timeout" or "failed", tries, total, err
end


return service_steps
