-- Coroutine tasks: heddle.task.
local native = require "heddle.native.task"
local handle = require "heddle.handle"

handle.complete(native.methods)

local task = {
  model = "coroutines",
  start = native.start,
  new = native.new,
  current = native.current,
  list = native.list,
  locals = native.locals,
  sleep = native.sleep,
  yield = native.yield,
}


---A class whose instances run as tasks.
---@param name string
---@return table
function task.extend(name) return require("heddle.extend").class("task", name) end


return task
