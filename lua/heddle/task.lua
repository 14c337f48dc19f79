-- Tasks: coroutines on the loop of their OS thread. A call that blocks suspends its task only; the
-- others of the thread go on. They share everything, never run in parallel, and switch only where
-- one blocks or yields.
--
--     local h = task.start(function(a, b) return a + b end, 1, 2)
--     print(h:result()) --> 3
local native = require "heddle.native.task"
local handle = require "heddle.handle"

handle.complete(native.methods)

local task = {
  model = "coroutines",
  ---Starts `fn(...)` as a task, which begins when its starter next waits.
  ---Options, if there are any, come first.
  ---@type heddle.start.Function
  start = native.start,
  ---The same without beginning it: `h:start()` does.
  ---@type heddle.start.Function
  new = native.new,
  ---The handle of the running task, the same object every time.
  ---@type fun(): heddle.handle
  current = native.current,
  ---The handles of the live tasks of this OS thread.
  ---@type fun(): heddle.handle[]
  list = native.list,
  ---A table of the running task's own, empty at first.
  ---@type fun(): table
  locals = native.locals,
  ---Suspends the task for so many seconds; 0 lets the other ready tasks run.
  ---@type fun(seconds: number)
  sleep = native.sleep,
  ---Lets the other ready tasks run first.
  ---@type fun()
  yield = native.yield,
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


---A class whose instances run as tasks: give it a method `run` (and `init`, if you like), then
---construct and start one. What `run` returns is its result.
---
---    local Adder = task.extend "Adder"
---    function Adder:init(a, b) self.a, self.b = a, b end
---    function Adder:run() return self.a + self.b end
---    print(Adder(1, 2):start():result()) --> 3
---@param name string
---@return table class
function task.extend(name) return require("heddle.extend").class("task", name) end


return task
