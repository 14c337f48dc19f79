-- Processes: heddle.process.
local native = require "heddle.native.worker"
local handle = require "heddle.handle"

handle.complete(native.handle_methods)

local process = {
  model = "processes",
  start = native.process.start, ---@type heddle.start.Function begins at once
  new = native.process.new, ---@type heddle.start.Function h:start() begins it
  current = native.process.current, ---@type fun(): heddle.process.handle
  list = native.process.list, ---@type fun(): heddle.process.handle[] the live ones
  locals = native.process.locals, ---@type fun(): table the current one's own
  methods = native.methods, ---@type fun(): string[]
  default_method = native.default_method, ---@type fun(method?: string): string
}


---A class whose instances run as processes.
---@param name string
---@return table
function process.extend(name) return require("heddle.extend").class("process", name) end


return process
