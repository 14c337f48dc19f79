-- What `start` gives, in every model: the handle of a task, thread, isolate or process.
--
--     local thread = require "heddle.thread"
--     local h = thread.start({ name = "worker" }, function(a, b) return a + b end, 1, 2)
--     print(h:result()) --> 3
local native = require "heddle.native.task"

---What is running, or was, or is to. Handles of all models answer the same methods.
---@class heddle.handle
---@field name string given, or "Thread-1" …; can be set
---@field id integer unique in the program
---Begins what `M.new` made.
---@field start fun(self: heddle.handle): heddle.handle
---Waits for the end; never raises the function's error. nil, "timeout" when it has not ended in
---time.
---@field join fun(self: heddle.handle, timeout?: number): true?, string?
---Waits for the end and returns what the function returned, or raises its error: a string with the
---worker's traceback added, anything else as it is. nil, "timeout" when it has not ended in time.
---@field result fun(self: heddle.handle, timeout?: number): ...
---The error's traceback: where it was raised, in which workers, where they were started; nil if
---there was no error.
---@field traceback fun(self: heddle.handle): string?
---What it is doing: "pending", "running", "blocked", "done", "failed" or "cancelled".
---@field status fun(self: heddle.handle): string
---Whether it was begun and has not ended.
---@field alive fun(self: heddle.handle): boolean
---Asks it to stop: its present or next blocking call raises `heddle.CANCELLED`, once. `hard` stops
---it for good, in a tight loop too; a process is killed. Returns whether the request was taken.
---@field cancel fun(self: heddle.handle, options?: {hard?: boolean}): boolean
---Runs `fn(h)` as a task of this OS thread when it has ended, also when it has already.
---@field on_done fun(self: heddle.handle, fn: fun(h: heddle.handle))

---The handle of a process has these, too.
---@class heddle.process.handle : heddle.handle
---@field pid integer? nil before the start
---Sends it a signal, SIGKILL unless another is named; false if it has ended.
---@field kill fun(self: heddle.process.handle, signal?: integer|string): boolean
---Sends it SIGTERM; false if it has ended.
---@field terminate fun(self: heddle.process.handle): boolean
---How it ended: 0; 1 after an uncaught error; the argument of `os.exit`; minus the number of the
---signal that killed it. nil while it lives.
---@field exitcode fun(self: heddle.process.handle): integer?

---What `start` and `new` take as their first argument.
---@class heddle.start.Options
---@field name? string what reports call it; an OS thread or process goes by it, too
---@field daemon? boolean is stopped when only daemons are left
---@field memory? number bytes; isolates and processes
---@field cpu? number seconds; processes
---@field method? "fork"|"spawn"|"forkserver" processes

---@alias heddle.start.Function fun(options: heddle.start.Options|function, ...: any): heddle.handle

local handle = {}


local function with_traceback(err)
  return type(err) == "string" and debug.traceback(err, 2) or err
end


-- The turn of the last one registered, by handle and loop. Tasks that were woken by the end may
-- find others, registered later and begun since, ahead of them: each waits for the turn before its
-- own.
local last_turn = setmetatable({}, { __mode = "k" })
local turns = { __close = function(turn) turn.over = true end }


local function call_done(h, fn, own_turn, finally)
  local turn <close> = own_turn -- also when it is cancelled
  h:join()
  while turn.before and not turn.before.over do native.yield() end
  turn.before, turn.over = nil, true
  local ok, err = xpcall(fn, with_traceback, h)
  if not ok then
    io.stderr:write("heddle: error in on_done of ", h.name, ": ", tostring(err), "\n")
  end
  if finally then finally() end
end


-- Starts a task of this OS thread that calls `fn(h)` when `h` has ended, after those registered
-- before, and then `finally`; the function's error goes to stderr. Returns the task.
function handle.call_when_done(h, fn, finally)
  local last, here = last_turn[h] or {}, native.loop()
  local turn = setmetatable({ before = last[here] }, turns)
  last_turn[h] = last
  last[here] = turn
  return native.internal(native.start(call_done, h, fn, turn, finally))
end


-- handle that has not begun -> what on_done was given
local early = setmetatable({}, { __mode = "k" })

local function has_begun(h)
  if h:status() ~= "pending" then return true end
  local joined, err = pcall(h.join, h, 0)
  if type(err) == "table" then error(err, 0) end -- a cancel of the caller
  return joined or not tostring(err):find "%[not%-started%]$"
end


-- Runs `fn(h)` as a task of this OS thread when `h` has ended, also when it has already.
local function on_done(h, fn)
  if not require("heddle.task_group").is_handle(h) then
    error(("on_done: self: a handle expected, got %s (call it with a colon) [bad-self]")
      :format(type(h)), 2)
  elseif type(fn) ~= "function" then
    error(("on_done: fn: a function expected, got %s [bad-argument]"):format(type(fn)), 2)
  end
  if early[h] or not has_begun(h) then
    early[h] = early[h] or {}
    table.insert(early[h], fn)
  else
    handle.call_when_done(h, fn)
  end
end


-- The method `start`, which also does what on_done put off.
local function start_of(begin)
  return function(h)
    begin(h)
    for _, fn in ipairs(early[h] or {}) do handle.call_when_done(h, fn) end
    early[h] = nil
    return h
  end
end


---Adds the shared methods to a table of methods.
---@package
---@param methods table
function handle.complete(methods)
  if methods.on_done then return end -- shared by several models
  methods.on_done = on_done
  methods.start = start_of(methods.start)
end


return handle
