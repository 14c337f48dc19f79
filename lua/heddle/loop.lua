-- What the loop of this OS thread does beside running tasks: calls after a time, at an interval,
-- when a signal comes; luv. Each call is a task; an error in it goes to stderr with its traceback,
-- and the program goes on.
local native = require "heddle.native.loop"

---@class heddle.loop
---@field uv table  luv, bound to this OS thread's loop, as `require "luv"` is; `uv.run()` waits
---until the script's handles are done.
local loop = {}

---A timer, or the handler of a signal; closable.
---@class heddle.loop.Handle
---@field name string
---@field id integer
---Ends it: it calls no more. Returns whether it still would have.
---@field stop fun(self): boolean


---Calls a function once, after a time. The timer keeps its OS thread as a task does.
---
---    loop.after(0.5, function() print "half a second later" end)
---@param seconds number  >= 0
---@param fn fun()
---@param options? {name?: string, daemon?: boolean}  daemon: it keeps nothing
---@return heddle.loop.Handle timer
loop.after = native.after


---Calls a function each time an interval has passed. While a call still runs, those that are due
---are left out.
---@param seconds number  > 0
---@param fn fun()
---@param options? {name?: string, daemon?: boolean}
---@return heddle.loop.Handle timer
loop.every = native.every


---Calls a function whenever a signal comes; it keeps no OS thread. With a handler for SIGINT,
---Ctrl-C does nothing else.
---
---    local term <close> = loop.on_signal("SIGTERM", function() print "asked to end" end)
---@param signal string  "SIGTERM", "SIGHUP", "SIGUSR1", "SIGINT" ...
---@param fn fun(signal: string)
---@param options? {name?: string}
---@return heddle.loop.Handle handler
loop.on_signal = native.on_signal


return setmetatable(loop, {
  __index = function(_, key)
    if key ~= "uv" then return nil end
    loop.uv = require "luv"
    return loop.uv
  end,
})
