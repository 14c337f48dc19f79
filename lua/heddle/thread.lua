-- Threads: heddle.thread.
local native = require "heddle.native.worker"
local handle = require "heddle.handle"

handle.complete(native.handle_methods)

local thread = {
  model = "threads",
  start = native.thread.start, ---@type heddle.start.Function begins at once
  new = native.thread.new, ---@type heddle.start.Function h:start() begins it
  current = native.thread.current, ---@type fun(): heddle.handle
  list = native.thread.list, ---@type fun(): heddle.handle[] the live ones
  locals = native.thread.locals, ---@type fun(): table the current one's own
  gil = native.gil, ---@type fun(): table counts and seconds since the start
  switch_interval = native.switch_interval, ---@type fun(seconds?: number): number
}


---A class whose instances run as threads.
---@param name string
---@return table
function thread.extend(name) return require("heddle.extend").class("thread", name) end


return thread
