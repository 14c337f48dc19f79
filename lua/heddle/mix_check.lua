--- What a mix may hold: every key of the table given to `mix.new`, with what is expected there.
-- Errors name the key's path and what was expected: `kinds.parse.cpu: a number >= 0 or a
-- distribution expected, got "fast"`; `mix.new` adds its own name and the caller's position.
-- Stands on: heddle.files, heddle.usage.

local files = require "heddle.files"
local usage = require "heddle.usage"

local mix_check = {}

local MOST_JOBS = 10000000

--- The costs in the order in which they are paid where several stand side by side.
mix_check.COSTS = { "cpu", "io", "sha3", "disk", "memory", "http" }

--- The most that one may be, so that a slip of the pen does not fill a disk or run for a century.
local MOST = { cpu = 1e9, io = 1e9, sha3 = 1e15, disk = 1e12, memory = 1e12, http = 1e9 }

local MOST_WEIGHT, MOST_RETRIES = 1e9, 1000000
mix_check.MOST_SECONDS, mix_check.MOST_SIGMA = 1e9, 10


local function broken(text, ...)
  error(text:format(...), 0)
end


--- A value as an error message shows it.
local function shown(value)
  local kind = type(value)
  if value ~= value then return "nan" end
  if kind == "string" then return ("%q"):format(value) end
  local plain = kind == "number" or kind == "boolean" or kind == "nil"
  return plain and tostring(value) or "a " .. kind
end


local function is_finite(x)
  return math.type(x) ~= nil and x == x and x > -math.huge and x < math.huge
end


local function is_distribution(value)
  return type(value) == "table" and getmetatable(value) == mix_check.Distribution
end


--- Refuses a key that is not known, with the one that was meant.
local function unknown(path, key, known)
  local names = {}
  for name in pairs(known) do names[#names + 1] = name end
  table.sort(names)
  local near = type(key) == "string" and usage.nearest(key, names)
  local at = path == "" and tostring(key) or path .. "." .. tostring(key)
  broken("%s: there is no such key: %s", at, near and ("did you mean '%s'?"):format(near)
    or "there are " .. table.concat(names, ", "))
end


local function at_most(path, value, most)
  if value > most then broken("%s: at most %.14g expected, got %s", path, most, shown(value)) end
end


--- What a distribution's numbers lie at, or below, mostly.
local function size_of(distribution)
  local size = distribution.high or distribution.mean or distribution.median or 0
  for _, x in ipairs(distribution.list or {}) do size = math.max(size, x) end
  return size
end


local function amount_of(cost)
  return function(path, value)
    if is_distribution(value) then return at_most(path, size_of(value), MOST[cost]) end
    if not is_finite(value) or value < 0 then
      broken("%s: a number >= 0 or a distribution expected, got %s", path, shown(value))
    end
    at_most(path, value, MOST[cost])
  end
end


local function duration(path, value)
  if not is_finite(value) or value < 0 then
    broken("%s: seconds >= 0 expected, got %s", path, shown(value))
  end
end


local function weight(path, value)
  if not is_finite(value) or value < 0 then
    broken("%s: a number >= 0 expected, got %s", path, shown(value))
  end
  at_most(path, value, MOST_WEIGHT)
end


local function whole(path, value)
  if not is_finite(value) or value < 0 or not math.tointeger(value) then
    broken("%s: a whole number >= 0 expected, got %s", path, shown(value))
  end
end


local function of_type(expected, words)
  return function(path, value)
    if type(value) ~= expected or value == "" then
      broken("%s: %s expected, got %s", path, words, shown(value))
    end
  end
end


local STEP_KEYS = {
  lock = of_type("string", "the name of a lock"), release = of_type("boolean", "true or false"),
  run = of_type("function", "a function of a generator and the job"),
}
for _, name in ipairs(mix_check.COSTS) do STEP_KEYS[name] = amount_of(name) end

local KIND_KEYS = {
  weight = weight, timeout = duration,
  retries = function(path, value)
    whole(path, value)
    at_most(path, value, MOST_RETRIES)
  end,
  after = of_type("string", "the name of a kind"),
}
for name, check in pairs(STEP_KEYS) do KIND_KEYS[name] = check end


local function check_step(path, step)
  if type(step) ~= "table" or is_distribution(step) then
    broken("%s: a step, a table of costs, expected, got %s", path, shown(step))
  end
  for key, value in pairs(step) do
    if KIND_KEYS[key] and not STEP_KEYS[key] then
      broken("%s.%s: it belongs to the kind, not to a step of it", path, key)
    end
    local check = STEP_KEYS[key] or unknown(path, key, STEP_KEYS)
    check(path .. "." .. key, value)
  end
end


--- A job that holds a lock for all its steps can't take it again in one of them.
local function check_locks(path, kind)
  for i, step in ipairs(kind) do
    if kind.lock and step.lock == kind.lock then
      broken("%s[%d].lock: another lock than the kind's expected, got %s", path, i,
        shown(step.lock))
    end
  end
end


local function check_kind(path, kind)
  if type(kind) ~= "table" then
    broken("%s: a table of costs and steps expected, got %s", path, shown(kind))
  end
  for i = 1, #kind do check_step(("%s[%d]"):format(path, i), kind[i]) end
  for key, value in pairs(kind) do
    if math.type(key) == "integer" and key > #kind then
      broken("%s[%d]: a step, a table of costs, expected, got nil", path, #kind + 1)
    elseif math.type(key) ~= "integer" or key < 1 then
      local check = KIND_KEYS[key] or unknown(path, key, KIND_KEYS)
      check(path .. "." .. key, value)
    end
  end
  check_locks(path, kind)
end


--- The names of the kinds, in the order in which they count: sorted.
local function sorted_names(kinds)
  local names = {}
  for name, kind in pairs(kinds) do
    if type(name) ~= "string" or name == "" then
      broken("kinds: names of kinds expected as keys, got %s", shown(name))
    end
    names[#names + 1] = name
    check_kind("kinds." .. name, kind)
  end
  if #names == 0 then broken "kinds: at least one kind expected, got none" end
  table.sort(names)
  return names
end


local function check_after(kinds, names)
  for _, name in ipairs(names) do
    local after = kinds[name].after
    if after and not kinds[after] then
      local near = usage.nearest(after, names)
      broken("kinds.%s.after: the name of a kind expected, got %q%s", name, after,
        near and (": did you mean '%s'?"):format(near) or "")
    end
    local way, at = { name }, after
    while at do
      way[#way + 1] = at
      if at == name then
        broken("kinds.%s.after: a kind that does not come after itself expected, got the circle %s",
          name, table.concat(way, " after "))
      end
      if #way > #names then break end -- a circle of others, which is named at one of them
      at = kinds[at] and kinds[at].after
    end
  end
end


local function check_weights(kinds, names)
  for _, name in ipairs(names) do
    local kind = kinds[name]
    if (kind.weight or (kind.after and 0) or 1) > 0 and not kind.after then return end
  end
  broken "kinds: at least one with a weight > 0 that comes after no other expected"
end


local function check_arrivals(spec)
  local arrivals = spec.arrivals
  if arrivals ~= nil and getmetatable(arrivals) ~= mix_check.Arrivals then
    broken("arrivals: mix.burst(), mix.poisson(rate), mix.every(seconds) or mix.trace(list) "
      .. "expected, got %s", shown(arrivals))
  end
  local times = arrivals and arrivals.list
  if times and spec.jobs and spec.jobs > #times then
    broken("arrivals: a trace of at least %d times expected, got %d", spec.jobs, #times)
  end
end


local KEYS = { arrivals = true, jobs = true, kinds = true }

--- Checks a whole mix.
---@param spec table
---@return string[] names  of the kinds, sorted; raises, without a position, what is wrong
function mix_check.mix(spec)
  if type(spec) ~= "table" then broken("mix: a table expected, got %s", shown(spec)) end
  for key in pairs(spec) do
    if not KEYS[key] then unknown("", key, KEYS) end
  end
  if spec.jobs ~= nil then
    whole("jobs", spec.jobs)
    at_most("jobs", spec.jobs, MOST_JOBS)
  end
  if type(spec.kinds) ~= "table" then
    broken("kinds: a table of kinds expected, got %s", shown(spec.kinds))
  end
  local names = sorted_names(spec.kinds)
  check_after(spec.kinds, names)
  check_weights(spec.kinds, names)
  check_arrivals(spec)
  return names
end


-- Arguments of the constructors ------------------------------------------------------------------

--- The level of the line outside of heddle that called one of heddle.mix's functions; 0 where it
--- is not known: a `return mix.new {…}` leaves no line behind.
local function caller()
  local level, tail = 3, false
  while true do
    local info = debug.getinfo(level, "St")
    if not info then return 0 end
    if not info.source:find "^@heddle/mix" then return tail and 0 or level - 1 end
    level, tail = level + 1, info.istailcall
  end
end


--- Raises a misuse of one of heddle.mix's functions at the line that called it.
---@param text string
---@param code? string
function mix_check.raise(text, code)
  error(("%s [%s]"):format(text, code or "bad-argument"), caller())
end


--- Where a file named in a mix is: as it is named, or beside the mix's own file.
---@param path string
---@return string
function mix_check.beside(path)
  if type(path) ~= "string" or path:sub(1, 1) == "/" or files.exists(path) then
    return tostring(path)
  end
  for level = 2, 20 do
    local info = debug.getinfo(level, "S")
    local folder = info and info.source:match "^@(.*/)[^/]*$"
    if folder and not info.source:find "^@heddle/" and files.exists(folder .. path) then
      return folder .. path
    end
  end
  return path
end


--- A finite number of at least `least` (above it when `above` is set) and at most `most`.
---@param name string  "mix.uniform: low"
---@param value any
---@param least number
---@param above? boolean
---@param most? number
---@return number
function mix_check.number(name, value, least, above, most)
  if not is_finite(value) or value < least or (above and value == least) then
    mix_check.raise(("%s: a number %s %g expected, got %s"):format(name, above and ">" or ">=",
      least, shown(value)))
  end
  if most and value > most then
    mix_check.raise(("%s: at most %g expected, got %s"):format(name, most, shown(value)))
  end
  return value
end


return mix_check
