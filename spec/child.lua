-- Runs one spec file with busted inside this process and tells the parent (spec/run.lua) about it
-- in records of the form "\1KIND TEXT\n": case NAME, pass SECONDS, fail NAME (the reason follows),
-- pending NAME: REASON, and at last done. Every case runs under a time limit, and nothing it made
-- may be left after it (spec/leaks.lua).

local helper = require "spec.helper"
local leaks = require "spec.leaks"

local current -- the case being run: {name=, failures=, pending=, before=, begun=}

local function tell(kind, text)
  io.stdout:write("\1", kind, " ", (text:gsub("\n", " ", kind == "fail" and 0 or nil)), "\n")
  io.stdout:flush()
end

local function tell_failure(name, failures)
  tell("fail", name:gsub("\n", " ") .. "\n" .. table.concat(failures, "\n"))
end

-- "spec title describe title case title"
local function full_name(busted, element)
  local names = {}
  while element and element.descriptor and element.descriptor ~= "file" do
    table.insert(names, 1, element.name)
    element = busted.context.parent(element)
  end
  return table.concat(names, " ")
end

local function finish_case()
  local case = current
  current = nil
  if #case.failures > 0 then
    tell_failure(case.name or "a hook before a case", case.failures)
  elseif not case.name then
    return -- nothing ran
  elseif case.pending then
    tell("pending", case.name .. ": " .. case.pending)
  else
    tell("pass", ("%.3f"):format(helper.now() - case.begun))
  end
end

-- What went wrong in a case, or outside of any (a file that does not compile, a failing setup).
local function note(text, element)
  if current then
    table.insert(current.failures, text)
  else
    tell_failure(tostring(element and (element.name or element.descriptor) or "?"), { text })
  end
end

-- Keeps the error's traceback, which is lost on its way from the case's task to busted; without the
-- runner's own part of it.
local function with_trace(err)
  local trace = debug.traceback("", 2):gsub("\n[^\n]*\n[^\n]*spec/child%.lua.*", "")
  if current then current.trace = trace end
  return err
end

-- A case that ran out of its time: stopped softly, then hard; the program can't go on where that
-- does not help.
local function stop(handle, limit)
  local where = ""
  local heddle = require "heddle"
  if heddle.ps then where = "\n" .. tostring(heddle.ps()) end
  handle:cancel()
  if not handle:join(1) then handle:cancel { hard = true } end
  if not handle:join(2) then
    note(("no end within %g s, and it could not be stopped%s"):format(limit, where))
    finish_case()
    os.exit(1)
  end
  error(("no end within %g s%s"):format(limit, where), 0)
end

-- Runs a case's function in a task of its own under the limit; its error is raised as it came. On a
-- plain Lua it just runs.
local function guarded(run, limit)
  local has_tasks, task = pcall(require, "heddle.task")
  if not has_tasks then
    return function()
      local ok, err = xpcall(run, with_trace)
      if not ok then error(err, 0) end
    end
  end
  return function()
    local ok, err
    local handle = task.start({ name = "case" }, function() ok, err = xpcall(run, with_trace) end)
    if not handle:join(limit) then stop(handle, limit) end
    if ok == nil then handle:result() end
    if not ok then error(err, 0) end
  end
end

-- The message without the runner's own line, which busted puts before one that names no place.
local function without_position(message)
  return (tostring(message):gsub("^[^\n]*spec/child%.lua:%d+: ", ""))
end

local function subscribe(busted, flags)
  busted.subscribe({ "test", "start" }, function(element)
    current = current or { failures = {}, begun = helper.now() }
    current.name = full_name(busted, element)
    tell("case", current.name)
    if element.descriptor == "pending" then
      current.pending = "no reason given"
      finish_case()
    else
      element.run = guarded(element.run, (helper.case_limit or flags.case) * helper.slack)
    end
    return nil, true
  end)
  busted.subscribe({ "pending" }, function(_, _, message)
    if current then current.pending = without_position(message or "no reason given") end
    return nil, true
  end)
  for _, kind in ipairs { "failure", "error" } do
    busted.subscribe({ kind }, function(element, _, message)
      local trace = current and current.trace or ""
      note((kind == "error" and "error: " or "") .. without_position(message) .. trace, element)
      return nil, true
    end)
  end
end

-- The hooks around every case; as the root's they are the first before it and the last after it.
local function watch(busted)
  busted.executors.before_each(function()
    current = { failures = {}, begun = helper.now(), before = leaks.snapshot() }
  end)
  busted.executors.after_each(function()
    local left = leaks.left_since(current.before)
    if left then
      table.insert(current.failures, "left behind: " .. left)
      leaks.cancel_since(current.before)
    end
    finish_case()
  end)
end

-- What the engine makes once and keeps (the reaper of processes, the fork server) is no leak of the
-- case that happens to need it first.
local function warm_up()
  for _, model in ipairs(helper.models) do
    local ok, module = pcall(require, "heddle." .. model)
    for _, method in ipairs(ok and module.methods and module.methods() or { false }) do
      local options = { method = method or nil }
      if ok then module.start(options, function() end):join(10 * helper.slack) end
    end
  end
end

return function(flags)
  helper.preload()
  warm_up()
  local busted = require "busted.core"()
  require "busted"(busted)
  require "busted.languages.en"
  busted.register("file", "file", {})
  subscribe(busted, flags)
  if flags.only then
    local filter = { tags = {}, excludeTags = {}, filterOut = {}, filter = { flags.only } }
    require "busted.modules.filter_loader"()(busted, filter)
  end
  watch(busted)
  local load_files = require "busted.modules.test_file_loader"(busted, { "lua" })
  load_files({ flags.child }, {}, { excludes = {} })
  require "busted.execute"(busted)(1, {})
  tell("done", "")
end
