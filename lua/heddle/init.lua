-- heddle: the same program as coroutines, threads, isolates and processes.
local task = require "heddle.native.task"

local heddle = {
  _VERSION = "0.1.0",
  now = task.now,
  sleep = task.sleep,
  yield = task.yield,
  spawn = task.start,
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
