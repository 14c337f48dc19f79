--- The REPL: each entry is a task on the live loop, so that it may block while background tasks go
-- on. At a terminal with line editing, history and completion; from a pipe without a prompt.
-- Stands on: heddle.files, heddle.native.repl, heddle.repl_entry, heddle.repl_error,
-- heddle.repl_complete, heddle.repl_tools, heddle.pretty.

local complete_line = require("heddle.repl_complete").answer
local entry = require "heddle.repl_entry"
local files = require "heddle.files"
local native = require "heddle.native.repl"
local pretty = require "heddle.pretty"
local repl_error = require "heddle.repl_error"
local task = require "heddle.task"
local tools = require "heddle.repl_tools"
local usage = require "heddle.usage"

local repl = {}

local PROMPT, MORE = "> ", ">> "
local HELP = [[
Type Lua; values are printed without `return`. Calls that wait let background tasks go on.
  help(x)  what x is          src(f)   its source          time(f)  how long it takes
  ps()     what lives         tree()   the same as a tree  locks()  who holds what
  gil()    the GIL's figures  kill(id) stops one           trace.on() trace.save(path)
  .load FILE   runs a file here          .save FILE   writes what was entered to a file
  .editor      a longer entry in $EDITOR .help .exit
heddle's modules are at hand: task, thread, isolate, process, sync, queue, pool …
Tab completes, Ctrl-R searches the history, Ctrl-C stops the entry, Ctrl-D leaves.]]

-- What an entry does to the globals of these names stays its own.
local globals, io, ipairs, os, pcall, print = _G, io, ipairs, os, pcall, print
local require, table, type = require, table, type

local state -- of the session: interactive, main task's handle, entered sources, failed


local function complain(text) io.stderr:write(text, "\n") end


local function is_cancel(err) return type(err) == "table" and err.code == "cancelled" end


local function is_interrupt(err) return is_cancel(err) and err.reason == "interrupted" end


-- Entries ----------------------------------------------------------------------------------------

local function print_values(values)
  if values.n == 0 then return end
  local texts = {}
  for i = 1, values.n do texts[i] = pretty.text(values[i]) end
  if state.interactive then native.end_line() end
  print(table.concat(texts, "\t"))
  globals._ = values[1]
end


local function report(handle, err)
  state.failed = true
  if is_cancel(err) then
    return complain(is_interrupt(err) and "\ninterrupted" or "the entry was cancelled")
  end
  local text = type(err) == "string" and err or pretty.text(err)
  local trace = handle:traceback()
  if trace and not text:find("\nstack traceback:", 1, true) then text = text .. "\n" .. trace end
  complain(repl_error.with_sources(text))
end


--- Waits for a task that is in front meanwhile: a deadlock, and at a terminal Ctrl-C, stop that
--- one. Returns what pcall would.
local function await(handle)
  local in_front = state.interactive and native.foreground or native.entry
  in_front(handle)
  local results = table.pack(pcall(handle.result, handle))
  in_front(state.interactive and state.main or nil)
  if handle:alive() then handle:cancel() end -- from a pipe Ctrl-C is raised here
  return results
end


