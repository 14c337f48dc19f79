-- Shared by our programs: calibration and the line of JSON, the same protocol as the peers'.
-- BENCH_SECONDS and BENCH_REPS in the environment say how long and how often.
local heddle = require "heddle"
local harness = {
  now = heddle.now,
  seconds = tonumber(os.getenv("BENCH_SECONDS")) or 0.4,
  reps = tonumber(os.getenv("BENCH_REPS")) or 3,
}

function harness.report(work, variant, values, unit)
  table.sort(values)
  local n = #values
  local form = '{"peer":"heddle","work":"%s","variant":"%s","value":%.6g,"unit":"%s",'
    .. '"min":%.6g,"max":%.6g}'
  print(form:format(work, variant, values[n // 2 + 1], unit, values[1], values[n]))
end

-- fn(n) performs n operations and returns the seconds they took.
function harness.rate(work, variant, fn, first, unit)
  local n, seconds = first, harness.seconds
  local t = fn(n)
  while t < seconds / 5 do
    n = math.max(n * 2, math.floor(n * (t > 0.001 and seconds / 3 / t or 10)))
    t = fn(n)
  end
  n = math.max(first, math.floor(n * seconds / t))
  local v = {}
  for i = 1, harness.reps do v[i] = n / fn(n) end
  harness.report(work, variant, v, unit)
end

-- Runs the work named on the command line.
function harness.main(works)
  local work = works[arg[1]]
  if not work then
    io.stderr:write("works: ", table.concat(harness.names(works), " "), "\n")
    os.exit(3)
  end
  work(arg[1])
end

function harness.names(works)
  local names = {}
  for name in pairs(works) do names[#names + 1] = name end
  table.sort(names)
  return names
end

return harness
