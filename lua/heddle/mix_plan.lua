--- A mix with a seed: which job is of which kind, when it arrives, what was drawn for it. A plan is
-- columns of shared numbers, so that a million jobs take little room and every worker of every
-- model reads the same ones; a job's place in them is its number + 1.
-- Stands on: heddle.mix_check, heddle.mix_draw, heddle.shared.

local mix_check = require "heddle.mix_check"
local mix_draw = require "heddle.mix_draw"
local rng = require "heddle.rng"
local shared = require "heddle.shared"

local mix_plan = {}

-- Seconds that an amount of 1 takes, about: for how many jobs travel together, never for results.
local ABOUT = { cpu = 1, io = 1, sha3 = 5e-7, disk = 2e-9, memory = 5e-10, http = 1e-3 }
local UNKNOWN = 1.0 -- seconds that a job's own function may take, for all we know
local WHOLE = { sha3 = true, disk = true, memory = true, http = true }


---@class heddle.mix_plan.Op
---@field cost string  one of mix_check.COSTS
---@field amount? number  where it is the same for each job
---@field column? integer  which of the plan's amounts, else
---@field release? boolean

---@class heddle.mix_plan.Step
---@field lock? string
---@field ops heddle.mix_plan.Op[]
---@field run? function

---@class heddle.mix_plan.Kind
---@field name string
---@field lock? string  held over all its steps
---@field steps heddle.mix_plan.Step[]
---@field timeout? number
---@field retries? integer
---@field sized? boolean  whether the jobs' sizes stand in the first column of amounts

---@class heddle.mix_plan.Plan
---@field count integer  jobs
---@field seed integer
---@field kinds heddle.mix_plan.Kind[]
---@field kind? table  column: place of the job's kind in `kinds`; nil where there is one kind only
---@field at? table  column: seconds from the start; nil where all are there at the start
---@field amounts table[]  columns
---@field before? table  column: number + 1 of the job it comes after, or 0
---@field next? table[]  columns: number + 1 of a job that comes after it, or 0
---@field about number  seconds that a job takes, roughly, in the mean
local methods = {}
local meta = { __index = methods, __name = "heddle.mix_plan" }


-- Kinds ------------------------------------------------------------------------------------------

