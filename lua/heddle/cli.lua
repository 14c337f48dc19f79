--- The command `heddle`: what its words mean.
-- Plain scripts take the short way through this file; a verb's own module is loaded when it is
-- called.
-- Stands on: heddle.usage, heddle.cli_words, the verbs' modules.

local cli_words = require "heddle.cli_words"
local usage = require "heddle.usage"

local cli = {}

local USAGE, FAILED, INTERRUPTED = 2, 1, 130

local VERB_NAMES = { "compare", "completion", "demo", "doctor", "explain", "list", "run", "top" }


-- Scripts ----------------------------------------------------------------------------------------

local function complain(text)
  io.stderr:write("heddle: ", text, "\n")
end


--- The line in a traceback from which on it shows the frames of this file.
local function cut(trace)
  local own = trace:find("\n%s*%[C%]: in function 'xpcall'")
  return own and trace:sub(1, own - 1) or trace
end


--- Turns an uncaught error into what is printed; an interruption and an object that prints itself
--- stay.
local function trace_error(err)
  if usage.is_interrupt(err) then return err end
  local meta = getmetatable(err)
  if type(err) ~= "string" and not (type(meta) == "table" and meta.__tostring) then
    local kind = type(err)
    err = kind == "number" and tostring(err) or ("(error object is a %s value)"):format(kind)
  end
  if type(err) ~= "string" then return err end
  local trace = cut(debug.traceback("", 2)):sub(2)
  if err:find "\nstack traceback:\n" then trace = trace:gsub("^stack traceback:\n", "") end
  return err .. "\n" .. trace
end


--- Runs a chunk as the whole program.
local function run(chunk, ...)
  local ok, err = xpcall(chunk, trace_error, ...)
  if ok then return 0 end
  if usage.is_interrupt(err) then
    complain("interrupted")
    return INTERRUPTED
  end
  complain(tostring(err))
  return FAILED
end


--- Sets the global `arg` as lua does: the script at 0, its arguments from 1, what came before
--- below 0.
local function set_arg(argv, script)
  local arg = {}
  for i = 0, #argv do arg[i - script] = argv[i] end
  _G.arg = arg
  return arg
end


local function run_chunk(chunk, why, ...)
  if not chunk then
    complain(why)
    return FAILED
  end
  return run(chunk, ...)
end


--- Does what the options before a script say, -l and -e in turn; the first failure ends the
--- program.
local function prepare(plan)
  if plan.queue then require("heddle.service_options").queue = plan.queue end
  if plan.seed then require("heddle").seed(plan.seed) end
  for _, word in ipairs(plan.requires) do
    local global, module = word:match("^([^=]+)=(.+)$")
    local status = run(function() _G[global or word] = require(module or word) end)
    if status ~= 0 then return status end
  end
  for _, code in ipairs(plan.codes) do
    local status = run_chunk(load(code, "=(command line)"))
    if status ~= 0 then return status end
  end
  return 0
end


--- Runs the script that stands at index `at` of the words.
local function run_file(argv, at, plan)
  local arg = set_arg(argv, at)
  local status = prepare(plan)
  if status ~= 0 then return status end
  local path = argv[at]
  local chunk, why = loadfile(path ~= "-" and path or nil)
  return run_chunk(chunk, why, table.unpack(arg)), not chunk
end


--- The REPL after a script or code; the status says of the worse of both.
local function go_on(status)
  return math.max(status, require("heddle.repl").run())
end


-- Verbs ------------------------------------------------------------------------------------------

local verbs = {}


local function say(text)
  usage.write(io.stdout, text)
end


local function no_more(words, i, verb)
  if words[i] then usage.fail("%s takes no more words, got '%s'", verb, words[i]) end
end


local function is_help(word)
  return word == "--help" or word == "-h"
end


function verbs.list(words)
  if is_help(words[1]) then
    say("Usage: heddle list\n\nLists the scenarios and the mixes, a line each; "
      .. "`heddle run NAME` runs one,\n`heddle compare MIX` compares the models on a mix.")
    return 0
  end
  no_more(words, 1, "list")
  say(require("heddle.scenarios").table())
  return 0
end


function verbs.run(words)
  if is_help(words[1]) then
    say("Usage: heddle run NAME [--seed=N] [args…]\n\nRuns a scenario; `heddle list` names them, "
      .. "and `heddle run NAME --help` says more on one.")
    return 0
  end
  if words[1] == "--" then table.remove(words, 1) end
  local scenario, own, seed = require("heddle.scenarios").prepare(words)
  if not scenario then
    say(own)
    return 0
  end
  if seed then require("heddle").seed(seed) end
  own[0] = scenario.name
  set_arg(own, 0)
  return run_chunk(load(scenario.source, "@" .. scenario.path), nil, table.unpack(own))
end


function verbs.demo(words)
  return require("heddle.demo").main(words)
end


function verbs.doctor(words)
  return require("heddle.doctor").main(words)
end


