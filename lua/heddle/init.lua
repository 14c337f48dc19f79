-- heddle: the same program as coroutines, threads, isolates and processes.
local task = require "heddle.native.task"

---@class heddle
---@field CANCELLED table an error object that equals every cancellation
---@field class fun(name: string, metatable: table): table keeps its identity across interpreters
---@field cores fun(): integer, string how many may be used, and what limits them
---@field input fun(prompt?: string): string? a line of stdin, nil at its end
---@field locks fun(): heddle.locks.Row[] the program's locks, holders and waiters
---@field ps fun(): heddle.ps.Row[] what lives in the whole program, and waits for what
---@field rng fun(seed: integer): function Python's random generator
---@field run_command fun(argv: string[], options?: table): table?, string?
---@field seed fun(n: integer) every worker's random numbers follow from it
---@field tree fun(): heddle.ps.Row[] the same as ps, with children
local heddle = {
  _VERSION = "0.1.0",
  now = task.now, ---@type fun(): number monotonic seconds
  sleep = task.sleep, ---@type fun(seconds: number)
  yield = task.yield, ---@type fun()
  spawn = task.start, ---@type heddle.start.Function as task.start
}


local models = {
  task = "task", tasks = "task", coroutine = "task", coroutines = "task",
  thread = "thread", threads = "thread",
  isolate = "isolate", isolates = "isolate",
  process = "process", processes = "process",
}


---The module of a model.
---@param name string singular or plural: "threads", "isolate", "task" …
---@return table
function heddle.model(name)
  local found = models[name]
  if not found then
    error(("heddle.model: name: coroutines, threads, isolates or processes expected, got %s "
      .. "[unknown-model]"):format(tostring(name)), 2)
  end
  return require("heddle." .. found)
end


-- The rest is loaded when it is first used: most workers need none of it.
local later = {
  CANCELLED = function() return task.cancelled() end,
  class = function() return require("heddle.native.value").class end,
  cores = function() return require("heddle.native.worker").cores end,
  input = function() return require("heddle.input") end,
  monkey = function() return require "heddle.monkey" end,
  run_command = function() return require("heddle.command").run end,
  rng = function() return require("heddle.rng").new end,
  locks = function() return require("heddle.watch").locks end,
  ps = function() return require("heddle.watch").ps end,
  seed = function() return require("heddle.native.worker").seed end,
  trace = function() return require "heddle.trace" end,
  tree = function() return require("heddle.watch").tree end,
}

return setmetatable(heddle, {
  __index = function(_, key)
    local load_it = later[key]
    if not load_it then return nil end
    local value = load_it()
    rawset(heddle, key, value)
    return value
  end,
})
