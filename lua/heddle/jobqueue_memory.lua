--- The engine of heddle.jobqueue that keeps its jobs in memory: gone with the program.
-- It is a shared queue of numbers, those of jobs that travel together with how many follow the
-- first in the upper half, and shared columns that say what became of each job and what each taker
-- has in hand. A taker's claim is written in the step that takes (see heddle.native.jobs), so that
-- nothing that is on its way to a taker is overlooked.
-- Stands on: heddle.native.jobs, heddle.queue, heddle.shared.

local heddle = require "heddle"
local jobs = require "heddle.native.jobs"
local queue = require "heddle.queue"
local shared = require "heddle.shared"

local jobqueue_memory = {}

--- A job's state: whether it may begin, then its status, then how often it was acknowledged.
local READY, STATUS, ACK = 1, 1 << 4, 1 << 8
local STATUSES = { "done", "failed", "timeout", "skipped" }
local CODES = {}
for code, name in ipairs(STATUSES) do CODES[name] = code end

local TAKING = -1 -- in the place of what a taker has in hand

---@class heddle.jobqueue_memory.Queue
---@field items table  the queue
---@field returned table  queue: what was given back after `items` was closed
---@field state table  column: of each job
---@field hands table  column: the item each taker has in hand, + 1; 0: none
---@field claims table  column: the place in the queue of what each taker took last
---@field past table  column: the place of what it is done with
---@field seen table  column: when each taker was last at it
---@field open? table  shared value: how many have not been acknowledged, where takers put jobs, too
local methods = {}
local meta = { __index = methods, __name = "heddle.jobqueue_memory" }

local scratch = {} -- for heddle.native.jobs, which enters nothing there


--- What a queue in memory was left with by an earlier program: nothing.
function jobqueue_memory.peek()
  return nil
end


---@param _ string
---@param info heddle.jobqueue.Info
---@return heddle.jobqueue.Engine
function jobqueue_memory.open(_, info)
  local n = info.takers
  local self = {
    engine = "heddle.jobqueue_memory", items = queue.new(0, { shared = true }),
    returned = queue.new(), state = shared.array("int", info.count),
    hands = shared.array("int", n), claims = shared.array("int", n),
    past = shared.array("int", n), seen = shared.array("float", n),
  }
  local name = info.name or "a queue"
  self.items.name, self.returned.name = "jobs of " .. name, "jobs given back to " .. name
  if info.linked and not info.stays then self.open = shared.value("int", info.count) end
  return jobqueue_memory.attach(self)
end


--- See heddle.jobqueue.
---@param given table
---@return heddle.jobqueue.Engine
function jobqueue_memory.attach(given)
  local self = { shared = given, takers = {} }
  for key, value in pairs(given) do self[key] = value end
  return setmetatable(self, meta)
end


function methods:share()
  return self.shared
end


-- The six ----------------------------------------------------------------------------------------

local function post(self, first, last)
  local item = first | last - first << 32
  if not jobs.post(self.items, true, scratch, scratch, nil, nil, item) then
    self.returned:put(item)
  end
end


function methods:put(first, last)
  local state = self.state
  for i = first + 1, last + 1 do
    if state[i] == 0 then state[i] = READY end
  end
  post(self, first, last)
end


local function taker_of(self, number)
  local taker = jobs.taker(self.items, self.claims, number)
  self.takers[number] = taker
  return taker
end


--- A taker has nothing in hand any more.
---@param number integer
function methods:let_go(number)
  self.hands[number], self.past[number] = 0, self.claims[number]
end


--- What was given back to a queue that was closed meanwhile.
local function take_returned(self, number)
  self.hands[number] = TAKING
  local item, why = self.returned:try_get()
  if not item then self.hands[number] = 0 end
  return item, why
end


function methods:take(number, timeout)
  local taker = self.takers[number] or taker_of(self, number)
  self:let_go(number)
  local place, item = taker:take(timeout)
  if not place then
    if item ~= "closed" then return nil, item end
    item = take_returned(self, number)
    if not item then return nil, "closed" end
  end
  self.hands[number], self.seen[number] = item + 1, heddle.now()
  local first = item & 0xffffffff
  return first, first + (item >> 32)
end


function methods:ack(number, status)
  local word = ACK | CODES[status] * STATUS
  if self.state:add(number + 1, word) >= 2 * ACK then
    self.state:add(number + 1, -word)
    return false
  end
  if self.open and self.open:add(-1) == 0 then self.items:close() end
  return true
end


--- Calls `fn` with each number that a taker has in hand and that has not been acknowledged.
local function each_held(self, number, fn)
  local first, last = self:held(number)
  for job = first or 0, last or -1 do
    if self.state[job + 1] < ACK then fn(job) end
  end
end


function methods:nak(number)
  local list = {}
  each_held(self, number, function(job) list[#list + 1] = job end)
  self:let_go(number)
  for _, job in ipairs(list) do post(self, job, job) end
end


function methods:touch(number)
  self.seen[number] = heddle.now()
end


function methods:stats()
  local stats = { total = #self.state, waiting = 0, ready = 0, taken = 0, acked = 0 }
  for i = 1, stats.total do
    local state = self.state[i]
    local key = state >= ACK and "acked" or state == READY and "ready" or "waiting"
    stats[key] = stats[key] + 1
  end
  for taker = 1, #self.hands do
    each_held(self, taker, function()
      stats.taken, stats.ready = stats.taken + 1, stats.ready - 1
      stats.oldest = math.max(stats.oldest or 0.0, heddle.now() - self.seen[taker])
    end)
  end
  return stats
end


-- The owner's ------------------------------------------------------------------------------------

function methods:status(number)
  return STATUSES[self.state[number + 1] >> 4 & 15]
end


function methods:held(number)
  local item = self.hands[number] - 1
  if item < 0 then return nil end
  local first = item & 0xffffffff
  return first, first + (item >> 32)
end


--- How many items can be taken.
---@return integer
function methods:size()
  return self.items:size()
end


local function is_idle(self, number)
  return self.hands[number] == 0 and self.claims[number] == self.past[number]
end


function methods:at_rest(numbers)
  local before = jobs.taken(self.items)
  for _, number in ipairs(numbers) do
    if not is_idle(self, number) then return false end
  end
  return self.items:size() == 0 and self.returned:size() == 0 and jobs.taken(self.items) == before
end


function methods:renew(number)
  post(self, number, number)
end


function methods:finish()
  if not self.open or self.open:get() == 0 then self.items:close() end
end


function methods:shut()
  self.items:close()
end


function methods.ended()
  return {}
end


function methods.batch(_, fn)
  fn()
end


function methods.hear() end


function methods.close() end


return jobqueue_memory
