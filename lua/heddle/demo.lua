--- `heddle demo`: the reference demo's service under one model, or under all four on the same
-- jobs; with --mix another mix's jobs.
-- Stands on: heddle.comparison, heddle.options, heddle.outputs, heddle.report_text, heddle.service,
-- heddle.usage.

local options = require "heddle.options"
local outputs = require "heddle.outputs"
local task = require "heddle.task"
local usage = require "heddle.usage"

local demo = {}

local MODELS = { "coroutines", "threads", "isolates", "processes" }
local METHODS = { "fork", "spawn", "forkserver" }
local INTERRUPTED = 130
local MOST_JOBS = 10000000

--- Other names of the models.
local ALIASES = {
  task = "coroutines", tasks = "coroutines", coroutine = "coroutines", thread = "threads",
  isolate = "isolates", process = "processes",
}

---@type heddle.options.Command
demo.command = {
  name = "heddle demo",
  about = "Runs the demo's service: workers take CPU-bound jobs from a shared queue. "
    .. "Without MODEL all four models run the same jobs and are compared.",
  examples = [[
Examples:
   heddle demo threads --jobs=8 --seed=42
   heddle demo isolates --mix=web_service --timeline --json=web.json]],
  word = { name = "MODEL", help = table.concat(MODELS, ", ") },
  values = {
    { "jobs", "N", "number of jobs (default 20, or the mix's)",
      options.whole("jobs", 0, MOST_JOBS) },
    { "seed", "N", "seed of what is drawn for the jobs (default: drawn and printed)",
      options.whole("seed", math.mininteger, math.maxinteger) },
    { "time", "S", "seconds to run at most, with or without a unit: 10, 2s, 250ms (default 10)",
      options.duration "time" },
    { "workers", "N", "number of workers (default 4)", options.whole("workers", 1, 1024) },
    { "method", "M", "how processes are started: fork, spawn or forkserver",
      options.one_of("method", METHODS) },
    { "mix", "MIX", "other jobs: a mix's name (`heddle list`) or file", options.text "mix" },
    { "queue", "FILE", "keep the jobs in an SQLite file: the next run does what a killed one left",
      options.text "queue" },
  },
  flags = {
    { "full-time", "stay until the time is up, as the reference does" },
  },
}
table.move(outputs.VALUES, 1, #outputs.VALUES, #demo.command.values + 1, demo.command.values)
table.move(outputs.FLAGS, 1, #outputs.FLAGS, #demo.command.flags + 1, demo.command.flags)


-- Arguments --------------------------------------------------------------------------------------

--- A model's name from one of its forms.
---@param word string
---@param known string[]
---@return string  raises a usage failure
function demo.model(word, known)
  local name = ALIASES[word] or word
  for _, model in ipairs(known) do
    if model == name then return model end
  end
  usage.unknown("unknown model", word, known)
end


--- The jobs of a queue that is there already are those that it was made for.
local function read_queue(args)
  if not args.model then usage.fail("--queue: the model expected whose workers do its jobs") end
  local ok, info = pcall(require("heddle.jobqueue").peek, args.queue)
  if not ok then error({ failed = "--" .. info }, 0) end
  args.seed = args.seed or info and info.seed
end


local function convert(args)
  args.model = args.word and demo.model(args.word, MODELS)
  if args.method and args.model and args.model ~= "processes" then
    usage.fail("--method: only processes are started by a method, not %s", args.model)
  end
  if args.mix then args.mix = require("heddle.mix_load").resized(args.mix, args.jobs) end
  args.jobs = args.jobs or (args.mix and args.mix.count) or 20
  args.time, args.workers = args.time or 10, args.workers or 4
  if args.queue then read_queue(args) end
  args.drawn = not args.seed
  args.seed = args.seed or math.random(0, 0x7fffffff)
  return args
end


-- Runs -------------------------------------------------------------------------------------------

local function run_one(args, out, model, quiet)
  local r = require("heddle.service").new({
    model = model, workers = args.workers, jobs = args.jobs, mix = args.mix, seed = args.seed,
    time = args.time, method = model == "processes" and args.method or nil,
    full_time = args.full_time, queue = args.queue, quiet = quiet, progress = out:progress(model),
  }):run()
  task.shield(out.add, out, r)
  return r
end


local function introduce(args, file, what)
  local count = require("heddle.report_text").count
  usage.write(file, ("heddle demo: %s, %s%s, %s, %g s, seed %d%s"):format(what,
    count(args.jobs, "job"), args.mix and " of " .. args.mix.name or "",
    count(args.workers, "worker"), args.time, args.seed, args.drawn and " (drawn)" or ""))
end


local function demo_one(args, out)
  if not args.quiet then introduce(args, io.stderr, args.model) end
  local r = run_one(args, out, args.model, args.quiet)
  task.shield(function() -- what was measured comes out whole, also when it is interrupted meanwhile
    out:print(r:text())
    out:finish(r)
  end)
  return r.interrupted and INTERRUPTED or 0
end


--- Runs the models one after the other; an interruption ends the row.
---@return boolean complete
local function run_all(args, out, runs)
  for _, model in ipairs(MODELS) do
    local r = run_one(args, out, model, true)
    runs[#runs + 1] = r
    if r.interrupted then return false end
  end
  return true
end


local function show_all(args, out, runs, partial)
  local compared = require("heddle.comparison").new {
    runs = runs, seed = args.seed, mix = args.mix and args.mix.name,
    job_count = args.jobs, partial = partial,
  }
  if compared.partial then out:print "(partial: interrupted)" end
  out:print(compared:summary() .. "\n\n" .. compared.reason)
  out:print(out:bold(compared.answer))
  out:finish(compared)
end


local function demo_all(args, out)
  introduce(args, out.out, "all four models")
  local runs = {}
  local ok, complete = pcall(run_all, args, out, runs)
  if not ok and not usage.is_interrupt(complete) then error(complete, 0) end
  local partial = not (ok and complete) or nil
  task.shield(show_all, args, out, runs, partial)
  return partial and INTERRUPTED or 0
end


--- Runs `heddle demo`.
---@param words string[]  the words after the verb
---@return integer status  0, or 130 when interrupted; raises usage failures
function demo.main(words)
  local args, help = options.read(demo.command, words)
  if not args then
    usage.write(io.stdout, help)
    return 0
  end
  convert(args)
  local out = outputs.open(args)
  return (args.model and demo_one or demo_all)(args, out)
end


return demo
