-- Starts one benchmark program once, under a time limit, and reads its figure.
local works = require "works"

local program = {}
local ERRORS = "build/bench/errors.txt"

-- Runs a shell command; returns what it printed and its exit code.
function program.shell(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  local _, how, code = pipe:close()
  return text, how == "signal" and 128 + code or code or 0
end

local available = {}

-- Whether the program is on this machine; says so once if it is not.
function program.available(name)
  if available[name] == nil then
    local _, code = program.shell(works.programs[name].probe .. " 2>&1")
    available[name] = code == 0
    if code ~= 0 then io.stderr:write(name, ": not on this machine, skipped\n") end
  end
  return available[name]
end

-- The first core that this program may use.
local function first_core()
  for line in io.lines("/proc/self/status") do
    local core = line:match("^Cpus_allowed_list:%s*(%d+)")
    if core then return core end
  end
end

local function why_failed(code)
  if code == 124 or code == 137 then return "timed out" end
  local last
  for line in io.lines(ERRORS) do
    if line:match("%S") and not (last and line:match("^%s")) then last = line end
  end
  return ("exit %d: %s"):format(code, last or "no message")
end

-- Starts the program of `entry` once, with the options of the work and the settings of the run.
-- Returns its figure and what it calls the variant, or nil and why not.
function program.start(entry, options, settings)
  local command = works.programs[entry.program].command
  if entry.program == "heddle" or entry.program == "bare" then
    command = command:format(entry.script, entry.work)
  else
    command = command:format(entry.work)
  end
  local limit = settings.limit * (options.slow and 4 or 1)
  local text, code = program.shell(
    ("export BENCH_SECONDS=%g BENCH_REPS=%d BENCH_JOBS=%d; timeout -k 2 %d %s%s 2>%s"):format(
      settings.seconds, options.reps or settings.reps, settings.jobs, limit,
      options.pinned and "taskset -c " .. first_core() .. " " or "", command, ERRORS))
  local value = tonumber(text:match('"value":([%d.e+-]+)'))
  if code ~= 0 or not value or value <= 0 then return nil, why_failed(code) end
  return value, text:match('"variant":"([^"]*)"')
end

return program
