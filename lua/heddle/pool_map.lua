-- pool:map, starmap, imap and imap_unordered: many jobs of one function, without a future for each.
-- The pool's models settle each part of them as they settle a future.
local core = require "heddle.pool_core"
local jobs = require "heddle.native.jobs"
local native = require "heddle.native.task"
local sync = require "heddle.native.sync"
local recorder = require "heddle.native.trace"

local pool_map = {}

local COUNT_AFTER = 32 -- chunks, in one heap


-- map -------------------------------------------------------------------------------------------

---A list being mapped, in chunks.
---@class heddle.pool.map
---@field list table
---@field n integer items
---@field chunk integer items in a chunk
---@field chunks integer
---@field next integer the last chunk that was given out (one heap)
---@field results table
---@field open integer chunks to wait for, and one while they are being posted
---@field pending integer the same with those that will be skipped
---@field numbers integer[] of the chunks' jobs (copies)
---@field over boolean no more of it is begun: a chunk failed, or nobody waits
---@field failed integer? the first chunk that failed
---@field failure table? its failure
---@field news table an event: set when nothing is to be waited for
local map = {}
map.__index = map


-- An event with the name that reports show.
local function news_of(p, what)
  local event = sync.event()
  event.name = what .. " of " .. p.name
  return event
end


local function new_map(p, fn, list, n, chunk, spread)
  return setmetatable({
    pool = p, fn = fn, list = list, n = n, chunk = chunk, spread = spread,
    chunks = (n + chunk - 1) // chunk,
    results = setmetatable({}, { __index = { n = n } }), -- n is no element of the list
    next = 0, open = 1, pending = 1, numbers = {}, over = false,
    news = news_of(p, "map"),
  }, map)
end


-- The values of a chunk that its job is sent with.
function map:part(c)
  if self.chunk == 1 then return self.list[c] end
  local first = (c - 1) * self.chunk + 1
  local last = math.min(first + self.chunk - 1, self.n)
  return table.move(self.list, first, last, 1, {}), last - first + 1
end


-- So many more chunks are posted.
function map:enter(n)
  core.enter(self.pool, n)
  jobs.add(self, "open", n)
  jobs.add(self, "pending", n)
end


-- So many are not waited for any more.
function map:close(n)
  if jobs.add(self, "open", -n) == 0 then self.news:set() end
end


-- So many posted chunks are done with, one way or another.
function map:leave(n)
  if jobs.add(self, "pending", -n) == 0 then self.pool.backend.end_work(self.pool, self) end
end


-- Nothing more of it is begun.
local function drop(self)
  if jobs.swap(self, "over", false, true) then self.pool.backend.drop(self.pool, self) end
end


-- Jobs with a number above `taken` will be skipped: they are not waited for.
function map:exclude(taken)
  local numbers = self.numbers
  local low, high = 0, #numbers
  self.to = high
  while low < high do
    local middle = (low + high + 1) // 2
    if numbers[middle] <= taken then low = middle else high = middle - 1 end
  end
  self.from = low + 1
  if self.to > low then self:close(self.to - low) end
end


-- Keeps a chunk's results; map:count follows, for several of them.
function map:keep(c, value)
  if self.chunk == 1 then
    self.results[c] = value
    return
  end
  local first = (c - 1) * self.chunk
  table.move(value, 1, self.chunk, first + 1, self.results)
  if c == self.chunks then core.count(self.pool, "done", self.n - c * self.chunk) end
end


-- So many chunks ended well; the last one may have fewer items, which `keep` has seen to.
function map:count(n)
  core.count(self.pool, "done", n * self.chunk)
  self:close(n)
  self:leave(n)
  core.leave(self.pool, n)
end


-- A chunk failed.
function map:settle(c, _, failure)
  core.count(self.pool, "failed")
  if not self.failed or c < self.failed then
    self.failed, self.failure = c, core.failure(failure)
  end
  drop(self)
  self:close(1)
  self:leave(1)
end


-- A chunk was not begun, since the map is over.
function map:skip(c)
  if not self.from or c < self.from or c > self.to then self:close(1) end
  self:leave(1)
end


function map:abandon(failure)
  self.failed, self.failure = 0, failure
  self.over = true
  self.news:set()
end


-- What a worker of one heap has done of a map and not counted yet, and the chunk that it is at.
local run_meta = {}

local function count_run(run)
  if run.kept > 0 then run.map:count(run.kept) end
  run.kept = 0
