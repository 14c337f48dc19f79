-- What does not belong to one model or object: time, chance, what lives in the program, other
-- programs, input. The modules are `heddle.task`, `heddle.queue` and so on.
local task = require "heddle.native.task"

---@class heddle
---@field CANCELLED table an error object that equals every cancellation
---Registers a metatable as a class: what has it keeps it when it is sent to another interpreter,
---where the class is registered on arrival. Returns the metatable.
---@field class fun(name: string, metatable: table): table
---How many cores this program may use, and what limits them: "affinity" or "cgroup quota".
---@field cores fun(): integer, string
---Reads a line of standard input; only the calling task waits. nil at the end.
---@field input fun(prompt?: string): string?
---The program's locks with holders and waiters; `tostring` prints a table.
---@field locks fun(): heddle.locks.Row[]
---What lives in the whole program, what it waits for, where and since when; `tostring` prints a
---table.
---@field ps fun(): heddle.ps.Row[]
---Python's random generator, number for number: `r()`, `r(m)`, `r(m, n)` as `math.random`.
---@field rng fun(seed: integer): fun(m?: integer, n?: integer): number
---Runs a program to its end; only the calling task waits. The result has `code` or `signal`,
---`stdout` and `stderr`; options are `stdin`, `timeout`, `cwd`, `env`. nil, "timeout" when it was
---killed for its time; nil, message, code when it could not be started.
---@field run_command fun(argv: string[], options?: table): table?, string?, string?
---Makes the random numbers of every worker follow from `n` and its order of start.
---@field seed fun(n: integer)
---The same as `ps`, each with `children`: what was started there.
---@field tree fun(): heddle.ps.Row[]
local heddle = {
  _VERSION = "0.1.0",
  ---Monotonic seconds.
  ---@type fun(): number
  now = task.now,
  ---Suspends the task for so many seconds: `task.sleep`.
  ---@type fun(seconds: number)
  sleep = task.sleep,
  ---Lets the other ready tasks run first: `task.yield`.
  ---@type fun()
  yield = task.yield,
  ---Starts a task: `task.start`.
  ---@type heddle.start.Function
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
  monkey = function() return require "heddle.monkey" end,
  run_command = function() return require("heddle.command").run end,
  rng = function() return require("heddle.rng").new end,
  locks = function() return require("heddle.watch").locks end,
  ps = function() return require("heddle.watch").ps end,
  seed = function() return require("heddle.native.worker").seed end,
  trace = function() return require "heddle.trace" end,
  tree = function() return require("heddle.watch").tree end,
}
for name in ("fs greenlet http isolate loop mix net pipe pool process queue report service "
  .. "shared sync task thread work"):gmatch "%a+" do
  later[name] = function() return require("heddle." .. name) end
end

return setmetatable(heddle, {
  __index = function(_, key)
    local load_it = later[key]
    if not load_it then return nil end
    local value = load_it()
    rawset(heddle, key, value)
    return value
  end,
})
