--- A service whose jobs are kept by an engine of heddle.jobqueue: the task that runs the service
-- takes jobs from there and puts them on the workers' queue, and acknowledges each when its worker
-- has told its end. Jobs that were acknowledged before this start are left out.
-- Stands on: heddle, heddle.jobqueue, heddle.service_ledger, heddle.service_worker, heddle.shared.

local heddle = require "heddle"
local jobqueue = require "heddle.jobqueue"
local service_ledger = require "heddle.service_ledger"
local service_worker = require "heddle.service_worker"
local shared = require "heddle.shared"

local service_durable = {}

local AHEAD = 2   -- jobs on the workers' queue for each worker
local TOUCH = 5.0 -- seconds between two signs that we are still at what we have taken

---@class heddle.service_durable.Durable
---@field engine heddle.jobqueue.Engine
---@field earlier integer  jobs acknowledged before
---@field fresh integer[]  numbers that may begin and that the engine does not know of yet
---@field hand table<integer, boolean>  numbers that are taken and not acknowledged
---@field touched number
local methods = {}
local meta = { __index = methods, __name = "heddle.service_durable" }


--- Opens a service's queue.
---@param path string
---@param plan heddle.mix_plan.Plan
---@param what string
---@return heddle.service_durable.Durable  raises, without a position, what is wrong
function service_durable.open(path, plan, what)
  local info = { seed = plan.seed, count = plan.count, what = what }
  return setmetatable({
    engine = jobqueue.open(path, info), earlier = 0, fresh = {}, hand = {}, touched = 0,
  }, meta)
end


--- Leaves out what was acknowledged before, and lets what comes after it begin or skips it.
---@param feed heddle.service_feed.Feed
---@param ctx table  as a worker has it
function methods:begin(feed, ctx)
  self.ctx, feed.open = ctx, shared.value("int", ctx.plan.count)
  ctx.open = feed.open
  function feed.sink(number) table.insert(self.fresh, number) end
  function ctx.give(number) table.insert(self.fresh, number) end
  function ctx.skipped(number) self.engine:ack(number, "skipped") end
  local ended = self.engine:ended()
  for number in pairs(ended) do
    service_ledger.mark_earlier(ctx.rows, number)
    self.earlier = self.earlier + 1
  end
  self.engine:batch(function()
    for number, status in pairs(ended) do service_worker.follow(ctx, number, status == "done") end
  end)
end


--- A job has ended.
---@param number integer
---@param status string
function methods:ended(number, status)
  self.hand[number] = nil
  self.engine:ack(number, status)
  service_worker.follow(self.ctx, number, status == "done")
end


local function in_hand(self)
  local numbers = {}
  for number in pairs(self.hand) do numbers[#numbers + 1] = number end
  return numbers
end


--- Keeps the workers' queue filled.
---@param jobs table  the queue
---@param workers integer
function methods:pump(jobs, workers)
  if self.fresh[1] then
    self.engine:put(self.fresh)
    self.fresh = {}
  end
  local room = AHEAD * workers - jobs:size()
  if room > 0 then
    for _, number in ipairs(self.engine:take(room)) do
      self.hand[number] = true
      jobs:put(number)
    end
  end
  if heddle.now() - self.touched > TOUCH then
    self.touched = heddle.now()
    self.engine:touch(in_hand(self))
  end
end


--- Gives back what was not done, and lets go of the queue.
function methods:close()
  self.engine:nak(in_hand(self))
  self.engine:close()
end


return service_durable
