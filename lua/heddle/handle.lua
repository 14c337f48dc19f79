-- What the handles of all models share and is written in Lua: on_done.
local native = require "heddle.native.task"

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
---@param h table a handle
---@param fn fun(h: table)
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
