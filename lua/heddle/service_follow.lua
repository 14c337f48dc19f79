--- What comes after a job: it may begin when the job is done, and never will when it has failed.
-- Done by the worker that had the job, or by the service in the place of one that died.
-- Stands on: heddle, heddle.service_ledger.

local heddle = require "heddle"
local service_ledger = require "heddle.service_ledger"

local service_follow = {}


--- A job will never begin, and what comes after it neither.
---@param ctx table
---@param number integer
function service_follow.skip(ctx, number)
  if service_ledger.status(ctx.rows, number) ~= "left" then return end
  service_ledger.finish(ctx.rows, number, ctx.number, "skipped", 0, heddle.now() - ctx.t0, 0.0)
  ctx.queue:ack(number, "skipped")
  for _, column in ipairs(ctx.plan.next) do
    local follower = column[number + 1]
    if follower > 0 then service_follow.skip(ctx, follower - 1) end
  end
end


--- A job may begin now.
local function give(ctx, number)
  if service_ledger.status(ctx.rows, number) ~= "left" then return end
  ctx.rows.queued[number + 1] = heddle.now() - ctx.t0
  ctx.queue:put(number, number)
end


--- A job has ended: what comes after it may begin, or is skipped.
---@param ctx table
---@param number integer
---@param status string
function service_follow.follow(ctx, number, status)
  for _, column in ipairs(ctx.plan.next or {}) do
    local follower = column[number + 1]
    if follower > 0 and status ~= "done" then
      service_follow.skip(ctx, follower - 1)
    elseif follower > 0 and ctx.needs:add(follower, -1) == 0 then
      give(ctx, follower - 1)
    end
  end
end


--- A job has ended: it is acknowledged, and what comes after it follows.
---@param ctx table
---@param number integer
---@param status string
function service_follow.ended(ctx, number, status)
  if ctx.queue:ack(number, status) and ctx.plan.next then
    service_follow.follow(ctx, number, status)
  end
end


return service_follow
