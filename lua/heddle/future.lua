-- What `pool:submit` gives: a job's result to be. Futures answer the methods that handles do, so
-- `task.gather`, `task.wait` and `task.as_completed` take both, mixed.
--
--     local pool = require "heddle.pool"
--     local p <close> = pool.new("threads", 2)
--     local f = p:submit(function(n) return n * n end, 12)
--     print(f:result()) --> 144
local core = require "heddle.pool_core"
local jobs = require "heddle.native.jobs"
local native = require "heddle.native.task"
local sync = require "heddle.native.sync"
local handle = require "heddle.handle"

---A job's result to be.
---@class heddle.future
---@field name string "Job-1" …
---@field id integer unique in the program
local future = {}
local meta = { __index = future, __name = "heddle.future", __uncopyable = "future" }


local ended = { done = true, failed = true, cancelled = true }


-- A job of the pool `p`, not posted yet; place: where it was submitted.
function future.new(p, place)
  local number = jobs.add(p, "submitted", 1)
  return setmetatable({
    pool = p,
    name = "Job-" .. number,
    id = jobs.id(),
    submitted = number,
    state = "pending",
    place = place,
  }, meta)
end


local function check(self, what)
  if getmetatable(self) ~= meta then
    core.misuse(3, "bad-self", "future:%s: self: a future expected, got %s (call it with a colon)",
      what, type(self))
  end
end


local function check_timeout(what, timeout)
  if timeout == nil or type(timeout) == "number" and timeout >= 0 then return end
  core.misuse(3, "bad-time", "future:%s: timeout: a number of seconds >= 0 expected, got %s", what,
    tostring(timeout))
end


-- settling --------------------------------------------------------------------------------------

-- It begins; false: it was cancelled before.
function future:begin()
  return jobs.swap(self, "state", "pending", "running")
end


local function finish(self, state)
  self.state = state
  self.args, self.task = nil, nil
  self.pool.open[self] = nil
  core.count(self.pool, state)
  if self.event then self.event:set() end
end


-- It has begun and ended: with its results, or a heddle.pool.failure. Once only.
function future:settle(_, ok, ...)
  if not jobs.swap(self, "state", "running", "settling") then return end
  if ok then
    self.n = select("#", ...)
    if self.n > 1 then
      self.values = { ... }
    else
      self.values = (...)
    end
    finish(self, "done")
    return
  end
  self.failure = ...
  local cancelled = core.is_cancel(self.failure.err)
  if not cancelled then self.pool.unasked[self] = true end
  finish(self, cancelled and "cancelled" or "failed")
end


-- It will not begin. Returns whether it had not.
function future:drop()
  if not jobs.swap(self, "state", "pending", "dropping") then return false end
  self.failure = { err = native.cancelled(), dropped = true }
  core.count(self.pool, "in_vain")
  finish(self, "cancelled")
  return true
end


-- It is out of the line, and done with.
function future:leave_line()
  local failure = self.failure
  if self.state == "dropping" or failure and failure.dropped then
    core.count(self.pool, "in_vain", -1)
  end
  core.leave(self.pool, 1)
end


-- Its worker saw that it was cancelled.
function future:skip()
  self:drop()
end


-- The pool has no use for it any more.
function future:abandon(failure)
  if self:begin() or self.state == "running" then self:settle(nil, false, failure) end
end


-- waiting ---------------------------------------------------------------------------------------

local function wait(self, timeout)
  if ended[self.state] then return true end
  if not self.event then
    local event = sync.event()
    event.name = self.name .. " of " .. self.pool.name
    jobs.swap(self, "event", nil, event)
  end
  if ended[self.state] then return true end
  return self.event:wait(timeout)
end


local function ask(self)
  self.asked = true
  self.pool.unasked[self] = nil
end


---Waits for the job's end; never raises its error.
---@param timeout? number seconds
---@return true? ended, string? reason nil, "timeout"
function future:join(timeout)
  check(self, "join")
  check_timeout("join", timeout)
  return wait(self, timeout)
end