--- The costs of one step, those that are drawn with a column each.
local function make_step(kind, source, path)
  local step = { ops = {}, run = source.run }
  for _, cost in ipairs(mix_check.COSTS) do
    local value = source[cost]
    if value then
      local op = { cost = cost, release = source.release or nil }
      if type(value) == "number" then
        op.amount = WHOLE[cost] and math.floor(value) or value + 0.0
      else
        kind.columns = kind.columns + 1
        op.column, op.draw, op.purpose = kind.columns, value, path .. "." .. cost
      end
      step.ops[#step.ops + 1] = op
    end
  end
  return step
end


local function make_kind(name, source)
  local kind = {
    name = name, lock = source.lock, steps = {}, columns = 0,
    timeout = source.timeout, retries = math.tointeger(source.retries or 0),
  }
  local own = make_step(kind, source, name)
  if #own.ops > 0 or own.run then kind.steps[1] = own end
  for i, step in ipairs(source) do
    local made = make_step(kind, step, ("%s[%d]"):format(name, i))
    made.lock = step.lock
    kind.steps[#kind.steps + 1] = made
  end
  return kind
end


--- Draws a kind from the weights.
local function chooser(mix, seed)
  local r = mix_draw.stream(seed, "kinds")
  local sums, places, total = {}, {}, 0.0
  for i, name in ipairs(mix.names) do
    local kind = mix.kinds[name]
    local weight = kind.weight or (kind.after and 0) or 1
    if weight > 0 then
      total = total + weight
      sums[#sums + 1], places[#places + 1] = total, i
    end
  end
  if #places == 1 then return function() return places[1] end end
  return function()
    local x = r() * total
    for i, sum in ipairs(sums) do
      if x < sum then return places[i] end
    end
    return places[#places]
  end
end


-- Jobs that come after others --------------------------------------------------------------------

--- Who comes after whom: `of[k]` the places of the kinds that come after kind k.
local function followers(mix)
  local place, of, any = {}, {}, false
  for i, name in ipairs(mix.names) do place[name], of[i] = i, {} end
  for i, name in ipairs(mix.names) do
    local kind = mix.kinds[name]
    if kind.after then
      table.insert(of[place[kind.after]], {
        kind = i, after = place[kind.after], drawn = kind.weight ~= nil, free = {}, first = 1,
      })
      any = true
    end
  end
  return any and of or nil
end


--- What is needed while jobs are drawn one by one, where some come after others.
local function new_order(plan, of)
  local order = { of = of, own = {}, waiting = {}, first = 1, last = 0, most = 0 }
  for _, list in ipairs(of) do
    order.most = math.max(order.most, #list)
    for place, follower in ipairs(list) do
      order.own[follower.kind], follower.place = follower, place
    end
  end
  plan.before, plan.next = shared.array("int", plan.count), {}
  for i = 1, order.most do plan.next[i] = shared.array("int", plan.count) end
  return order
end


--- A kind that was drawn, or what it comes after, where too few of that have been drawn so far.
local function with_partner(order, kind)
  while true do
    local own = order.own[kind]
    if not own then return kind end
    local partner = own.free[own.first]
    if partner then
      own.first = own.first + 1
      return kind, partner
    end
    kind = own.after
  end
end


local function link(plan, order, i, kind, before)
  if before then
    plan.before[i] = before
    plan.next[order.own[kind].place][before] = i
  end
  for _, follower in ipairs(order.of[kind]) do
    if follower.drawn then
      table.insert(follower.free, i)
    else
      order.last = order.last + 1
      order.waiting[order.last] = { kind = follower.kind, before = i }
    end
  end
end


--- The kind of the next job, and whether it was drawn: one that comes after another follows it.
local function next_kind(plan, order, i, choose)
  local waiting = order and order.waiting[order.first]
  local kind, before
  if waiting then
    order.waiting[order.first], order.first = nil, order.first + 1
    kind, before = waiting.kind, waiting.before
  elseif order then
    kind, before = with_partner(order, choose())
  else
    kind = choose()
  end
  if order then link(plan, order, i, kind, before) end
  return kind, not waiting
end


-- Arrivals ---------------------------------------------------------------------------------------

local arrivals = {}


function arrivals.burst()
  return nil
end


function arrivals.poisson(a, seed)
  local r, at = mix_draw.stream(seed, "arrivals"), 0.0
  return function()
    at = at - mix_draw.log(1 - r()) / a.rate
    return at
  end
end


function arrivals.every(a)
  local n = -1
  return function()
    n = n + 1
    return n * a.seconds + 0.0
  end
end


function arrivals.trace(a)
  local n = 0
  return function()
    n = n + 1
    return a.list[n] + 0.0
  end
end


-- Plans ------------------------------------------------------------------------------------------

--- Where the amounts of one kind come from: a function for each op that is drawn.
local function drawers(plan, mix)
  local all = {}
  for k, kind in ipairs(plan.kinds) do
    all[k] = {}
    for _, step in ipairs(kind.steps) do
      for _, op in ipairs(step.ops) do
        if op.column then
          local r, d, whole = mix_draw.stream(plan.seed, op.purpose), op.draw, WHOLE[op.cost]
          op.draw, op.purpose = nil, nil
          all[k][op.column] = function()
            local x = mix_draw.one(d, r)
            return whole and math.floor(x) + 0.0 or x
          end
        end
      end
    end
  end
  if mix.reference then
    local r = rng.new(plan.seed)
    plan.kinds[1].steps[1].ops[1] = { cost = "sha3", column = 1, scale = 1e6 }
    plan.kinds[1].columns = 1
    all[1][1] = function() return 0.5 + r() end
  end
  return all
end


local function make_columns(plan)
  local most = 0
  for _, kind in ipairs(plan.kinds) do most = math.max(most, kind.columns) end
  for i = 1, most do plan.amounts[i] = shared.array("float", plan.count) end
  if #plan.kinds > 1 then plan.kind = shared.array("int", plan.count) end
end


--- Seconds that the jobs of a kind take at least, where nothing is drawn for them; and how much a
--- drawn amount adds.
local function about(kind)
  local fixed, factors = 0.0, {}
  for _, step in ipairs(kind.steps) do
    if step.run then fixed = fixed + UNKNOWN end
    for _, op in ipairs(step.ops) do
      local factor = ABOUT[op.cost] * (op.scale or 1)
      if op.column then factors[op.column] = factor else fixed = fixed + factor * op.amount end
    end
  end
  return fixed, factors
end


--- Draws what differs from job to job.
local function draw(plan, mix, order)
  local choose, draws = chooser(mix, plan.seed), drawers(plan, mix)
  local arrive = arrivals[mix.arrivals.kind](mix.arrivals, plan.seed)
  make_columns(plan)
  plan.at = arrive and shared.array("float", plan.count)
  local fixed, factors, now, sum = {}, {}, 0.0, 0.0
  for k, kind in ipairs(plan.kinds) do fixed[k], factors[k] = about(kind) end
  if not (arrive or order or plan.kind or plan.amounts[1]) then return fixed[1] end
  for i = 1, plan.count do
    local kind, drawn = next_kind(plan, order, i, choose)
    if plan.kind then plan.kind[i] = kind end
    if arrive then
      if drawn then now = arrive() end
      plan.at[i] = now
    end
    sum = sum + fixed[kind]
    for column, one in ipairs(draws[kind]) do
      local x = one()
      plan.amounts[column][i] = x
      sum = sum + factors[kind][column] * x
    end
  end
  return sum / math.max(plan.count, 1)
end


--- Draws a mix's jobs.
---@param mix heddle.mix.Mix
---@param seed integer
---@return heddle.mix_plan.Plan
function mix_plan.new(mix, seed)
  local plan = { count = mix.count, seed = seed, kinds = {}, amounts = {} }
  for i, name in ipairs(mix.names) do plan.kinds[i] = make_kind(name, mix.kinds[name]) end
  local of = followers(mix)
  plan.about = draw(plan, mix, of and new_order(plan, of))
  return setmetatable(plan, meta)
end


--- A job's kind.
---@param plan heddle.mix_plan.Plan  or a copy of it without its methods
---@param number integer
---@return heddle.mix_plan.Kind
function mix_plan.kind(plan, number)
  return plan.kinds[plan.kind and plan.kind[number + 1] or 1]
end


--- What an op costs a job.
---@param plan heddle.mix_plan.Plan
---@param number integer
---@param op heddle.mix_plan.Op
---@return number
function mix_plan.amount(plan, number, op)
  if not op.column then return op.amount end
  local x = plan.amounts[op.column][number + 1]
  if op.scale then x = x * op.scale end
  return WHOLE[op.cost] and math.floor(x) or x
end


--- A job's size, see heddle.mix.Job.
---@param plan heddle.mix_plan.Plan
---@param number integer
---@return number
function mix_plan.size(plan, number)
  local seconds, first, kind = nil, nil, mix_plan.kind(plan, number)
  if kind.sized then return plan.amounts[1][number + 1] end
  for _, step in ipairs(kind.steps) do
    for _, op in ipairs(step.ops) do
      if op.scale then return plan.amounts[op.column][number + 1] end
      local x = mix_plan.amount(plan, number, op)
      first = first or x
      if op.cost == "cpu" or op.cost == "io" then seconds = (seconds or 0.0) + x end
    end
  end
  return seconds or first or 0.0
end


--- One job as a table.
---@param plan heddle.mix_plan.Plan
---@param number integer
---@return heddle.mix.Job
function mix_plan.job(plan, number)
  local kind, steps = mix_plan.kind(plan, number), {}
  for i, step in ipairs(kind.steps) do
    steps[i] = { lock = step.lock, run = step.run }
    for _, op in ipairs(step.ops) do
      steps[i][op.cost], steps[i].release = mix_plan.amount(plan, number, op), op.release
    end
  end
  local before = plan.before and plan.before[number + 1] or 0
  return {
    number = number, kind = kind.name, size = mix_plan.size(plan, number), steps = steps,
    at = plan.at and plan.at[number + 1] or 0.0, after = before > 0 and before - 1 or nil,
    lock = kind.lock, timeout = kind.timeout, retries = kind.retries > 0 and kind.retries or nil,
  }
end


--- All jobs as tables.
---@return heddle.mix.Job[]
function methods:list()
  local list = {}
  for number = 0, self.count - 1 do list[number + 1] = mix_plan.job(self, number) end
  return list
end


return mix_plan
