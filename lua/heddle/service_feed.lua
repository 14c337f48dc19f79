--- What puts a service's jobs on its queue: all of them at the start, or each when it arrives;
-- those that come after others are left to the workers. Jobs that take next to no time travel
-- several at a time.
-- Stands on: heddle.shared.

local shared = require "heddle.shared"

local service_feed = {}

local TOGETHER = 1e-3 -- seconds that jobs which travel together may take
local MOST = 256      -- of them
local FEW = 16        -- of those that may be long

---@class heddle.service_feed.Feed
---@field plan heddle.mix_plan.Plan
---@field rows heddle.service_ledger.Rows
---@field queue heddle.jobqueue.Engine
---@field needs? table  column: for how many things a job waits: its arrival, one it comes after
local methods = {}
local meta = { __index = methods, __name = "heddle.service_feed" }


--- How many jobs travel together: as many as take a millisecond, and so few that each worker has
--- its turn several times; however long they take, a thousandth of a worker's share.
local function batch_size(plan, workers)
  if plan.before then return 1 end
  local fit = plan.about > 0 and math.min(TOGETHER / plan.about, MOST) or MOST
  local short = math.min(fit, plan.count / (8 * workers))
  local any = math.min(FEW, plan.count / (1000 * workers))
  return math.max(1, math.floor(math.max(short, any)))
end


--- The jobs in the order in which they arrive; nil where that is the order of their numbers.
local function arrival_order(plan)
  local at, sorted = plan.at, true
  for i = 2, plan.count do sorted = sorted and at[i - 1] <= at[i] end
  if sorted then return nil end
  local order = {}
  for i = 1, plan.count do order[i] = i end
  table.sort(order, function(a, b)
    if at[a] == at[b] then return a < b end
    return at[a] < at[b]
  end)
  return order
end


--- Makes the feed of a run.
---@param plan heddle.mix_plan.Plan
---@param rows heddle.service_ledger.Rows
---@param queue heddle.jobqueue.Engine
---@param workers integer
---@return heddle.service_feed.Feed
function service_feed.new(plan, rows, queue, workers)
  local self = {
    plan = plan, rows = rows, queue = queue, batch = batch_size(plan, workers), arrived = 0,
  }
  if plan.at then self.order = arrival_order(plan) end
  if plan.before then
    self.needs = shared.array("int", plan.count)
    for i = 1, plan.count do
      self.needs[i] = (plan.before[i] > 0 and 1 or 0) + 1
    end
  end
  return setmetatable(self, meta)
end


--- Puts the jobs at two places and all between them on the queue.
local function put(self, from, to)
  for i = from, to, self.batch do
    self.queue:put(i - 1, math.min(i + self.batch - 1, to) - 1)
  end
end


--- A job has arrived. It goes on the queue unless it waits for another one.
local function arrive(self, i, at)
  if self.needs and self.needs:add(i, -1) > 0 then return end
  if self.rows.queued then self.rows.queued[i] = at end
  self.queue:put(i - 1, i - 1)
end


--- When the next job arrives, in seconds from the start; nil when all have.
---@return number?
function methods:next_at()
  local next = self.arrived + 1
  if next > self.plan.count then return nil end
  return self.plan.at and self.plan.at[self.order and self.order[next] or next] or 0.0
end


--- Puts on the queue what has arrived by now.
---@param at number  seconds from the start
function methods:put_due(at)
  local plan = self.plan
  if not (plan.at or plan.before) then
    put(self, 1, plan.count)
    self.arrived = plan.count
    return
  end
  while (self:next_at() or math.huge) <= at do
    local next = self.arrived + 1
    self.arrived = next
    arrive(self, self.order and self.order[next] or next, at)
  end
end


--- Whether all jobs have arrived.
---@return boolean
function methods:is_over()
  return self.arrived >= self.plan.count
end


return service_feed
