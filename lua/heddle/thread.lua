-- Threads: OS threads in the same interpreter, under a global interpreter lock (GIL). They share
-- everything; one of them runs Lua at a time, and it is made to give way, at any instruction, when
-- another has waited for the switch interval. Whatever blocks lets the others run.
--
--     local h = thread.start({ name = "worker" }, function(n) return n * n end, 7)
--     print(h.name, h:result()) --> worker 49
local native = require "heddle.native.worker"
local handle = require "heddle.handle"

handle.complete(native.handle_methods)

local thread = {
  model = "threads",
  ---Starts `fn(...)` as an OS thread of this interpreter; it begins at once.
  ---Options, if there are any, come first.
  ---@type heddle.start.Function
  start = native.thread.start,
  ---The same without beginning it: `h:start()` does.
  ---@type heddle.start.Function
  new = native.thread.new,
  ---The handle of the running thread, the same object every time.
  ---@type fun(): heddle.handle
  current = native.thread.current,
  ---The handles of the live threads of this interpreter.
  ---@type fun(): heddle.handle[]
  list = native.thread.list,
  ---A table of the running thread's own, empty at first.
  ---@type fun(): table
  locals = native.thread.locals,
  ---What this interpreter's GIL did since the start: `switches` and `forced` ones among them,
  ---seconds of `wait` for it and of being `held`; and in `threads` the same of each thread by its
  ---handle's `id`.
  ---@type fun(): table
  gil = native.gil,
  ---Gets or sets the switch interval: how long a thread waits for the GIL before its holder is made
  ---to give way (0.005 s).
  ---@type fun(seconds?: number): number
  switch_interval = native.switch_interval,
}


---A class whose instances run as threads; see `task.extend`.
---@param name string
---@return table class
function thread.extend(name) return require("heddle.extend").class("thread", name) end


return thread
