-- pool:imap and imap_unordered: jobs of one function from an iterable, a few of them out at a time.
-- The pool's models settle each of them as they settle a future.
local core = require "heddle.pool_core"
local jobs = require "heddle.native.jobs"
local native = require "heddle.native.task"
local sync = require "heddle.native.sync"

local pool_imap = {}

local AHEAD = 8 -- items out for each worker

---Items of an iterable that are out, or have come back and wait to be asked for.
---@class heddle.pool.stream
---@field source function called as the generic `for` does, with state and control
---@field fed integer items taken from the source
---@field given integer items handed out
---@field ready table what came back: by place, or in order of coming (unordered)
---@field back integer how many came back
---@field pending integer items posted and not settled, and one while there may be more
---@field news table an event
---@field turn table a lock, of who reads it
---@field owner table? what refers to the pool: it is not collected meanwhile
---@field source_error table? {error} that the source raised
---@field exhausted boolean
---@field over boolean nobody wants more
---@field halted table? the failure that ended the pool
local stream = {}
stream.__index = stream


local function leave_stream(self)
  if jobs.add(self, "pending", -1) == 0 then self.pool.backend.end_work(self.pool, self) end
end


local function came_back(self, place, ok, value)
  local back = jobs.add(self, "back", 1)
  self.ready[self.ordered and place or back] = { place = place, ok = ok, value = value }
  if self.values then self.values[place] = nil end
  self.news:set()
  leave_stream(self)
end


function stream:settle(place, ok, value)
  core.count(self.pool, ok and "done" or "failed")
  if not ok then value = core.failure(value) end
  came_back(self, place, ok, value)
end


function stream:skip(place)
  came_back(self, place, false, { err = native.cancelled() })
end


function stream:abandon(failure)
  self.halted, self.over = failure, true
  self.news:set()
end


-- It gives out nothing more.
local function end_stream(self)
  if self.ended then return end
  self.ended, self.owner = true, nil
  self.pool.open[self] = nil
  leave_stream(self)
end


function stream:__close()
  if not self.exhausted and jobs.swap(self, "over", false, true) then
    self.pool.backend.drop(self.pool, self)
  end
  end_stream(self)
end


local function next_item(self)
  local ok, value = pcall(self.source, self.state, self.control)
  if ok and value ~= nil then
    self.control = value
    return value
  end
  if not ok and core.is_cancel(value) then error(value, 0) end
  self.exhausted = true
  if not ok then self.source_error = { value } end
  return nil
end


local function send(self, p, value)
  core.enter(p, 1)
  jobs.add(self, "pending", 1)
  local sent, err = pcall(p.backend.post, p, self, self.fed + 1, value)
  if sent then
    self.fed = self.fed + 1
  else
    leave_stream(self)
    core.leave(p, 1)
    error(core.unplaced(err), 5) -- of who asks for the next
  end
end


-- Sends items while not too many are out.
local function feed(self)
  local p = self.pool
  while not self.exhausted and self.fed - self.given < p.size * AHEAD do
    local value = next_item(self)
    if value == nil then return end
    if p.closed then
      core.misuse(4, "pool-closed", "pool:imap: %s was closed before the end", p.name)
    end
    send(self, p, value)
  end
end


local function wait_for(self, key)
  while not self.ready[key] do
    if self.halted then core.raise(self.pool, self.halted) end
    self.news:clear()
    if not self.ready[key] and not self.halted then self.news:wait() end
  end
end


local function step(self)
  if self.ended then return nil end
  feed(self)
  local key = self.given + 1
  if key > self.fed then
    end_stream(self)
    if self.source_error then error(self.source_error[1], 0) end
    return nil
  end
  wait_for(self, key)
  local result = self.ready[key]
  self.ready[key], self.given = nil, key
  feed(self)
  if not result.ok then core.raise(self.pool, result.value) end
  return result.place, result.value
end


-- Several tasks may read it: one after the other.
function stream:next()
  if self.ended then return nil end
  local _ <close> = self.turn:hold()
  return step(self)
end


local function items_of(list)
  local i, n = 0, list.n or #list
  return function()
    i = i + 1
    if i <= n then return list[i] end
  end
end


---Begins to send what an iterable gives.
---@param owner table what refers to the pool
---@param p table the pool
---@param fn function
---@param ordered boolean
---@param iterable table|function
---@return function next, nil, nil, heddle.pool.stream closing it drops what was not begun
function pool_imap.open(owner, p, fn, ordered, iterable, state, control)
  local source = type(iterable) == "table" and items_of(iterable) or iterable
  local self = setmetatable({
    pool = p, fn = fn, source = source, state = state, control = control, ordered = ordered,
    fed = 0, given = 0, back = 0, pending = 1, ready = {}, news = core.news(p, "imap"),
    exhausted = false, over = false, values = p.retry > 0 and {} or nil,
    turn = sync.lock(), owner = owner,
  }, stream)
  self.turn.name = "imap of " .. p.name
  p.open[self] = true
  local _ <close> = setmetatable({}, { __close = function(_, err)
    if err ~= nil then end_stream(self) end
  end })
  local begun, err = pcall(p.backend.begin_work, p, self)
  if not begun then error(core.unplaced(err), 2) end
  return function() return self:next() end, nil, nil, self
end


return pool_imap
