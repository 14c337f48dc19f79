--- Job mixes: what kinds of jobs there are, what each costs, when they arrive. A mix is data and
-- draws its jobs from a seed: the same seed gives the same jobs on every machine and under every
-- model.
--
--     local mix = require "heddle.mix"
--     return mix.new {
--       jobs = 200,
--       arrivals = mix.poisson(50),
--       kinds = {
--         parse = { weight = 3, cpu = mix.lognormal(0.008, 0.5) },
--         fetch = { weight = 6, io = mix.exponential(0.040) },
--         page  = { weight = 2, { io = 0.01 }, { cpu = 0.002 }, { io = 0.01 } },
--         index = { after = "parse", cpu = 0.001, timeout = 1, retries = 2 },
--       },
--     }
--
-- Stands on: heddle.mix_check, heddle.mix_plan, heddle.mix_table.

local mix_check = require "heddle.mix_check"
local mix_plan = require "heddle.mix_plan"
local mix_table = require "heddle.mix_table"

---@class heddle.mix
local mix = {}

local JOBS = 20 -- where neither the mix nor its trace says how many


-- Distributions ----------------------------------------------------------------------------------

---@class heddle.mix.Distribution
---@field kind string
local Distribution = { __name = "heddle.mix.distribution" }
mix_check.Distribution = Distribution


function Distribution:__tostring()
  return "mix." .. self.kind
end


local function distribution(kind, fields)
  fields.kind = kind
  return setmetatable(fields, Distribution)
end


--- Any number from `low` to `high`, all alike likely.
---@param low number
---@param high number
---@return heddle.mix.Distribution  raises [bad-argument]
function mix.uniform(low, high)
  mix_check.number("mix.uniform: low", low, 0)
  mix_check.number("mix.uniform: high", high, low)
  return distribution("uniform", { low = low, high = high })
end


--- Waiting times without memory: many short ones, a few long ones.
---@param mean number
---@return heddle.mix.Distribution  raises [bad-argument]
function mix.exponential(mean)
  return distribution("exponential", { mean = mix_check.number("mix.exponential: mean", mean, 0) })
end


--- What times of work mostly look like: half of them below the median, with a tail whose length
--- grows with sigma.
---@param median number
---@param sigma number  the standard deviation of the logarithm; 0: always the median
---@return heddle.mix.Distribution  raises [bad-argument]
function mix.lognormal(median, sigma)
  mix_check.number("mix.lognormal: median", median, 0)
  mix_check.number("mix.lognormal: sigma", sigma, 0, false, mix_check.MOST_SIGMA)
  return distribution("lognormal", { median = median, sigma = sigma })
end


--- The numbers of a list or of a file's column, read now; a file that is not found from the current
--- folder is looked for beside the mix.
local function numbers(name, source, options)
  if type(source) == "string" then source = { file = source } end
  if type(source) ~= "table" then
    mix_check.raise(("%s: a list of numbers or {file=, column=} expected, got %s"):format(name,
      type(source)))
  end
  if not source.file then return source end
  for key in pairs(source) do
    if not options[key] then
      mix_check.raise(("%s: there is no option '%s': file and column expected"):format(name,
        tostring(key)))
    end
  end
  local ok, list = pcall(mix_table.read, mix_check.beside(source.file), source.column)
  if not ok then mix_check.raise(("%s: %s"):format(name, list)) end
  return list
end


local FILE = { file = true, column = true }