function verbs.completion(words)
  return require("heddle.completion").main(words)
end


function verbs.explain(words)
  return require("heddle.explain").main(words)
end


function verbs.top(words)
  return require("heddle.top").main(words)
end


function verbs.compare(words)
  return require("heddle.compare").main(words)
end


-- The command ------------------------------------------------------------------------------------

local function show(what)
  if what == "help" then
    say(require("heddle.cli_options").help())
  else
    say(require("heddle.version").text())
  end
  return 0
end


--- A word that is neither a verb nor a file: a script that is missing, or a mistyped verb.
local function check_word(word)
  if word == "-" or word:find "[./]" or require("heddle.files").exists(word) then return end
  local near = usage.nearest(word, VERB_NAMES)
  local hint = near and ("did you mean '%s'?"):format(near)
    or "the commands are " .. table.concat(VERB_NAMES, ", ")
  usage.fail("unknown command '%s', and no file is called so: %s", word, hint)
end


local pictured -- the recording of a script, whose pictures are made at the end
local stop_live -- takes the live view of a script away


--- Turns the live view on and the recorder, if a picture of the script is wanted. The picture is
--- made when the program ends by os.exit, too.
local function record(pictures)
  if pictures.live then stop_live = require("heddle.top").live() end
  pictures.live = nil
  pictured = next(pictures) and require("heddle.recording").open(pictures)
  if not pictured and not stop_live then return end
  local process, exit = require "heddle.process", os.exit
  local home = process.current().pid
  function os.exit(...) -- luacheck: ignore
    if process.current().pid == home then cli.finish(0) end
    exit(...)
  end
end


--- Refuses options that a script has no use for.
local function check_script_options(plan)
  local name = plan.of_jobs
  if not name then return end
  usage.fail("--%s: only `heddle demo` and `heddle compare` write one by themselves; a script says "
    .. "report:write(path)", name)
end


--- The options before a verb, for those that run jobs: they are theirs, too.
local function general_words(plan, verb)
  if verb ~= "demo" and verb ~= "compare" then
    check_script_options(plan)
    return {}
  end
  local words, pictures = plan.general, plan.pictures
  if pictures.trace then words[#words + 1] = "--trace=" .. pictures.trace end
  if pictures.report then words[#words + 1] = "--report=" .. pictures.report end
  for _, name in ipairs { "live", "timeline" } do
    if pictures[name] then words[#words + 1] = "--" .. name end
  end
  return words
end


--- Runs a verb with the words after it.
local function run_verb(argv, plan, verb)
  local words = general_words(plan, verb)
  for i = plan.first + 1, #argv do words[#words + 1] = argv[i] end
  if verb ~= "run" then return verbs[verb](words) end
  prepare(plan)
  words = cli_words.take_pictures(words, plan.pictures)
  record(plan.pictures)
  return verbs.run(words)
end


local function from_terminal()
  local host = require "heddle.native.host"
  return host.isatty and host.isatty(0)
end


--- Runs stdin when no script is named; a person at a terminal gets the help.
local function run_stdin(argv, plan)
  set_arg(argv, 0)
  if #plan.codes > 0 or #plan.requires > 0 or plan.interactive then
    record(plan.pictures)
    local status = prepare(plan)
    return plan.interactive and go_on(status) or status
  end
  if from_terminal() then return require("heddle.repl").run() end
  record(plan.pictures)
  prepare(plan)
  return run_chunk(loadfile())
end


local function dispatch(argv)
  local plan = cli_words.read(argv)
  local word = argv[plan.first]
  if plan.show then return show(plan.show) end
  if word and verbs[word] and not plan.file and #plan.codes == 0 then
    return run_verb(argv, plan, word)
  end
  check_script_options(plan)
  if not word then return run_stdin(argv, plan) end
  if not plan.file then check_word(word) end
  record(plan.pictures)
  local status, missing = run_file(argv, plan.first, plan)
  return plan.interactive and not missing and go_on(status) or status
end


--- Says what a command failed of; returns the status.
local function failed(err)
  if usage.is_failure(err) then
    complain(err.usage)
    return USAGE
  end
  if usage.is_interrupt(err) then
    complain "interrupted"
    return INTERRUPTED
  end
  complain(type(err) == "table" and err.failed or tostring(err))
  return FAILED
end


--- Draws and writes what was recorded of a script: when it and all its workers have ended.
---@param status integer  the command's so far
---@return integer status
function cli.finish(status)
  if stop_live then stop_live() end
  if not pictured then return status end
  local recording = pictured
  pictured = nil
  local ok, err = pcall(recording.finish, recording)
  if ok then return status end
  return math.max(status, failed(err))
end


--- Runs the command.
---@param argv string[]  the words, the program's own name at 0
---@return integer status  0 fine; 1 the script failed; 2 wrong use; 130 interrupted
function cli.main(argv)
  local ok, status = pcall(dispatch, argv)
  return ok and status or failed(status)
end


return cli