end


local function chunk_failed(run, c, failure)
  run.at = nil
  count_run(run)
  run.map:settle(c, false, failure)
  core.leave(run.map.pool, 1)
end


-- A worker that is stopped for good leaves its chunk.
function run_meta.__close(run)
  if run.at then chunk_failed(run, run.at, native.cancelled()) end
  count_run(run)
end


local function call_all(self, c)
  local fn, list, results, spread = self.fn, self.list, {}, self.spread
  local first = (c - 1) * self.chunk
  for i = 1, math.min(self.chunk, self.n - first) do
    local x = list[first + i]
    if spread then
      results[i] = fn(table.unpack(x, 1, x.n))
    else
      results[i] = fn(x)
    end
  end
  return results
end


local function try_chunk(self, c)
  if self.chunk > 1 then return xpcall(call_all, core.keep_trace, self, c) end
  local x = self.list[c]
  if self.spread then return xpcall(self.fn, core.keep_trace, table.unpack(x, 1, x.n)) end
  return xpcall(self.fn, core.keep_trace, x)
end


local function run_chunk(self, c)
  native.doing(c)
  local number = recorder.active() and core.tell_begun(self.pool, self.fn)
  local ok, value = try_chunk(self, c)
  if number then recorder.ended(self.pool.id, number, ok and "done" or "failed") end
  native.doing()
  return ok, value
end


-- One heap: a worker takes chunk after chunk. Returns how many it did.
function map:run(p, slot)
  local most, n = p.max_jobs and p.max_jobs - slot.jobs, 0
  local run <close> = setmetatable({ map = self, kept = 0 }, run_meta)
  while not self.over do
    if n == most then -- the rest is another's
      p.jobs:put(self)
      break
    end
    local c = jobs.add(self, "next", 1)
    if c > self.chunks then break end
    run.at, n = c, n + 1
    local ok, value = run_chunk(self, c)
    if ok then
      self:keep(c, value)
      run.at, run.kept = nil, run.kept + 1
      if run.kept == COUNT_AFTER then count_run(run) end
    else
      chunk_failed(run, c, value)
    end
  end
  return n
end


-- Posted, or given up: the poster waits for the rest.
local posting = {
  __close = function(self, err)
    local m = self.map
    if err ~= nil then drop(m) end
    m:close(1)
    m:leave(1)
  end,
}


local function post(p, m)
  local _ <close> = setmetatable({ map = m }, posting)
  p.backend.begin_work(p, m)
  p.backend.map(p, m)
end


local function raise(p, failure)
  local err = failure.err
  if type(err) == "string" then
    err = ("%s\n%s\n\tin %s%s"):format(err, failure.trace or "stack traceback:", p.name,
      failure.worker and ", " .. p.kind .. " " .. failure.worker or "")
  end
  error(err, 0)
end


-- Who gives up waiting wants no more of it.
local waiting = {
  __close = function(self, err)
    if err ~= nil or not self.map.news:is_set() then drop(self.map) end
    self.map.pool.open[self.map] = nil
  end,
}


---@param timeout? number seconds
function pool_map.run(p, fn, list, n, chunk, spread, timeout)
  local limit = timeout and native.now() + timeout
  local m = new_map(p, fn, list, n, chunk, spread)
  local _ <close> = setmetatable({ map = m }, waiting)
  if n == 0 then
    m.news:set()
    return m.results
  end
  p.open[m] = true
  local sent, err = pcall(post, p, m)
  if not sent then error(core.unplaced(err), 2) end
  if not m.news:wait(limit and math.max(0, limit - native.now())) then return nil, "timeout" end
  if m.failed then raise(p, m.failure) end
  return m.results
end


-- imap ------------------------------------------------------------------------------------------

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
  self.ended = true
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
    if self.halted then raise(self.pool, self.halted) end
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
  if not result.ok then raise(self.pool, result.value) end
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


---@return function next, nil, nil, heddle.pool.stream closing it drops what was not begun
function pool_map.stream(p, fn, ordered, iterable, state, control)
  local source = type(iterable) == "table" and items_of(iterable) or iterable
  local self = setmetatable({
    pool = p, fn = fn, source = source, state = state, control = control, ordered = ordered,
    fed = 0, given = 0, back = 0, pending = 1, ready = {}, news = news_of(p, "imap"),
    exhausted = false, over = false, values = p.retry > 0 and {} or nil,
    turn = sync.lock(),
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


return pool_map
