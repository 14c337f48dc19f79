-- Runs the specs:
--
--   EXECUTABLE spec/run.lua [--limit=S] [--case=S] [--only=PATTERN] [--jobs=N] [FILE...]
--
-- Each file runs in a process of its own under a time limit (--limit, seconds), each of its cases
-- under another one (--case); without FILEs all of spec/*_spec.lua run. What a case printed is
-- shown where it failed. The last line is `N passed, N failed`; the exit status is 1 on failure.
-- Environment: HEDDLE (the executable, else the one that runs this), HEDDLE_FLAVOUR (of the build),
-- HEDDLE_SLACK (multiplies every limit).

package.path = "./?.lua;" .. package.path
local helper = require "spec.helper"

local flags = { limit = 120, case = 30, jobs = 1 }
local files = {}

local function usage(what)
  io.stderr:write("spec/run.lua: ", what, "\n")
  os.exit(2)
end

local function parse(words)
  for _, word in ipairs(words) do
    local name, value = word:match "^%-%-(%w+)=(.*)$"
    if name == "only" or name == "child" then
      flags[name] = value
    elseif name then
      flags[name] = flags[name] and tonumber(value) or usage("unknown flag or bad number: " .. word)
    elseif word:sub(1, 1) == "-" then
      usage("unknown flag: " .. word)
    else
      files[#files + 1] = word
    end
  end
end

-- The specs of the folder in order of name.
local function all_specs()
  local found = {}
  for name in require("lfs").dir "spec" do
    if name:find "_spec%.lua$" then found[#found + 1] = "spec/" .. name end
  end
  table.sort(found)
  return found
end

local SHELL_LIMIT = 30 -- seconds that a child's shell may need beside the child's own limit

-- Starts the child for one file; its output goes to a log, its exit status to a file beside that.
local function launch(file, log)
  local words = { "timeout", "-k", "5", flags.limit * helper.slack }
  table.move({ helper.executable, "spec/run.lua", "--child=" .. file }, 1, 3, #words + 1, words)
  words[#words + 1] = "--case=" .. flags.case
  if flags.only then words[#words + 1] = "--only=" .. flags.only end
  for i, word in ipairs(words) do words[i] = helper.quote(word) end
  local line = ("%s >%s 2>&1 </dev/null; echo $? >%s"):format(table.concat(words, " "),
    helper.quote(log), helper.quote(log .. ".status"))
  os.remove(log .. ".status")
  return { file = file, log = log, begun = helper.now(), shell = assert(io.popen(line)) }
end

-- The exit status of a child that was launched; nil while it runs.
local function status_of(job)
  local status = tonumber(helper.slurp(job.log .. ".status"))
  if status then
    job.shell:close()
  elseif helper.now() > job.begun + flags.limit * helper.slack + SHELL_LIMIT then
    status = 1
  end
  return status
end

local function indented(text)
  return (("\n" .. text:gsub("%s+$", "")):gsub("\n", "\n    "):sub(2))
end

local function show_failure(file, name, text)
  print(("FAIL %s: %s"):format(file, name))
  print(indented(text))
end

local endings = { [124] = "ran out of its time limit", [137] = "was killed (time limit?)" }

-- Reads a child's log, a sequence of records "\1KIND TEXT\n" and the output after each (see
-- spec/child.lua), and prints what failed or is pending. Returns how many passed, failed and are
-- pending.
local function judge(file, log, status)
  local passed, failed, pending = 0, 0, 0
  local case, output, done, last = nil, "", false, ""
  for record in ("\1start \n" .. log):gmatch "\1([^\1]*)" do
    local kind, name, rest = record:match "^(%w+) ([^\n]*)\n?(.*)$"
    last = rest or record
    if kind == "case" then
      case, output = name, rest
    elseif kind == "pass" then
      passed, case = passed + 1, nil
    elseif kind == "fail" then
      failed, case = failed + 1, nil
      show_failure(file, name, output .. rest)
      output = ""
    elseif kind == "pending" then
      pending, case = pending + 1, nil
      print(("PENDING %s: %s"):format(file, name))
    elseif kind == "done" then
      done = true
    end
  end
  if status ~= 0 or not done then
    failed = failed + 1
    local why = endings[status] or ("ended with exit status " .. status)
    if not done and not endings[status] then why = why .. " before its last case was over" end
    show_failure(file, "the file " .. why .. (case and " in case: " .. case or ""), last)
  end
  return passed, failed, pending
end

local function report(job, status, total)
  local passed, failed, pending = judge(job.file, helper.slurp(job.log), status)
  print(("%-32s %3d passed, %d failed%s  %5.1f s"):format(job.file, passed, failed,
    pending > 0 and (", " .. pending .. " pending") or "", helper.now() - job.begun))
  total.passed, total.failed = total.passed + passed, total.failed + failed
  total.pending = total.pending + pending
end

local function run_all()
  local total = { passed = 0, failed = 0, pending = 0 }
  local running, started = {}, 0
  local folder = "build/spec/" .. helper.flavour
  os.execute("mkdir -p " .. helper.quote(folder))
  while started < #files or #running > 0 do
    while started < #files and #running < flags.jobs do
      started = started + 1
      local log = folder .. "/" .. files[started]:gsub("[/.]", "-") .. ".log"
      running[#running + 1] = launch(files[started], log)
    end
    helper.sleep(0.01)
    for i = #running, 1, -1 do
      local status = status_of(running[i])
      if status then report(table.remove(running, i), status, total) end
    end
  end
  if total.pending > 0 then print(total.pending .. " pending") end
  print(("%d passed, %d failed"):format(total.passed, total.failed))
  return total.failed == 0
end

parse(arg)
io.stdout:setvbuf "line"
if flags.child then
  require "spec.child"(flags)
else
  if #files == 0 then files = all_specs() end
  if not run_all() then os.exit(1) end
end
