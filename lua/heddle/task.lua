-- Coroutine tasks: heddle.task.
local native = require "heddle.native.task"
local handle = require "heddle.handle"

handle.complete(native.methods)

local task = {
  model = "coroutines",
  start = native.start, ---@type heddle.start.Function when its starter next waits
  new = native.new, ---@type heddle.start.Function h:start() begins it
  current = native.current, ---@type fun(): heddle.handle
  list = native.list, ---@type fun(): heddle.handle[] the live ones
  locals = native.locals, ---@type fun(): table the current one's own
  sleep = native.sleep, ---@type fun(seconds: number)
  yield = native.yield, ---@type fun() the other ready tasks run first
}


-- The rest is loaded when it is first used: most workers need none of it.

---@see heddle.task_limits.timeout
function task.timeout(...) return require("heddle.task_limits").timeout(...) end


---@see heddle.task_limits.shield
function task.shield(...) return require("heddle.task_limits").shield(...) end


---@see heddle.task_group.gather
function task.gather(...) return require("heddle.task_group").gather(...) end


---@see heddle.task_group.wait
function task.wait(...) return require("heddle.task_group").wait(...) end


---@see heddle.task_group.as_completed
function task.as_completed(...) return require("heddle.task_group").as_completed(...) end


---@see heddle.task_scope.run
function task.scope(...) return require("heddle.task_scope").run(...) end


---A class whose instances run as tasks.
---@param name string
---@return table
function task.extend(name) return require("heddle.extend").class("task", name) end


return task
