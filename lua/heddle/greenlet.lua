-- Greenlets: coroutines of one task that switch to each other by name, as in the greenlet library.
local native = require "heddle.native.greenlet"

---Each task is a tree of greenlets; its own function runs in the main one, the root. A greenlet
---stays in the task that made it, and can't be copied. What it blocks on suspends the whole task.
---One that is collected unfinished closes its `<close>` variables.
---@class heddle.greenlet
---@field dead boolean whether it has come to its end
---@field parent heddle.greenlet? goes on when this ends, with its results or error; writable
---Goes on in that greenlet, which is handed the arguments; returns what is handed over when this
---one is switched to again. A dead one's parent goes on instead.
---@field switch fun(self: heddle.greenlet, ...: any): ...
---Goes on in that greenlet by raising `err` there; without one `greenlet.EXIT`, which ends it.
---@field throw fun(self: heddle.greenlet, err?: any): ...

local greenlet = {
  ---A greenlet that has not begun: the first switch to it calls `fn` with what is handed over.
  ---```lua
  ---local main = greenlet.current()
  ---local g = greenlet.new(function(a) print(a, main:switch "one") return "two" end)
  ---print(g:switch "x")   --> one
  ---print(g:switch "y")   --> x y, then two
  ---```
  ---@type fun(fn: function, parent?: heddle.greenlet): heddle.greenlet
  new = native.new,

  ---The running greenlet; outside of all others the task's main one.
  ---@type fun(): heddle.greenlet
  current = native.current,

  ---What `g:throw()` raises. A greenlet that ends with it hands it to its parent as a value.
  EXIT = native.EXIT,
}


return greenlet
