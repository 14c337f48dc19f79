-- What every program and worker begins and ends with: called by the host, not by scripts.
local loop = require "heddle.native.loop"
local task = require "heddle.native.task"
local worker = require "heddle.native.worker"

local boot = {}

local GRACE = 2 -- seconds that daemons get to clean up


local function stop(handle)
  if worker.model_of(handle) ~= "process" then
    handle:cancel { hard = true }
  elseif handle:kill() then
    handle:traceback() -- asked for: this death is no failure to report
  end
end


-- Waits for the workers of this interpreter and the tasks of this OS thread that are to be waited
-- for.
local function wait_for_all()
  local again
  repeat
    again = false
    for _, handle in ipairs(worker.live()) do
      if not worker.is_daemon(handle) then
        again = true
        handle:join()
      end
    end
    for _, handle in ipairs(task.others(false, true)) do -- one of ours may wait for a daemon
      again = true
      handle:join()
    end
  until not again
end


-- Waits for what is to be waited for, then ends what is not: pools that were left open, once they
-- have done their jobs, and daemons.
function boot.close_workers()
  wait_for_all()
  local pool = package.loaded["heddle.pool"]
  if pool then pool.finish() end
  local daemons = worker.live()
  for _, handle in ipairs(daemons) do stop(handle) end
  for _, handle in ipairs(daemons) do handle:join(GRACE) end
end


-- The same for the main task of the program: it stays for whatever else keeps this OS thread, too,
-- since Ctrl-C is raised in it.
local function close_all()
  repeat
    repeat
      wait_for_all()
      loop.rest()
    until #task.others(false, true) == 0
    boot.close_workers()
    local others = task.others()
    for _, handle in ipairs(others) do handle:join() end
  until #others == 0
end


-- Every task and worker is asked to stop, then made to. Pools begin no more jobs.
function boot.stop_all()
  local pool = package.loaded["heddle.pool"]
  if pool then pool.stop() end
  loop.release()
  local live, tasks = worker.live(), task.others(true)
  for _, handle in ipairs(live) do handle:cancel() end
  for _, handle in ipairs(tasks) do handle:cancel() end
  for _, handle in ipairs(live) do
    if not handle:join(0.5) then stop(handle) end
  end
  for _, handle in ipairs(tasks) do
    if not handle:join(0.5) then handle:cancel { hard = true } end
  end
  for _, handle in ipairs(live) do handle:join(GRACE) end
end


local function interrupted(err)
  return type(err) == "table" and err.code == "cancelled" and err.reason == "interrupted"
end


-- The main task: runs the command line, waits for what it started, returns the exit status.
function boot.main(argv)
  local ok, status = xpcall(require("heddle.cli").main, function(err)
    return interrupted(err) and err or debug.traceback(tostring(err), 2)
  end, argv)
  if not ok and not interrupted(status) then io.stderr:write("heddle: ", status, "\n") end
  if not ok then status = interrupted(status) and 130 or 1 end
  local closed, why = true, nil
  if status ~= 130 then closed, why = pcall(close_all) end
  if not closed and interrupted(why) then status = 130 end
  if status == 130 then boot.stop_all() end
  if ok then status = require("heddle.cli").finish(status) end
  worker.report_unread()
  return status
end


return boot
