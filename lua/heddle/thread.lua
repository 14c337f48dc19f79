-- Threads: heddle.thread.
local native = require "heddle.native.worker"
local handle = require "heddle.handle"

handle.complete(native.handle_methods)

local thread = {
  model = "threads",
  start = native.thread.start,
  new = native.thread.new,
  current = native.thread.current,
  list = native.thread.list,
  locals = native.thread.locals,
  gil = native.gil,
  switch_interval = native.switch_interval,
}


---A class whose instances run as threads.
---@param name string
---@return table
function thread.extend(name) return require("heddle.extend").class("thread", name) end


return thread
