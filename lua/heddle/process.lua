-- Processes: started by `fork`, `spawn` or `forkserver`. They run in parallel, have heaps of their
-- own, and may be killed at any moment without harm to others: locks are recovered, queues stay
-- whole. What is sent to them is copied, but heddle's own objects stay one object everywhere.
--
--     local h = process.start({ method = "spawn" }, function(n) return n * n end, 7)
--     print(h:result(), h:exitcode()) --> 49 0
--     assert(h.pid ~= process.current().pid)
local native = require "heddle.native.worker"
local handle = require "heddle.handle"

handle.complete(native.handle_methods)

local process = {
  model = "processes",
  ---Starts `fn(...)` as a process; it begins at once.
  ---Options, if there are any, come first.
  ---@type heddle.start.Function
  start = native.process.start,
  ---The same without beginning it: `h:start()` does.
  ---@type heddle.start.Function
  new = native.process.new,
  ---The handle of the running process, the same object every time.
  ---@type fun(): heddle.process.handle
  current = native.process.current,
  ---The handles of the live processes that this interpreter started.
  ---@type fun(): heddle.process.handle[]
  list = native.process.list,
  ---A table of the running process's own, empty at first.
  ---@type fun(): table
  locals = native.process.locals,
  ---The start methods there are: "fork", "spawn", "forkserver".
  ---@type fun(): string[]
  methods = native.methods,
  ---Gets or sets how processes are started where no `method` is given. At first it is "fork", or
  ---"forkserver" while other OS threads of the program run in this process.
  ---@type fun(method?: "fork"|"spawn"|"forkserver"): string
  default_method = native.default_method,
}


---A class whose instances run as processes; see `task.extend`.
---@param name string
---@return table class
function process.extend(name) return require("heddle.extend").class("process", name) end


return process
