-- Our side of the works of pools: many tiny jobs, and jobs that only compute.
-- usage: heddle pool.lua WORK
package.path = (arg[0]:match("^(.*)/") or ".") .. "/?.lua;" .. package.path
local harness = require "harness"
local pool = require "heddle.pool"
local now = harness.now
local works = {}

-- ---- n*n over a list
local MOST = 100000 -- items of one map, as for the peers

local function square(n) return n * n end

local function map_tiny(w, model, chunk)
  local p <close> = pool.new(model, 2)
  local list = {}
  for i = 1, MOST do list[i] = i end
  local function once()
    local t = now()
    local squares = p:map(square, list, { chunk = chunk })
    t = now() - t
    assert(squares[MOST] == MOST * MOST)
    return t
  end
  once()
  harness.rate(w, "pool:map, chunk " .. chunk, function(n)
    local t = 0
    for _ = 1, n // MOST do t = t + once() end
    return t
  end, MOST, "jobs/s")
end

for _, model in ipairs { "isolate", "process", "thread", "coroutine" } do
  for _, chunk in ipairs { 1, 100 } do
    works[("pool_map_tiny_%d_%s"):format(chunk, model)] = function(w) map_tiny(w, model, chunk) end
  end
end

-- ---- 64 jobs of about 50 ms
local JOBS = 64

-- Has divisors looked for in a prime.
local function compute()
  local n, found = 112272535095293, 0
  for d = 3, 4e6, 2 do
    if n % d == 0 then found = found + 1 end
  end
  return found
end

local function report_jobs(w, variant, run)
  local v = {}
  for i = 1, harness.reps do
    local t = now()
    run()
    v[i] = JOBS / (now() - t)
  end
  harness.report(w, variant, v, "jobs/s")
end

function works.pool_sequential(w)
  report_jobs(w, "one after the other", function()
    for _ = 1, JOBS do compute() end
  end)
end

local function speedup(w, model)
  local p <close> = pool.new(model, 2)
  local list = {}
  for i = 1, JOBS do list[i] = i end
  p:map(square, list)
  report_jobs(w, "pool:map", function() p:map(compute, list) end)
end

function works.pool_speedup_isolate(w) speedup(w, "isolate") end
function works.pool_speedup_process(w) speedup(w, "process") end

harness.main(works)
