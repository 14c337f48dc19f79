-- Isolates: heddle.isolate.
local native = require "heddle.native.worker"
local handle = require "heddle.handle"

handle.complete(native.handle_methods)

local isolate = {
  model = "isolates",
  start = native.isolate.start,
  new = native.isolate.new,
  current = native.isolate.current,
  list = native.isolate.list,
  locals = native.isolate.locals,
}


---A class whose instances run as isolates.
---@param name string
---@return table
function isolate.extend(name) return require("heddle.extend").class("isolate", name) end


return isolate
