-- What pool.new is given: the model's name, the number of workers, the options.
local core = require "heddle.pool_core"
local misuse = core.misuse

local options = {}


---What `pool.new` takes last.
---@class heddle.pool.Options
---@field initializer? function called once in each worker before its first job
---@field args? table its arguments
---@field max_jobs? integer a worker that has done so many is replaced
---@field method? "fork"|"spawn"|"forkserver" how processes are started
---@field name? string what reports call it
---@field queue? integer at most so many jobs in line: submit waits for room
---@field retry? integer a job whose worker died is run again, up to so often


local kinds = {
  task = "coroutine", tasks = "coroutine", coroutine = "coroutine", coroutines = "coroutine",
  thread = "thread", threads = "thread",
  isolate = "isolate", isolates = "isolate",
  process = "process", processes = "process",
}

options.plurals = {
  coroutine = "coroutines", thread = "threads", isolate = "isolates", process = "processes",
}

local function whole_from(least)
  local wanted = "a whole number >= " .. least
  return { wanted, function(v) return core.whole(v, least) ~= nil end }
end

local function typed(name, wanted)
  return { wanted, function(v) return type(v) == name end }
end

local known = {
  initializer = typed("function", "a function"),
  args = typed("table", "a list of arguments"),
  name = typed("string", "a string"),
  max_jobs = whole_from(1),
  queue = whole_from(1),
  retry = whole_from(0),
  method = { '"fork", "spawn" or "forkserver"', function(v)
    return v == "fork" or v == "spawn" or v == "forkserver"
  end },
}


-- A value as messages show it.
function options.show(value)
  return type(value) == "string" and '"' .. value .. '"' or type(value) == "number"
    and tostring(value) or type(value)
end


local function unknown_option(name, key)
  local names = {}
  for word in pairs(known) do names[#names + 1] = word end
  table.sort(names)
  local near = type(key) == "string" and require("heddle.usage").nearest(key, names)
  misuse(4, "unknown-option", "%s: options: unknown option '%s' (%s)", name, tostring(key),
    near and "did you mean '" .. near .. "'?" or "there are: " .. table.concat(names, ", "))
end


---Checks the options of a pool of that kind.
---@param kind string
---@param given heddle.pool.Options
function options.check(kind, given)
  if type(given) ~= "table" then
    misuse(3, "bad-argument", "pool.new: options: a table expected, got %s", type(given))
  end
  for key, value in pairs(given) do
    local option = known[key]
    if not option then unknown_option("pool.new", key) end
    if not option[2](value) then
      misuse(3, "bad-option", "pool.new: %s: %s expected, got %s", key, option[1],
        options.show(value))
    end
  end
  if given.method and kind ~= "process" then
    misuse(3, "bad-option", "pool.new: method: only processes are started by one, not %s",
      options.plurals[kind])
  end
end


---@return integer workers
---@return string? why what limits the cores, where nobody said how many
function options.workers(workers)
  if workers == nil then return require("heddle").cores() end
  local whole = core.whole(workers, 1)
  if whole then return whole end
  misuse(3, "bad-argument", "pool.new: workers: a whole number >= 1 expected, got %s",
    options.show(workers))
end


---@param model any
---@return string kind "coroutine", "thread", "isolate" or "process"
function options.kind(model)
  local kind = kinds[model]
  if kind then return kind end
  misuse(3, "unknown-model",
    "pool.new: model: coroutines, threads, isolates or processes expected, got %s",
    options.show(model))
end


return options
