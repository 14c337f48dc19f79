--- `heddle demo`: the reference demo's service under one model, or under all four on the same
-- jobs.
-- Stands on: heddle.service, heddle.report, heddle.usage; lua-argparse for its help and its
-- options.

local usage = require "heddle.usage"

local demo = {}

local MODELS = { "coroutines", "threads", "isolates", "processes" }
local METHODS = { "fork", "spawn", "forkserver" }
local INTERRUPTED = 130
local BAR = 20     -- width of the progress bar
local REDRAW = 0.1 -- seconds between two drawings of it

--- Other names of the models.
local ALIASES = {
  task = "coroutines", tasks = "coroutines", coroutine = "coroutines", thread = "threads",
  isolate = "isolates", process = "processes",
}

--- The options that take a value: how it is read, what the help calls it and says.
local VALUES = {
  { "jobs", "N", "number of jobs (default 20)",
    function(text) return usage.whole("--jobs", text, 0, 1000000) end },
  { "seed", "N", "seed of the jobs' sizes (default: drawn and printed)",
    function(text) return usage.whole("--seed", text, math.mininteger, math.maxinteger) end },
  { "time", "S", "seconds to run at most, with or without a unit: 10, 2s, 250ms (default 10)",
    function(text) return usage.duration("--time", text) end },
  { "workers", "N", "number of workers (default 4)",
    function(text) return usage.whole("--workers", text, 1, 1024) end },
  { "method", "M", "how processes are started: fork, spawn or forkserver",
    function(text) return usage.one_of("--method", text, METHODS) end },
  { "json", "FILE", "write the figures to FILE as JSON (- is stdout)",
    function(text) return text end },
}

local FLAGS = {
  { "full-time", "stay until the time is up, as the reference does" },
  { "quiet", "no log lines and no progress" },
  { "no-color", "no colours (the variable NO_COLOR too)" },
}

local DESCRIPTION = "Runs the demo's service: workers take CPU-bound jobs from a shared queue. "
  .. "Without MODEL all four models run the same jobs and are compared."

local EPILOG = [[
Examples:
   heddle demo threads --jobs=8 --seed=42
   heddle demo --workers=2 --json=demo.json]]


-- Arguments --------------------------------------------------------------------------------------

