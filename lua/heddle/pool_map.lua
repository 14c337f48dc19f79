-- pool:map and starmap: many jobs of one function, without a future for each. The pool's models
-- settle each part of them as they settle a future.
local core = require "heddle.pool_core"
local jobs = require "heddle.native.jobs"
local native = require "heddle.native.task"
local recorder = require "heddle.native.trace"

local pool_map = {}

local COUNT_AFTER = 32 -- chunks, in one heap


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


local function new_map(p, fn, list, n, chunk, spread)
  chunk = math.min(chunk, math.max(n, 1))
  return setmetatable({
    pool = p, fn = fn, list = list, n = n, chunk = chunk, spread = spread,
    chunks = (n + chunk - 1) // chunk,
    results = setmetatable({}, { __index = { n = n } }), -- n is no element of the list
    next = 0, open = 1, pending = 1, numbers = {}, over = false,
    news = core.news(p, "map"),
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


-- Who gives up waiting wants no more of it.
local waiting = {
  __close = function(self, err)
    if err ~= nil or not self.map.news:is_set() then drop(self.map) end
    self.map.pool.open[self.map] = nil
  end,
}


---Maps a list and waits for it. Called by a method: errors tell the place of its caller.
---@param p table the pool
---@param fn function
---@param list table
---@param n integer its items
---@param chunk integer items in a job
---@param spread boolean an item is a list of arguments
---@param timeout? number seconds
---@return table? results, string? reason nil, "timeout"
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
  if not sent then error(core.unplaced(err), 3) end
  if not m.news:wait(limit and math.max(0, limit - native.now())) then return nil, "timeout" end
  if m.failed then core.raise(p, m.failure) end
  return m.results
end


return pool_map
