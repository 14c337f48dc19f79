-- Processes: heddle.process.
local native = require "heddle.native.worker"
local handle = require "heddle.handle"

handle.complete(native.handle_methods)

local process = {
  model = "processes",
  start = native.process.start,
  new = native.process.new,
  current = native.process.current,
  list = native.process.list,
  locals = native.process.locals,
  methods = native.methods,
  default_method = native.default_method,
}


---A class whose instances run as processes.
---@param name string
---@return table
function process.extend(name) return require("heddle.extend").class("process", name) end


return process