local function checked(name, source)
  local list = numbers(name, source, FILE)
  for i = 1, #list do mix_check.number(("%s[%d]"):format(name, i), list[i], 0) end
  if #list == 0 then mix_check.raise(name .. ": at least one number expected, got none") end
  return table.move(list, 1, #list, 1, {})
end


--- Measured numbers, each as likely as it is often among them.
---@param source number[]|{file: string, column: string|integer|nil}
---@return heddle.mix.Distribution  raises [bad-argument]
function mix.empirical(source)
  return distribution("empirical", { list = checked("mix.empirical", source) })
end


-- Arrivals ---------------------------------------------------------------------------------------

---@class heddle.mix.Arrivals
local Arrivals = { __name = "heddle.mix.arrivals" }
mix_check.Arrivals = Arrivals


function Arrivals:__tostring()
  return "mix." .. self.kind
end


--- All jobs are there at once; the default.
---@return heddle.mix.Arrivals
function mix.burst()
  return setmetatable({ kind = "burst" }, Arrivals)
end


--- Jobs arrive by chance, `rate` of them a second.
---@param rate number
---@return heddle.mix.Arrivals  raises [bad-argument]
function mix.poisson(rate)
  mix_check.number("mix.poisson: rate", rate, 0, true)
  mix_check.number("mix.poisson: seconds between two jobs", 1 / rate, 0, false,
    mix_check.MOST_SECONDS)
  return setmetatable({ kind = "poisson", rate = rate }, Arrivals)
end


--- A job every so many seconds, the first at once.
---@param seconds number
---@return heddle.mix.Arrivals  raises [bad-argument]
function mix.every(seconds)
  mix_check.number("mix.every: seconds", seconds, 0, false, mix_check.MOST_SECONDS)
  return setmetatable({ kind = "every", seconds = seconds }, Arrivals)
end


--- Jobs arrive at the given moments, seconds from the start, in any order.
---@param source number[]|string|{file: string, column: string|integer|nil}  a list, or a file
---@return heddle.mix.Arrivals  raises [bad-argument]
function mix.trace(source)
  local list = checked("mix.trace", source)
  table.sort(list)
  mix_check.number("mix.trace: the last", list[#list], 0, false, mix_check.MOST_SECONDS)
  return setmetatable({ kind = "trace", list = list }, Arrivals)
end


-- Mixes ------------------------------------------------------------------------------------------

--- A mix.
---@class heddle.mix.Mix
---@field count integer  jobs
---@field names string[]  of the kinds, sorted
---@field kinds table<string, table>  as they were given
---@field arrivals heddle.mix.Arrivals
local methods = {}
local meta = { __index = methods, __name = "heddle.mix" }


function meta:__tostring()
  return ("mix: %d jobs of %s"):format(self.count, table.concat(self.names, ", "))
end


--- A copy of the kinds, so that what the caller does to their tables later changes no mix.
local function copied(t)
  local copy = {}
  for key, value in pairs(t) do
    local plain = type(value) == "table" and not getmetatable(value)
    copy[key] = plain and copied(value) or value
  end
  return copy
end


--- Makes a mix: how many jobs there are, when they arrive, and of what kinds they are. The keys of
--- a kind are in docs/MIXES.md.
---@param spec {jobs: integer?, arrivals: heddle.mix.Arrivals?, kinds: table<string, table>}
---@return heddle.mix.Mix  raises [bad-mix], with the key and what was expected there
function mix.new(spec)
  local ok, names = pcall(mix_check.mix, spec)
  if not ok then mix_check.raise("mix.new: " .. names, "bad-mix") end
  local arrivals = spec.arrivals or mix.burst()
  return setmetatable({
    count = math.tointeger(spec.jobs or (arrivals.list and #arrivals.list) or JOBS), names = names,
    kinds = copied(spec.kinds), arrivals = arrivals,
  }, meta)
end


--- The reference demo's jobs as a mix: job n has size 0.5 + r, r the n-th `random()` of Python's
--- generator with this very seed, and costs `int(1e6 * size)` rounds of SHA3-512.
---@param jobs? integer  default 20
---@return heddle.mix.Mix  raises [bad-mix]
function mix.reference(jobs)
  local self = mix.new { jobs = jobs or JOBS, kinds = { CPUBoundJob = { sha3 = 1e6 } } }
  self.reference = true
  return self
end


-- Whether a value is a mix.
function mix.is(value)
  return type(value) == "table" and getmetatable(value) == meta
end


---@class heddle.mix.Job
---@field number integer  from 0
---@field kind string
---@field size number  what was drawn for it: its seconds (cpu and io) where it has any, else the
---  amount of its first cost in that cost's own unit; a SHA3 job of the reference: million rounds
---@field at number  seconds from the start until it arrives
---@field after? integer  the number of the job it comes after
---@field timeout? number
---@field retries? integer
---@field steps table[]  `{cpu=0.01, lock="db"}` and the like, in order

--- The same mix with another number of jobs.
---@param jobs? integer  nil: as many as it has
---@return heddle.mix.Mix  raises [bad-mix] when its trace is too short for them
function methods:resized(jobs)
  if not jobs or jobs == self.count then return self end
  local made = mix.new { jobs = jobs, kinds = self.kinds, arrivals = self.arrivals }
  made.reference, made.name = self.reference, self.name
  return made
end


--- Draws the jobs.
---@param seed integer  raises [bad-argument] when it is no whole number
---@return heddle.mix.Job[]
function methods:jobs(seed)
  local whole = math.type(seed) and math.tointeger(seed)
  if not whole then
    mix_check.raise("mix:jobs: seed: a whole number expected, got " .. tostring(seed))
  end
  return mix_plan.new(self, whole):list()
end


return mix