local function option_names()
  local names = { "help" }
  for _, value in ipairs(VALUES) do names[#names + 1] = value[1] end
  for _, flag in ipairs(FLAGS) do names[#names + 1] = flag[1] end
  return names
end


local function takes_value(name)
  for _, value in ipairs(VALUES) do
    if value[1] == name then return true end
  end
  return false
end


local function is_option(name)
  for _, known in ipairs(option_names()) do
    if known == name then return true end
  end
  return name == "h"
end


--- Takes the next word as the value of `--name`, so that a negative number is not read as an
--- option.
local function joined(words, i, name)
  local value = words[i + 1]
  if value == nil then usage.fail("--%s: a value expected after it", name) end
  return ("--%s=%s"):format(name, value)
end


--- Checks one option's word and brings it into the form `--x=V`.
local function normal_option(words, i)
  local word = words[i]
  local name, value = word:match "^%-%-?([^=]*)(.*)$"
  if not is_option(name) then
    usage.unknown("unknown option", word:match "^[^=]*", option_names(), "--")
  end
  if value == "" and takes_value(name) then return joined(words, i, name), i + 1 end
  return word, i
end


--- Checks the words and brings their options into the form `--x=V`.
---@return string[] words
---@return boolean help  whether it was asked for
local function normal(words)
  local out, i, models, help = {}, 1, 0, false
  while i <= #words do
    local word = words[i]
    if word:match "^%-." and word ~= "--" then
      help = help or word == "-h" or word == "--help"
      word, i = normal_option(words, i)
    elseif word ~= "--" then
      models = models + 1
      if models > 1 then usage.fail("one model expected, got '%s' as well", word) end
    end
    out[#out + 1], i = word, i + 1
  end
  return out, help
end


local function read_model(word)
  local name = ALIASES[word] or word
  for _, model in ipairs(MODELS) do
    if model == name then return model end
  end
  usage.unknown("unknown model", word, MODELS)
end


--- The parser of `heddle demo`; its help, too, is made from it.
local function make_parser()
  local parser = require "argparse"("heddle demo", DESCRIPTION, EPILOG)
  parser:add_help(false)
  parser:argument("model", table.concat(MODELS, ", ")):argname "MODEL":args "?"
  parser:flag("-h --help", "show this help")
  for _, value in ipairs(VALUES) do parser:option("--" .. value[1], value[3]):argname(value[2]) end
  for _, flag in ipairs(FLAGS) do parser:flag("--" .. flag[1], flag[2]) end
  return parser
end


--- Reads the options' values and the model's name.
local function convert(args)
  for _, value in ipairs(VALUES) do
    local text = args[value[1]]
    args[value[1]] = text and value[4](text)
  end
  args.model = args.model and read_model(args.model)
  if args.method and args.model and args.model ~= "processes" then
    usage.fail("--method: only processes are started by a method, not %s", args.model)
  end
  return args
end


--- Reads the words after `heddle demo`.
---@param words string[]
---@return table? args  nil when help was asked for
---@return string? help
local function parse(words)
  local list, help = normal(words)
  local parser = make_parser()
  if help then return nil, parser:get_help() end
  local ok, args = parser:pparse(list)
  if not ok then usage.fail("%s", (args:gsub("%s*\n%s*", ": "))) end
  return convert(args)
end


-- Output -----------------------------------------------------------------------------------------

local function isatty(fd)
  local ok, host = pcall(require, "heddle.native.host")
  return ok and host.isatty and host.isatty(fd) or false
end


local function bar(ended, total)
  local full = total > 0 and BAR * ended // total or BAR
  return ("#"):rep(full) .. ("."):rep(BAR - full)
end


--- Draws one line on the terminal, over itself, a few times a second.
local function make_progress(label)
  local now, drawn = require("heddle").now, -math.huge
  return function(ledger)
    if now() - drawn < REDRAW then return end
    drawn = now()
    local ended, total = ledger:counts().ended, ledger.plan.count
    io.stderr:write(("\r\27[K%s [%s] %d/%d jobs, %.1f s"):format(label, bar(ended, total), ended,
      total, drawn - ledger.t0))
  end
end


local function clear_progress(progress)
  if progress then io.stderr:write("\r\27[K") end
end


local function wants_progress(args)
  return not args.quiet and os.getenv "TERM" ~= "dumb" and isatty(2)
end


local function bold(args, text)
  local plain = args.no_color or (os.getenv "NO_COLOR" or "") ~= ""
  if plain or not isatty(1) then return text end
  return "\27[1m" .. text .. "\27[0m"
end


--- Opens what --json names before anything is started, so that a wrong path costs no run.
local function open_json(args)
  if not args.json then return nil end
  if args.json == "-" then return io.stdout end
  local file, why = io.open(args.json, "w")
  if not file then error({ failed = "--json: can't write " .. why }, 0) end
  return file
end


local function write_json(file, text)
  if not file then return end
  local ok, why = file:write(text, "\n")
  if ok and file ~= io.stdout then ok, why = file:close() end
  if not ok then error({ failed = "--json: can't write: " .. tostring(why) }, 0) end
end


-- Runs -------------------------------------------------------------------------------------------

local function run_one(args, model, quiet)
  local progress = wants_progress(args) and make_progress(model) or nil
  local r = require("heddle.service").new({
    model = model, workers = args.workers, jobs = args.jobs, seed = args.seed, time = args.time,
    method = model == "processes" and args.method or nil, full_time = args.full_time,
    quiet = quiet, progress = progress,
  }):run()
  clear_progress(progress)
  return r
end


local function introduce(args, out, what)
  local count = require("heddle.report_text").count
  usage.write(out, ("heddle demo: %s, %s, %s, %g s, seed %d%s"):format(what,
    count(args.jobs, "job"), count(args.workers, "worker"), args.time, args.seed,
    args.drawn and " (drawn)" or ""))
end


local function demo_one(args, out, file)
  if not args.quiet then introduce(args, io.stderr, args.model) end
  local r = run_one(args, args.model, args.quiet)
  usage.write(out, r:text())
  write_json(file, file and r:json())
  return r.interrupted and INTERRUPTED or 0
end


--- Runs the models one after the other; an interruption ends the row.
local function run_all(args)
  local runs = {}
  for _, model in ipairs(MODELS) do
    local r = run_one(args, model, true)
    runs[#runs + 1] = r
    if r.interrupted then break end
  end
  return runs
end


local function demo_all(args, out, file)
  introduce(args, out, "all four models")
  local runs = run_all(args)
  local compared = require("heddle.comparison").new {
    runs = runs, seed = args.seed, partial = runs[#runs].interrupted,
  }
  usage.write(out, compared:tables() .. "\n" .. (compared.reason and "\n" .. compared.reason or ""))
  usage.write(out, bold(args, compared.answer))
  write_json(file, file and compared:json())
  return runs[#runs].interrupted and INTERRUPTED or 0
end


local function fill_in(args)
  args.jobs, args.time, args.workers = args.jobs or 20, args.time or 10, args.workers or 4
  args.drawn = not args.seed
  args.seed = args.seed or math.random(0, 0x7fffffff)
end


--- Runs `heddle demo`.
---@param words string[]  the words after the verb
---@return integer status  0, or 130 when interrupted; raises usage failures
function demo.main(words)
  local args, help = parse(words)
  if not args then
    usage.write(io.stdout, help)
    return 0
  end
  fill_in(args)
  local file = open_json(args)
  local out = file == io.stdout and io.stderr or io.stdout
  return (args.model and demo_one or demo_all)(args, out, file)
end


return demo
