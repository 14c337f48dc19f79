--- The engine of heddle.jobqueue that keeps its jobs in an SQLite file: they outlive the program.
-- The owner alone touches the file. It keeps a queue in memory filled with what it takes from
-- there, and that is what takers take from; what they say of their jobs it hears as events.
-- Stands on: heddle.jobqueue_file, heddle.jobqueue_memory.

local jobqueue_file = require "heddle.jobqueue_file"
local jobqueue_memory = require "heddle.jobqueue_memory"

local jobqueue_sqlite = {}

jobqueue_sqlite.peek = jobqueue_file.peek

---@class heddle.jobqueue_sqlite.Queue  the owner's
---@field file heddle.jobqueue_file.File
---@field front heddle.jobqueue_memory.Queue  what takers take from
---@field ahead integer  jobs that are in front at most and not in a taker's hand
---@field shut_down? boolean
local methods = {}
local meta = { __index = methods, __name = "heddle.jobqueue_sqlite" }

---@class heddle.jobqueue_sqlite.End  a taker's
---@field front heddle.jobqueue_memory.Queue
---@field events table  the queue on which the owner hears
local ends = {}
local end_meta = { __index = ends, __name = "heddle.jobqueue_sqlite.end" }


--- See heddle.jobqueue.
---@param path string
---@param info heddle.jobqueue.Info
---@return heddle.jobqueue.Engine
function jobqueue_sqlite.open(path, info)
  local file = jobqueue_file.open(path, info)
  local front = jobqueue_memory.open(nil, {
    count = info.count, takers = info.takers, linked = true, stays = info.stays, name = info.name,
  })
  local shared = {
    engine = "heddle.jobqueue_sqlite", front = front:share(), events = info.events,
  }
  local self = setmetatable({
    file = file, front = front, shared = shared, ahead = info.takers,
  }, meta)
  for number, status in pairs(self:ended()) do front:ack(number, status) end
  return self
end


--- See heddle.jobqueue.
---@param given table
---@return heddle.jobqueue.Engine
function jobqueue_sqlite.attach(given)
  return setmetatable({
    front = jobqueue_memory.attach(given.front), events = given.events,
  }, end_meta)
end


-- A taker's end ----------------------------------------------------------------------------------

function ends:put(first, last)
  self.events:put { queue = { "put", first, last } }
end


function ends:take(number, timeout)
  return self.front:take(number, timeout)
end


--- What the owner hears first counts.
function ends:ack(number, status)
  if self.front:status(number) then return false end
  self.events:put { queue = { "ack", number, status } }
  return true
end


function ends:nak(number)
  local first, last = self.front:held(number)
  if first then self.events:put { queue = { "back", first, last } } end
  self.front:let_go(number)
end


function ends:touch(number)
  self.front:touch(number)
end


function ends:stats()
  return self.front:stats()
end


-- The owner's ------------------------------------------------------------------------------------

--- Takes from the file what the takers will soon take.
local function pump(self)
  local room = self.ahead - self.front:size()
  if self.shut_down or room <= 0 then return end
  for _, number in ipairs(self.file:take(room)) do self.front:put(number, number) end
end


function methods:share()
  return self.shared
end


--- Does several things in one transaction.
---@param fn function
function methods:batch(fn)
  self.file:batch(function()
    fn()
    pump(self)
  end)
end


function methods:put(first, last)
  self:batch(function() self.file:move(first, last, "waiting", "ready") end)
end


function methods:take(number, timeout)
  pump(self)
  return self.front:take(number, timeout)
end


function methods:ack(number, status)
  if not self.file:ack(number, status) then return false end
  return self.front:ack(number, status)
end


local function back(self, first, last)
  self:batch(function() self.file:move(first, last, "taken", "ready") end)
end


function methods:nak(number)
  local first, last = self.front:held(number)
  self.front:let_go(number)
  if first then back(self, first, last) end
end


function methods:touch(number)
  self.front:touch(number)
  local first, last = self.front:held(number)
  if first then self.file:move(first, last, "taken", "taken") end
end


function methods:stats()
  return self.file:stats()
end


--- Does what a taker asks for.
---@param message table
function methods:hear(message)
  local what, a, b = table.unpack(message)
  self:batch(function()
    if what == "put" then
      self:put(a, b)
    elseif what == "ack" then
      self:ack(a, b)
    else
      back(self, a, b)
    end
  end)
end


function methods:ended()
  return self.file:ended()
end


function methods:status(number)
  return self.front:status(number)
end


function methods:held(number)
  return self.front:held(number)
end


function methods:at_rest(numbers)
  pump(self)
  return self.front:at_rest(numbers)
end


function methods:renew(number)
  self:batch(function()
    self.file:move(number, number, "waiting", "ready")
    self.file:move(number, number, "taken", "ready")
  end)
end


function methods:finish()
  self.front:finish()
end


function methods:shut()
  self.shut_down = true
  self.front:shut()
end


--- Gives back what was not done, and lets go of the file.
function methods:close()
  self.file:close()
end


return jobqueue_sqlite
