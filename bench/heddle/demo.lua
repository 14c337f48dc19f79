-- Our side of the demo: the command from its start to its end, in rounds of SHA3-512 a second.
-- usage: heddle demo.lua WORK   (HEDDLE names the executable; BENCH_JOBS the number of jobs)
package.path = (arg[0]:match("^(.*)/") or ".") .. "/?.lua;" .. package.path
local harness = require "harness"
local heddle = require "heddle"
local works = {}
local SEED = 42

-- What the jobs cost together, in millions of rounds.
local function cost(jobs)
  local random, sum = heddle.rng(SEED), 0
  for _ = 1, jobs do sum = sum + 0.5 + random() end
  return sum
end

local function demo(w, model, workers)
  local jobs = tonumber(os.getenv("BENCH_JOBS")) or 20
  local command = ("%s demo %s --jobs=%d --seed=%d --workers=%d --time=600 >&2"):format(
    os.getenv("HEDDLE") or "build/heddle", model, jobs, SEED, workers)
  local t = harness.now()
  assert(os.execute(command))
  harness.report(w, model, { cost(jobs) / (harness.now() - t) }, "Mrounds/s")
end

-- As many workers as cores: with the reference's four, this seed's last jobs allow 1.92 at most.
function works.demo_sequential(w) demo(w, "coroutines", 1) end
function works.demo_threads(w) demo(w, "threads", 2) end
function works.demo_isolates(w) demo(w, "isolates", 2) end
function works.demo_processes(w) demo(w, "processes", 2) end

harness.main(works)