local function traceback(self)
  local failure = self.failure
  return ("%s\n\tin %s%s, submitted at %s"):format(failure.trace or "stack traceback:",
    failure.worker and self.pool.kind .. " " .. failure.worker .. ", " or "", self.name, self.place)
end


---The job's results; raises its error, with the worker's traceback where it is a string.
---@param timeout? number seconds
---@return any ... nil, "timeout" when it has not ended in time
function future:result(timeout)
  check(self, "result")
  check_timeout("result", timeout)
  if not wait(self, timeout) then return nil, "timeout" end
  ask(self)
  if self.state == "done" then
    if self.n > 1 then return table.unpack(self.values, 1, self.n) end
    if self.n == 1 then return self.values end
    return
  end
  local err = self.failure.err
  if type(err) == "string" then err = err .. "\n" .. traceback(self) end
  error(err, 0)
end


---The error that result() would raise, without its traceback; nil if there was none.
---@param timeout? number seconds
---@return any err, string? reason nil, "timeout"
function future:exception(timeout)
  check(self, "exception")
  check_timeout("exception", timeout)
  if not wait(self, timeout) then return nil, "timeout" end
  ask(self)
  return self.failure and self.failure.err
end


---The error's joined traceback: where raised, in which worker, where submitted. nil if none.
---@return string?
function future:traceback()
  check(self, "traceback")
  ask(self)
  return self.state == "failed" and traceback(self) or nil
end


-- looking ---------------------------------------------------------------------------------------

---What became of it so far.
---@return "pending"|"running"|"blocked"|"done"|"failed"|"cancelled"
function future:status()
  check(self, "status")
  local state = self.state
  if ended[state] then return state end
  if state == "settling" or state == "dropping" then return "running" end
  return self.pool.backend.status(self.pool, self)
end


---Whether it has ended, one way or another.
---@return boolean
function future:done()
  check(self, "done")
  return ended[self.state] or false
end


---Whether it has not ended.
---@return boolean
function future:alive()
  check(self, "alive")
  return not ended[self.state]
end


---Whether it was cancelled.
---@return boolean
function future:cancelled()
  check(self, "cancelled")
  return self.state == "cancelled"
end


---Whether a worker is at it.
---@return boolean
function future:running()
  check(self, "running")
  local status = self:status()
  return status == "running" or status == "blocked"
end


-- Reads {hard=}.
local function check_cancel(options)
  if options == nil then return false end
  if type(options) ~= "table" then
    core.misuse(3, "bad-argument",
      "future:cancel: options: a table such as {hard=true} expected, got %s", type(options))
  end
  for key in pairs(options) do
    if key ~= "hard" then
      core.misuse(3, "unknown-option",
        "future:cancel: options: unknown option '%s' (there are: hard)", tostring(key))
    end
  end
  if options.hard ~= nil and type(options.hard) ~= "boolean" then
    core.misuse(3, "bad-option", "future:cancel: hard: true or false expected, got %s",
      type(options.hard))
  end
  return options.hard == true
end


---Drops a job that has not begun; one that runs is asked as by h:cancel().
---@param options? {hard?: boolean}
---@return boolean taken
function future:cancel(options)
  check(self, "cancel")
  local hard = check_cancel(options)
  if ended[self.state] then return false end
  return self.pool.backend.cancel(self.pool, self, hard)
end


-- It was begun by submit: misuse.
function future:start()
  check(self, "start")
  core.misuse(2, "started-twice", "future:start: it was started by submit (a job starts once)")
end


---Runs `fn(f)` as a task of this OS thread when the job has ended, also when it has already.
---pool:join waits for it.
---@param fn fun(f: heddle.future)
function future:on_done(fn)
  check(self, "on_done")
  if type(fn) ~= "function" then
    core.misuse(2, "bad-argument", "future:on_done: fn: a function expected, got %s", type(fn))
  end
  local callbacks = self.pool.callbacks
  local function forget() callbacks[native.current()] = nil end
  callbacks[handle.call_when_done(self, fn, forget)] = true
end


function meta:__tostring()
  return ("future %s (%s)"):format(self.name, self:status())
end


return future
