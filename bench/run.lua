-- Runs ours and the peers' programs in turn, several starts of each, and prints the ratios.
-- Plain Lua: needs nothing of heddle but its interpreter. See bench/run for the usage.
package.path = "bench/?.lua;" .. package.path
local works = require "works"
local program = require "program"
local quiet = require "quiet"
local report = require "report"

local settings = { rounds = 5, reps = 1, seconds = 0.5, jobs = 20, limit = 60 }
local QUICK = { rounds = 3, reps = 1, seconds = 0.15, jobs = 4, limit = 30 }

local DOCS = "docs/BENCHMARKS.md"

local function fail(...)
  io.stderr:write("bench/run: ", string.format(...), "\n")
  os.exit(2)
end

-- ---- one work: all its programs, in rounds

-- The programs of a work: ours first, each with a list of figures by round.
local function entries(work)
  local list = { { program = "heddle", script = work.script, work = work.work or work.name } }
  for _, peer in ipairs(work.peers) do
    if settings.peers == nil or settings.peers[peer.program:match("%a+")] then
      list[#list + 1] = {
        program = peer.program, work = peer.work, script = work.script, target = peer.target,
      }
    end
  end
  for _, e in ipairs(list) do e.values, e.failures = {}, 0 end
  return list
end

-- One start; after two failures a program is left out.
local function measure(entry, round, work)
  if entry.failures >= 2 or not program.available(entry.program) then return end
  quiet.wait()
  local value, variant = program.start(entry, work, settings)
  if value then
    entry.values[round], entry.variant = value, variant
  else
    entry.failures, entry.error = entry.failures + 1, variant
  end
end

-- Each round begins with another program, so that a slow spell of the machine hits all alike.
local function run(work)
  local list = entries(work)
  for round = 1, settings.rounds do
    for i = 0, #list - 1 do
      measure(list[(i + round - 1) % #list + 1], round, work)
    end
  end
  return list
end

local function machine()
  local line = program.shell([[printf '%s, %s cores,%s, Linux %s' "$(date +%F)" "$(nproc)" ]]
    .. [["$(sed -n 's/^model name.*://p' /proc/cpuinfo | head -n 1)" "$(uname -r)"]])
  return ("%s; %d starts of each program, %d repetition(s) of %g s in each"):format(line,
    settings.rounds, settings.reps, settings.seconds)
end

-- Puts the text between the two marks of the page.
local function write_docs(text)
  local f = assert(io.open(DOCS))
  local page = f:read("a")
  f:close()
  local before, after = page:match("^(.-<!%-%- table %-%->\n).-(<!%-%- end %-%->.*)$")
  if not before then fail("%s has no marks for the table", DOCS) end
  f = assert(io.open(DOCS, "w"))
  f:write(before, text, "\n", after)
  f:close()
end

-- ---- the command line

local flags = {
  quick = function() for k, v in pairs(QUICK) do settings[k] = v end end,
  markdown = function() settings.markdown = true end,
  docs = function() settings.docs = true end,
  list = function()
    for _, work in ipairs(works) do print(work.name) end
    os.exit(0)
  end,
  rounds = function(value)
    settings.rounds = math.tointeger(tonumber(value)) or 0
    if settings.rounds < 1 then fail("--rounds: a whole number >= 1 expected, got %s", value) end
  end,
  wait = function(value)
    quiet.patience = tonumber(value) or fail("--wait: seconds expected, got %s", value)
  end,
  peers = function(value)
    settings.peers = {}
    for name in (value or ""):gmatch("[^,]+") do
      if not works.programs[name] then fail("--peers: no peer is called %s", name) end
      settings.peers[name] = true
    end
    settings.peers.heddle = true
  end,
}

local function parse(args)
  local wanted = {}
  for _, a in ipairs(args) do
    local flag, value = a:match("^%-%-(%a+)=?(.*)$")
    if flag and flags[flag] then flags[flag](value)
    elseif a:match("^%-") then fail("unknown option %s", a)
    else wanted[#wanted + 1] = a
    end
  end
  return wanted
end

-- The work of that name, else all whose name begins so.
local function find(name)
  local list = {}
  for _, work in ipairs(works) do
    if work.name == name then return { work } end
    if work.name:sub(1, #name) == name then list[#list + 1] = work end
  end
  if #list == 0 then fail("no work is called %s; --list lists them", name) end
  return list
end

-- The works wanted; all when none is named.
local function choose(wanted)
  if #wanted == 0 then return works end
  local list = {}
  for _, name in ipairs(wanted) do
    for _, work in ipairs(find(name)) do list[#list + 1] = work end
  end
  return list
end

local function main()
  local chosen, rows = choose(parse(arg)), {}
  local head = machine()
  for i, work in ipairs(chosen) do
    io.stderr:write(("[%d/%d] %s\n"):format(i, #chosen, work.name))
    report.add(rows, work, run(work))
  end
  local last = report.summary(rows)
  if settings.docs then
    write_docs(("%s.\n\n%s\n\n%s."):format(head, report.markdown(rows), last))
  else
    local form = settings.markdown and report.markdown or report.text
    print(("%s\n\n%s\n\n%s"):format(head, form(rows), last))
  end
end

main()
