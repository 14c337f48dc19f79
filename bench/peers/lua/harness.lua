-- Shared by the programs in plain Lua and Lua with luv: calibration and the line of JSON.
-- The clock is luv's, since plain Lua has no wall clock with fractions.
local uv = require "luv"
local harness = {
  seconds = tonumber(os.getenv("BENCH_SECONDS")) or 0.4,
  reps = tonumber(os.getenv("BENCH_REPS")) or 3,
}

function harness.now() return uv.hrtime() / 1e9 end

function harness.report(peer, work, variant, values, unit)
  table.sort(values)
  local n = #values
  local form = '{"peer":"%s","work":"%s","variant":"%s","value":%.6g,"unit":"%s",'
    .. '"min":%.6g,"max":%.6g}'
  print(form:format(peer, work, variant, values[n // 2 + 1], unit, values[1], values[n]))
end

-- fn(n) performs n operations and returns the seconds they took.
function harness.rate(peer, work, variant, fn, first, unit)
  local n, seconds = first, harness.seconds
  local t = fn(n)
  while t < seconds / 5 do
    n = math.max(n * 2, math.floor(n * (t > 0.001 and seconds / 3 / t or 10)))
    t = fn(n)
  end
  n = math.max(first, math.floor(n * seconds / t))
  local v = {}
  for i = 1, harness.reps do v[i] = n / fn(n) end
  harness.report(peer, work, variant, v, unit)
end

function harness.rss()
  local f = assert(io.open("/proc/self/statm"))
  local pages = f:read("a"):match("%d+ (%d+)")
  f:close()
  return tonumber(pages) * 4096
end

return harness
