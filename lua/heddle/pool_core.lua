-- What all kinds of pools count alike: jobs that are left, how they ended, what breaks a pool.
-- Stands on: nothing of the pool's; the pool, its futures and its models stand on it.
local jobs = require "heddle.native.jobs"
local native = require "heddle.native.task"
local recorder = require "heddle.native.trace"
local sync = require "heddle.native.sync"

local core = {}

core.MOST_FAILURES = 5 -- of an initializer in a row


-- `level` as for error, counted from the function that calls this.
function core.misuse(level, code, text, ...)
  error(text:format(...) .. " [" .. code .. "]", level + 1)
end


---@return integer? v when it is a whole number, be it a float, and not below `least`
function core.whole(v, least)
  local whole = math.type(v) and math.tointeger(v)
  return whole and whole >= least and whole or nil
end


---What a job, or a worker's initializer, failed with.
---@class heddle.pool.failure
---@field err any
---@field trace? string where it was raised
---@field worker? string its worker's name


local cancelled_meta = getmetatable(native.cancelled())


---@return boolean whether an error is the one of a cancel
function core.is_cancel(err)
  return type(err) == "table" and rawequal(getmetatable(err), cancelled_meta)
end


-- The message handler of jobs: the error with the place where it was raised. A cancel stays what it
-- is, since one for good is raised again.
function core.keep_trace(err)
  if core.is_cancel(err) then return err end
  return { err = err, trace = debug.traceback("", 2):gsub("^\n", "") }
end


---@return heddle.pool.failure of what came out of a call with keep_trace
function core.failure(err)
  return core.is_cancel(err) and { err = err } or err
end


-- Raises what a job of `p` failed with, for who waits for it.
function core.raise(p, failure)
  local err = failure.err
  if type(err) == "string" then
    err = ("%s\n%s\n\tin %s%s"):format(err, failure.trace or "stack traceback:", p.name,
      failure.worker and ", " .. p.kind .. " " .. failure.worker or "")
  end
  error(err, 0)
end


-- An event for who waits for something of a pool, with the name that reports show.
function core.news(p, what)
  local event = sync.event()
  event.name = what .. " of " .. p.name
  return event
end


-- An error as who called the pool is to get it: without the place in this library.
function core.unplaced(err)
  return type(err) == "string" and err:gsub("^heddle/[%w_]+%.lua:%d+: ", "") or err
end


-- Where the function that calls this was called, `file:line`.
function core.place()
  for level = 3, 6 do
    local at = debug.getinfo(level, "Sl")
    if not at then break end
    if at.currentline > 0 then return at.short_src .. ":" .. at.currentline end
  end
  return "?"
end


-- `n` more jobs are to be done.
function core.enter(p, n)
  jobs.add(p, "left", n)
end


-- All that was asked for is done, and nothing more will be.
local function drained(p)
  p.ending = true
  p.backend.stop(p)
  p.over:set()
end


-- `n` of them are done with, however they ended.
function core.leave(p, n)
  if jobs.add(p, "left", -n) == 0 and p.closed then drained(p) end
end


-- No more jobs come.
function core.close(p)
  if p.closed then return end
  p.closed = true
  if p.left == 0 then drained(p) end
end


-- Tells the recorder that a job was posted: it is called after the place of its function.
function core.tell_queued(p, number, fn)
  local at = debug.getinfo(fn, "S")
  local place = at.what == "C" and "a function in C"
    or ("%s:%d"):format(at.short_src:match "[^/]*$", at.linedefined)
  recorder.queued(p.id, number, place)
end


-- The same of one that begins at once; returns its number.
function core.tell_begun(p, fn)
  local number = jobs.add(p, "traced", 1)
  core.tell_queued(p, number, fn)
  recorder.started(p.id, number)
  return number
end


-- One job has ended: counts it.
function core.count(p, how, n)
  jobs.add(p, how, n or 1)
end


-- Settles everything that is not settled yet with one failure, and lets no worker go on.
local function give_up(p, failure)
  p.closed, p.ending, p.given_up = true, true, failure
  for work in pairs(p.open) do work:abandon(failure) end
  p.open = {}
  p.left = 0
  p.over:set()
  p.backend.kill(p) -- last: it may stop the caller
end


-- Its initializer fails again and again, or no more workers can be had.
function core.break_pool(p, failure)
  if p.ending then return end
  p.broken = failure
  give_up(p, failure)
end


-- Ends a pool at once: its jobs are cancelled, its workers stopped for good.
function core.terminate(p)
  if p.terminated then return end
  p.terminated = true
  give_up(p, { err = native.cancelled() })
end


-- A worker's initializer has failed, or not (nil).
function core.initialized(p, failure)
  if not failure then
    p.init_failures = 0
  elseif jobs.add(p, "init_failures", 1) >= core.MOST_FAILURES then
    core.break_pool(p, failure)
  end
end


---How many workers of a pool that keeps them in slots live.
---@param p table the pool
---@return integer
function core.live_workers(p)
  local n = 0
  for _, slot in ipairs(p.slots) do
    if slot.handle and slot.handle:alive() then n = n + 1 end
  end
  return n
end


return core
