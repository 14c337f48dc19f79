--- The jobs a service is given, as a plan: so many of the reference demo's, a mix's, or a list of
-- the caller's own.
-- Stands on: heddle.mix, heddle.mix_check, heddle.mix_load, heddle.mix_plan, heddle.shared,
-- heddle.usage.

local mix = require "heddle.mix"
local mix_check = require "heddle.mix_check"
local mix_load = require "heddle.mix_load"
local mix_plan = require "heddle.mix_plan"
local shared = require "heddle.shared"
local usage = require "heddle.usage"

local service_jobs = {}

local DEMO_KIND = "CPUBoundJob"
local NAMES = {
  "after", "at", "kind", "lock", "number", "retries", "run", "size", "steps", "timeout",
}
local ROUNDS = 1e6 -- of SHA3-512 in a job of size 1


local function refuse(text, ...)
  error(text:format(...), 0)
end


local function is_finite(x)
  return math.type(x) and x == x and x >= 0 and x < math.huge
end


--- What a job of the caller's may say, as `mix:jobs` tells it: the type of each key.
local KEYS = {
  number = "number", kind = "string", size = "number", steps = "table", run = "function",
  at = "number", after = "number", lock = "string", timeout = "number", retries = "number",
}

local function check_keys(i, job)
  for key, value in pairs(job) do
    local expected = KEYS[key]
    if not expected then
      local near = type(key) == "string" and usage.nearest(key, NAMES)
      refuse("jobs[%d].%s: there is no such key%s", i, tostring(key),
        near and (": did you mean '%s'?"):format(near) or "")
    end
    if type(value) ~= expected then
      refuse("jobs[%d].%s: a %s expected, got %s", i, key, expected, tostring(value))
    end
  end
end


local function check_job(i, job)
  local is_job = type(job) == "table" and (math.type(job.size) or type(job.run) == "function"
    or type(job.steps) == "table")
  if not is_job then
    refuse("jobs[%d]: a table with a size (a number), run (a function) or steps expected", i)
  end
  check_keys(i, job)
  if job.size and not is_finite(job.size) then
    refuse("jobs[%d].size: a number >= 0 expected, got %s", i, tostring(job.size))
  end
  if job.at and not is_finite(job.at) then
    refuse("jobs[%d].at: a number >= 0 expected, got %s", i, tostring(job.at))
  end
end


--- One step of a job that a mix has drawn.
local function make_step(source)
  local step = { lock = source.lock, run = source.run, ops = {} }
  for _, cost in ipairs(mix_check.COSTS) do
    if source[cost] then
      step.ops[#step.ops + 1] = {
        cost = cost, amount = source[cost], release = source.release or nil,
      }
    end
  end
  return step
end


--- A job's kind: one of its own for steps, one per name and function for the rest.
local function make_kind(job)
  local kind = {
    name = job.kind or (job.run and "run" or DEMO_KIND), lock = job.lock, steps = {},
    timeout = job.timeout, retries = job.retries or 0, sized = job.size and true or nil,
  }
  if job.steps then
    for i, step in ipairs(job.steps) do kind.steps[i] = make_step(step) end
  elseif job.run then
    kind.steps[1] = { ops = {}, run = job.run }
  else
    kind.steps[1] = { ops = { { cost = "sha3", column = 1, scale = ROUNDS } } }
  end
  return kind
end


local function kind_of(plan, places, job)
  local key = not (job.steps or job.timeout or job.retries or job.lock)
    and (job.run or job.kind or DEMO_KIND)
  local place = key and places[key]
  local known = place and plan.kinds[place]
  if known and known.name == (job.kind or known.name) and known.sized == (job.size and true) then
    return place
  end
  plan.kinds[#plan.kinds + 1] = make_kind(job)
  if key then places[key] = #plan.kinds end
  return #plan.kinds
end


--- Enters whom a job comes after, where it says so.
local function link(plan, i, after)
  if not plan.before then plan.before, plan.next = shared.array("int", plan.count), {} end
  plan.before[i] = after + 1
  local column = 1
  while plan.next[column] and plan.next[column][after + 1] > 0 do column = column + 1 end
  plan.next[column] = plan.next[column] or shared.array("int", plan.count)
  plan.next[column][after + 1] = i
end


--- A list of the caller's jobs as a plan.
local function of_list(list, seed)
  if mix.is(list) then refuse "jobs: a number or a list expected, got a mix: say mix=" end
  for key in pairs(list) do
    if math.type(key) ~= "integer" or key < 1 then
      refuse("jobs: a list expected, got the key '%s'", tostring(key))
    end
  end
  local plan = {
    count = #list, seed = seed, kinds = {}, about = 1.0, kind = shared.array("int", #list),
    amounts = { shared.array("float", #list) },
  }
  local places = {}
  for i = 1, #list do
    local job = list[i]
    check_job(i, job)
    plan.kind[i] = kind_of(plan, places, job)
    plan.amounts[1][i] = job.size or 0.0
    if (job.at or 0) > 0 then
      plan.at = plan.at or shared.array("float", #list)
      plan.at[i] = job.at
    end
    if job.after then
      if math.type(job.after) ~= "integer" or job.after < 0 or job.after >= i - 1 then
        refuse("jobs[%d].after: the number of a job before it expected, got %s", i,
          tostring(job.after))
      end
      link(plan, i, job.after)
    end
  end
  return plan
end


local function load_mix(word)
  local ok, made = pcall(mix_load.load, word)
  if ok then return made end
  refuse("mix: %s", type(made) == "table" and (made.failed or made.usage) or tostring(made))
end


--- The plan for what a service was given.
---@param jobs? integer|table[]  how many of the demo's, or a list
---@param given? heddle.mix.Mix|string  a mix, its name or its file
---@param seed integer
---@return heddle.mix_plan.Plan plan  without methods; raises, without a position, what is wrong
---@return string? name  of the mix
function service_jobs.plan(jobs, given, seed)
  if type(given) == "string" then given = load_mix(given) end
  if given and not mix.is(given) then
    refuse("mix: a mix, its name or its file expected, got %s", type(given))
  end
  if given and type(jobs) == "table" then refuse "jobs: a number expected beside a mix" end
  if type(jobs) == "table" then return of_list(jobs, seed) end
  local plan = mix_plan.new(given and given:resized(jobs) or mix.reference(jobs), seed)
  return setmetatable(plan, nil), given and given.name or nil
end


return service_jobs
