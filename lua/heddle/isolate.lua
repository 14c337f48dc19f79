-- Isolates: OS threads with an interpreter each. They run in parallel; what is sent to them, and
-- what they return, is copied, but heddle's own objects stay one object everywhere.
--
--     local h = isolate.start(function(n) return n * n end, 7)
--     print(h:result()) --> 49
local native = require "heddle.native.worker"
local handle = require "heddle.handle"

handle.complete(native.handle_methods)

local isolate = {
  model = "isolates",
  ---Starts `fn(...)` as an OS thread with an interpreter of its own; it begins at once.
  ---Options, if there are any, come first.
  ---@type heddle.start.Function
  start = native.isolate.start,
  ---The same without beginning it: `h:start()` does.
  ---@type heddle.start.Function
  new = native.isolate.new,
  ---The handle of the running isolate, the same object every time.
  ---@type fun(): heddle.handle
  current = native.isolate.current,
  ---The handles of the live isolates that this interpreter started.
  ---@type fun(): heddle.handle[]
  list = native.isolate.list,
  ---A table of the running isolate's own, empty at first.
  ---@type fun(): table
  locals = native.isolate.locals,
}


---A class whose instances run as isolates; see `task.extend`.
---@param name string
---@return table class
function isolate.extend(name) return require("heddle.extend").class("isolate", name) end


return isolate
