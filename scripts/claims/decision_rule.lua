-- What to use depends on what the work waits for: the rule is printed from what was measured here.
-- Eight jobs that wait and eight that compute run under each model; of the models that are about as
-- fast as the fastest the lightest one is advised.
--
-- From: roundup (The right tool for the job; In short), concepts (Multiprocessing vs Multithreading
-- vs Async), demo
-- Unlike Python: the rule there is `if io_bound: …`, printed and never measured.

local heddle = require "heddle"

local JOBS = 8
local MODELS = { "coroutines", "threads", "isolates", "processes" } -- the lightest first

local function io_bound() heddle.sleep(0.15) end
local function cpu_bound()
  for _ = 1, 4000000 do end
end

local function sequential(job)
  local began = heddle.now()
  for _ = 1, JOBS do job() end
  return heddle.now() - began
end

local function under(model, job)
  local began, workers = heddle.now(), {}
  for i = 1, JOBS do workers[i] = heddle.model(model).start(job) end
  for _, w in ipairs(workers) do w:join() end
  return heddle.now() - began
end

local function advise(what, job)
  local one_by_one = sequential(job)
  local best, times = one_by_one, {}
  print(("%s: one after the other %.2f s"):format(what, one_by_one))
  for _, model in ipairs(MODELS) do
    times[model] = under(model, job)
    best = math.min(best, times[model])
    local gain = one_by_one / times[model]
    print(("  %-11s %.2f s, %.1f times as fast"):format(model, times[model], gain))
  end
  for _, model in ipairs(MODELS) do
    if times[model] <= 1.3 * best then return model end
  end
  return "no concurrency"
end

local for_io, for_cpu = advise("I/O-bound", io_bound), advise("CPU-bound", cpu_bound)
print(("if io_bound then use %s else use %s end"):format(for_io, for_cpu))
