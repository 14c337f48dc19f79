-- What the service costs: a million empty jobs on isolates, their report included.
-- usage: heddle service.lua WORK   (BENCH_JOBS the number of jobs)
package.path = (arg[0]:match("^(.*)/") or ".") .. "/?.lua;" .. package.path
local harness = require "harness"
local heddle = require "heddle"
local mix = require "heddle.mix"
local service = require "heddle.service"
local service_worker = require "heddle.service_worker"
local works = {}

local function run(jobs, kind)
  local made = mix.new { jobs = jobs, kinds = { empty = kind } }
  return service.new({ model = "isolates", mix = made, seed = 1, quiet = true }):run()
end

-- CPU time of the service and its workers for each job, by core.
local function per_job(w, kind)
  local jobs, values = 200000, {}
  for i = 1, harness.reps do
    values[i] = run(jobs, kind):usage().cpu / jobs / heddle.cores() * 1e6
  end
  harness.report(w, "isolates", values, "us/job/core")
end

function works.service_job(w) per_job(w, {}) end
function works.service_job_run(w) per_job(w, { run = function() end }) end

-- The most memory that the program has while a million jobs run and are reported.
function works.service_million(w)
  local r = run(tonumber(os.getenv("BENCH_JOBS")) or 1000000, {})
  assert(r:totals().left == 0 and #r:text() > 0)
  local path = os.tmpname()
  assert(os.remove(path))
  assert(r:write(path .. ".json"))
  os.remove(path .. ".json")
  harness.report(w, "isolates", { service_worker.peak_memory() / (1 << 20) }, "MiB")
end

harness.main(works)
