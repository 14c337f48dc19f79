--- What `service.new` is given: checked, and the jobs drawn.
-- Stands on: heddle, heddle.jobqueue, heddle.service_jobs, heddle.usage.

local heddle = require "heddle"
local service_jobs = require "heddle.service_jobs"
local usage = require "heddle.usage"

---@class heddle.service_options
---@field queue? string  the path of the queue of services that name none; set by --queue
local service_options = {}

local CLEAR = "\r\27[K"      -- takes a progress line off the terminal
local MAX_SEED = 0x7fffffff  -- of a drawn seed

local OPTIONS = {
  model = true, workers = true, jobs = true, mix = true, seed = true, time = true, method = true,
  full_time = true, quiet = true, progress = true, queue = true,
}


--- Raises in the name of `service.new`, which adds the caller's position.
local function misuse(text, ...)
  error(("service.new: " .. text .. " [bad-argument]"):format(...), 0)
end


local function need_whole(name, value, least)
  local n = math.type(value) and math.tointeger(value)
  if n and n >= least then return n end
  local what = least == math.mininteger and "a whole number" or "a whole number >= " .. least
  misuse("%s: %s expected, got %s", name, what, tostring(value))
end


local function check_time(time)
  if time == nil then return nil end
  if not math.type(time) or time < 0 or time ~= time then
    misuse("time: seconds >= 0 expected, got %s", tostring(time))
  end
  return time < math.huge and time or nil
end


--- A model's module from its name in any of its forms; "sequential" is one coroutine.
local function check_model(name)
  if name == "sequential" then return require "heddle.task", name end
  local ok, model = pcall(heddle.model, name)
  if type(name) == "string" and ok and model then return model, model.model end
  misuse("model: coroutines, threads, isolates or processes expected, got %s", tostring(name))
end


local function check_workers(given, model)
  if model ~= "sequential" then return need_whole("workers", given or (heddle.cores()), 1) end
  if given ~= nil and given ~= 1 then
    misuse("workers: sequential has one, got %s", tostring(given))
  end
  return 1
end


local function check_method(method, model)
  if method == nil then return nil end
  if model.model ~= "processes" then
    misuse("method: only processes have one, not %s", model.model)
  end
  local known = model.methods()
  for _, name in ipairs(known) do
    if method == name then return method end
  end
  misuse("method: one of %s expected, got %s", table.concat(known, ", "), tostring(method))
end


local function check_keys(opts)
  if type(opts) ~= "table" then misuse("options: a table expected, got %s", type(opts)) end
  local names = {}
  for name in pairs(OPTIONS) do names[#names + 1] = name end
  table.sort(names)
  for key in pairs(opts) do
    if not OPTIONS[key] then
      local near = type(key) == "string" and usage.nearest(key, names)
      misuse("%s: there is no such option%s", tostring(key),
        near and (": did you mean '%s'?"):format(near) or "")
    end
  end
end


local function make_plan(opts, seed)
  local jobs = opts.jobs
  if jobs ~= nil and type(jobs) ~= "table" then jobs = need_whole("jobs", jobs, 0) end
  local ok, plan, name = pcall(service_jobs.plan, jobs, opts.mix, seed)
  if not ok then misuse("%s", plan) end
  return plan, name
end


--- An option of a plain type.
local function check_type(name, value, expected)
  if value ~= nil and type(value) ~= expected then
    misuse("%s: a %s expected, got %s", name, expected, tostring(value))
  end
  return value
end


--- The path of a queue that outlives the program, and the seed of the jobs that it holds already.
local function check_queue(path)
  if path == nil then return nil end
  if type(path) ~= "string" or path == "" then
    misuse("queue: a file's path expected, got %s", tostring(path))
  end
  local ok, info = pcall(require("heddle.jobqueue").peek, path)
  if not ok then misuse("%s", info) end
  return info and info.seed
end


--- Checks all options and draws the jobs.
---@param opts heddle.service.Options
---@return table  a service's fields; raises, without a position, [bad-argument]
function service_options.check(opts)
  check_keys(opts)
  local path = opts.queue or service_options.queue
  local queue_seed = check_queue(path)
  local self = { time = check_time(opts.time) }
  self.module, self.model = check_model(opts.model)
  self.method = check_method(opts.method, self.module)
  self.workers = check_workers(opts.workers, self.model)
  local seed = opts.seed or queue_seed or math.random(0, MAX_SEED)
  self.seed = need_whole("seed", seed, math.mininteger)
  self.drawn = not (opts.seed or queue_seed)
  self.plan, self.mix = make_plan(opts, self.seed)
  self.full_time = check_type("full_time", opts.full_time, "boolean")
  self.quiet = check_type("quiet", opts.quiet, "boolean")
  self.progress = check_type("progress", opts.progress, "function")
  self.clear, self.queue = opts.progress and CLEAR or nil, path
  if self.full_time and not self.time then misuse("full_time: it needs a time") end
  return self
end


return service_options
