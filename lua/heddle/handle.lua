-- What the handles of all models share and is written in Lua: on_done.
local native = require "heddle.native.task"

---What tasks, threads, isolates and processes are held by.
---```lua
---local h = thread.start({ name = "worker" }, function(a, b) return a + b end, 1, 2)
---print(h:result())   --> 3
---```
---@class heddle.handle
---@field name string given, or "Thread-1" …; can be set
---@field id integer unique in the program
---@field start fun(self: heddle.handle): heddle.handle begins what M.new made
---@field join fun(self: heddle.handle, timeout?: number): true?, string? nil, "timeout"
---@field result fun(self: heddle.handle, timeout?: number): ... raises the function's error
---@field traceback fun(self: heddle.handle): string? where raised, in which workers, started where
---@field status fun(self: heddle.handle): string "pending", "running", "blocked", "done" …
---@field alive fun(self: heddle.handle): boolean
---@field cancel fun(self: heddle.handle, options?: {hard?: boolean}): boolean whether it was taken
---@field on_done fun(self: heddle.handle, fn: fun(h: heddle.handle)) calls it when this has ended

---@class heddle.process.handle : heddle.handle
---@field pid integer? nil until it has one
---@field kill fun(self: heddle.process.handle, signal?: integer|string): boolean
---@field terminate fun(self: heddle.process.handle): boolean sends SIGTERM
---@field exitcode fun(self: heddle.process.handle): integer? nil while it lives

---@class heddle.start.Options
---@field name? string
---@field daemon? boolean is stopped when only daemons are left
---@field memory? number bytes; isolates and processes
---@field cpu? number seconds; processes
---@field method? "fork"|"spawn"|"forkserver" processes

---@alias heddle.start.Function fun(options: heddle.start.Options|function, ...: any): heddle.handle

local handle = {}


local function with_traceback(err)
  return type(err) == "string" and debug.traceback(err, 2) or err
end


-- Waits for the end of a handle, then calls `fn(h)`; its error goes to stderr.
function handle.call_done(h, fn)
  h:join()
  local ok, err = xpcall(fn, with_traceback, h)
  if not ok then
    io.stderr:write("heddle: error in on_done of ", h.name, ": ", tostring(err), "\n")
  end
end


---Runs `fn(h)` as a task of this OS thread when `h` has ended, also when it has already.
---@param h heddle.handle
---@param fn fun(h: heddle.handle)
local function on_done(h, fn)
  if type(fn) ~= "function" then
    error(("on_done: fn: a function expected, got %s [bad-argument]"):format(type(fn)), 2)
  end
  native.internal(native.start(handle.call_done, h, fn))
end


---Adds the shared methods to a table of methods.
---@param methods table
function handle.complete(methods)
  methods.on_done = on_done
end


return handle
