-- Isolates: heddle.isolate.
local native = require "heddle.native.worker"
local handle = require "heddle.handle"

handle.complete(native.handle_methods)

local isolate = {
  model = "isolates",
  start = native.isolate.start, ---@type heddle.start.Function begins at once
  new = native.isolate.new, ---@type heddle.start.Function h:start() begins it
  current = native.isolate.current, ---@type fun(): heddle.handle
  list = native.isolate.list, ---@type fun(): heddle.handle[] the live ones
  locals = native.isolate.locals, ---@type fun(): table the current one's own
}


---A class whose instances run as isolates.
---@param name string
---@return table
function isolate.extend(name) return require("heddle.extend").class("isolate", name) end


return isolate