--- Shows what came of an entry; what is shown may have code of its own, which Ctrl-C stops.
local function show(handle, results)
  local name = { name = "Answer-" .. #state.entered + 1 }
  local shown = await(task.start(name, function()
    if not results[1] then return report(handle, results[2]) end
    print_values { n = results.n - 1, table.unpack(results, 2, results.n) }
  end))
  if shown[1] then return end
  state.failed = true
  complain(is_interrupt(shown[2]) and "\ninterrupted" or "the answer can't be shown: " ..
    (type(shown[2]) == "string" and shown[2] or type(shown[2])))
end


--- Runs a function as an entry; returns whether it succeeded.
local function run(fn)
  local handle = task.start({ name = "Entry-" .. #state.entered + 1 }, fn)
  local results = await(handle)
  show(handle, results)
  return results[1]
end


local function run_source(source, label)
  local fn, why = entry.compile(source, label)
  if not fn then
    state.failed = true
    complain(why)
    return false
  end
  return run(fn)
end


-- Commands ---------------------------------------------------------------------------------------

local commands = {}


commands["help"] = function() print(HELP) end


commands["exit"] = function() state.leaving = true end


local function expand(path)
  return (path:gsub("^~/", (os.getenv "HOME" or "~") .. "/"))
end


commands["load"] = function(path)
  path = expand(path)
  local file, why = io.open(path, "r")
  if not file then return complain(why) end
  local source = file:read("a"):gsub("^#[^\n]*", "")
  file:close()
  if run_source(source, path) then state.entered[#state.entered + 1] = source end
end


commands["save"] = function(path)
  path = expand(path)
  local file, why = io.open(path, "w")
  if not file then return complain(why) end
  local fine, problem = file:write(table.concat(state.entered, "\n"), "\n")
  if fine then fine, problem = file:close() end
  if not fine then complain(problem) end
end


local function edited(path)
  local editor = os.getenv "VISUAL" or os.getenv "EDITOR" or "vi"
  native.pause(true)
  local fine = os.execute(editor .. " '" .. path .. "'")
  native.pause(false)
  return fine
end


commands["editor"] = function()
  if not state.interactive then return complain ".editor needs a terminal" end
  local stem = os.tmpname()
  local path = stem .. ".lua"
  local fine = edited(path)
  local source = files.slurp(path) or ""
  os.remove(path)
  os.remove(stem)
  if not fine then return complain "the editor failed: nothing was run" end
  if source:find "%S" and run_source(source) then state.entered[#state.entered + 1] = source end
end

local COMMANDS = { "load", "save", "editor", "help", "exit" }
local WITH_PATH = { load = true, save = true }


--- Runs the line as a command; false if it is none.
local function command(line)
  local name, rest = line:match "^%s*%.(%a+)%s*(.-)%s*$"
  if not name then return false end
  if not commands[name] then
    local near = usage.nearest(name, COMMANDS)
    local hint = near and (": did you mean .%s?"):format(near)
      or ": the commands are .load .save .editor .help .exit"
    complain(("unknown command .%s%s"):format(name, hint))
  elseif WITH_PATH[name] and rest == "" then
    complain(("usage: .%s FILE"):format(name))
  else
    commands[name](rest)
  end
  return true
end


-- Lines ------------------------------------------------------------------------------------------

--- Deals with a line; returns what is still unfinished.
local function take(unfinished, line)
  if not unfinished and (not line:find "%S" or command(line)) then return nil end
  local source = unfinished and unfinished .. "\n" .. line or line
  local fn, why = entry.compile(source)
  if why == "unfinished" then return source end
  if not fn then
    state.failed = true
    complain(why)
  elseif run(fn) then
    state.entered[#state.entered + 1] = source
  end
  return nil
end


--- Answers what could stand behind `text`. Looking fields up may run code: a task of its own does.
local function complete(text)
  local results = await(task.start({ name = "Completion" }, function()
    return complete_line(text, globals, tools.names())
  end))
  native.answer(results[1] and results[2] or "", results[1] and results[3] or "")
end


--- A line from the terminal; nil at Ctrl-D, false after Ctrl-C.
local function typed(prompt)
  native.ask(prompt)
  while true do
    local what, text = native.wait()
    if what == "line" then return (text:gsub("\n$", "")) end
    if what == "end" then return nil end
    if what == "complete" then
      complete(text)
    else
      if not text then complain "\ninterrupted" end -- else the line says so
      return false
    end
  end
end


local function live_workers()
  local n = 0
  for _, model in ipairs { "thread", "isolate", "process" } do
    for _, handle in ipairs(require("heddle." .. model).list()) do
      if handle.name ~= "main" then n = n + 1 end
    end
  end
  return n + #require("heddle.native.task").others()
end


local function may_leave()
  local n = live_workers()
  if n == 0 then return true end
  local answer = typed(("%d still running: stop and leave? [y/N] "):format(n))
  return answer == nil or answer and answer:lower():find "^%s*y" ~= nil
end


--- One turn at the terminal; returns what is still unfinished.
local function turn(unfinished)
  local line = typed(unfinished and MORE or PROMPT)
  if line == nil and unfinished then
    complain(entry.problem(unfinished))
  elseif line == nil then
    state.leaving = may_leave()
  end
  if not line then return nil end
  if line:find "%S" then native.remember(line) end
  return take(unfinished, line)
end


local function converse()
  local unfinished
  while not state.leaving do unfinished = turn(unfinished) end
  require("heddle.boot").stop_all()
end


--- From a pipe: no prompt, no colour.
local function read_pipe()
  local input, unfinished = require "heddle.input", nil
  while not state.leaving do
    local line = input()
    if not line then break end
    unfinished = take(unfinished, line)
  end
  if unfinished then
    state.failed = true
    complain(entry.problem(unfinished))
  end
  return state.failed and 1 or 0
end


-- Files ------------------------------------------------------------------------------------------

local function home(variable, default)
  local folder = os.getenv(variable)
  if folder and folder:sub(1, 1) == "/" then return folder end
  return (os.getenv "HOME" or "") .. default
end


local function history_path()
  return home("XDG_STATE_HOME", "/.local/state") .. "/heddle/history"
end


local function run_rc()
  local path = home("XDG_CONFIG_HOME", "/.config") .. "/heddle/rc.lua"
  local source = files.slurp(path)
  if source then run_source(source, path) end
end


local function save_history()
  local saved, problem = native.save(history_path())
  if not saved then complain("heddle: the history was not saved: " .. problem) end
end


--- os.exit in an entry leaves as .exit does: what was printed is seen, what was typed is kept.
local function keep_at_exit()
  local process, exit = require "heddle.process", os.exit
  local home_pid = process.current().pid
  os.exit = function(...) -- luacheck: ignore
    if process.current().pid == home_pid then
      save_history()
      native.flush()
    end
    exit(...)
  end
end


local function at_terminal()
  local opened, why = native.open(history_path())
  if not opened then
    complain("heddle: " .. why)
    state.interactive = false
    return read_pipe()
  end
  keep_at_exit()
  run_rc()
  print(("heddle %s on %s, %d cores. .help says more; Ctrl-D leaves."):format(
    require("heddle")._VERSION, _VERSION, (require("heddle").cores())))
  converse()
  save_history()
  native.close()
  return 0
end


---Runs the REPL on standard input until it ends.
---@return integer status  of the program: 0, or 1 after an error in piped input
function repl.run()
  local host = require "heddle.native.host"
  local interactive = host.isatty(0) and host.isatty(1)
  state = { main = task.current(), entered = {}, interactive = interactive }
  tools.install(globals, function() state.leaving = true end)
  return state.interactive and at_terminal() or read_pipe()
end


return repl
