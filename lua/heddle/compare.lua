--- `heddle compare MIX`: the same jobs one after the other and under each model and number of
-- workers, in rounds whose order turns, after a warm-up; side by side, with the reason why one
-- wins.
-- Stands on: heddle.comparison, heddle.demo, heddle.mix_load, heddle.options, heddle.outputs,
-- heddle.service, heddle.usage.

local demo = require "heddle.demo"
local heddle = require "heddle"
local options = require "heddle.options"
local outputs = require "heddle.outputs"
local usage = require "heddle.usage"

local compare = {}

local MODELS = { "sequential", "coroutines", "threads", "isolates", "processes" }
local METHODS = { "fork", "spawn", "forkserver" }
local INTERRUPTED = 130
local ROUNDS, WARMUP = 3, 1

---@type heddle.options.Command
compare.command = {
  name = "heddle compare",
  about = "Runs a mix's jobs one after the other and under each model, in rounds, and says which "
    .. "was best, by how much and why.",
  examples = [[
Examples:
   heddle compare cpu_bound --workers=1,2,4
   heddle compare my_mix.lua --models=sequential,threads,isolates --seed=42 --report=mix.html]],
  word = { name = "MIX", help = "a mix's name (`heddle list`) or file", needed = true },
  values = {
    { "models", "LIST", "which ones: " .. table.concat(MODELS, ",") .. " (default: all)",
      options.list("models", function(word) return demo.model(word, MODELS) end) },
    { "workers", "LIST", "numbers of workers: 1,2,4 (default: the cores)",
      options.list("workers", options.whole("workers", 1, 1024)) },
    { "seed", "N", "seed of what is drawn for the jobs (default: drawn and printed)",
      options.whole("seed", math.mininteger, math.maxinteger) },
    { "jobs", "N", "number of jobs (default: the mix's)", options.whole("jobs", 0, 10000000) },
    { "time", "S", "seconds for each run at most: 10, 2s, 250ms (default: no limit)",
      options.duration "time" },
    { "rounds", "N", ("rounds that are measured (default %d)"):format(ROUNDS),
      options.whole("rounds", 1, 1000) },
    { "warmup", "N", ("rounds before them that are not (default %d)"):format(WARMUP),
      options.whole("warmup", 0, 1000) },
    { "method", "M", "how processes are started: fork, spawn or forkserver",
      options.one_of("method", METHODS) },
  },
  refused = {
    queue = "each run has to do all of the jobs, so none is kept; `heddle demo MODEL --mix=MIX "
      .. "--queue=FILE` keeps them",
  },
  flags = {},
}
table.move(outputs.VALUES, 1, #outputs.VALUES, #compare.command.values + 1, compare.command.values)
table.move(outputs.FLAGS, 1, #outputs.FLAGS, #compare.command.flags + 1, compare.command.flags)


-- What is run ------------------------------------------------------------------------------------

---@class heddle.compare.Setup
---@field model string
---@field workers integer
---@field label string

--- The models with each number of workers; sequential has one.
local function setups(args)
  local list, seen = {}, {}
  for _, model in ipairs(args.models) do
    for _, workers in ipairs(model == "sequential" and { 1 } or args.workers) do
      local label = model == "sequential" and model or ("%s x%d"):format(model, workers)
      if not seen[label] then
        list[#list + 1] = { model = model, workers = workers, label = label }
      end
      seen[label] = true
    end
  end
  return list
end


--- The setups of one round: each round begins with the one that ended the round before.
local function turned(list, round)
  local order, first = {}, (-round) % #list
  for i = 1, #list do order[i] = list[(first + i - 1) % #list + 1] end
  return order
end


local function run_one(args, out, setup, label)
  collectgarbage()
  collectgarbage()
  local r = require("heddle.service").new({
    model = setup.model, workers = setup.workers, jobs = args.jobs, mix = args.mix,
    seed = args.seed, time = args.time, quiet = true, progress = out:progress(label),
    method = setup.model == "processes" and args.method or nil,
  }):run()
  return r
end


--- Runs all rounds; returns early when interrupted.
---@return boolean complete
local function run_rounds(args, out, list, runs)
  for round = 1 - args.warmup, args.rounds do
    local what = round < 1 and "warm-up" or ("round %d/%d"):format(round, args.rounds)
    for _, setup in ipairs(turned(list, round - 1)) do
      local r = run_one(args, out, setup, ("%s: %s"):format(what, setup.label))
      if round >= 1 then
        r.round = round
        runs[#runs + 1] = r
        require("heddle.task").shield(out.add, out, r)
      end
      if r.interrupted then return false end
    end
  end
  return true
end


local function measure(args, out, list)
  local runs = {}
  local ok, complete = pcall(run_rounds, args, out, list, runs)
  out:clear()
  if not ok and not usage.is_interrupt(complete) then error(complete, 0) end
  return runs, not (ok and complete)
end


-- The command ------------------------------------------------------------------------------------

local function convert(args)
  args.models = args.models or MODELS
  if not args.workers then
    local cores, why = heddle.cores()
    args.workers, args.chosen = { cores }, ("the cores, by %s"):format(why)
  end
  args.rounds, args.warmup = args.rounds or ROUNDS, args.warmup or WARMUP
  if args.method and not table.concat(args.models, ","):find "processes" then
    usage.fail("--method: only processes are started by a method, and they are not compared")
  end
  args.mix = require("heddle.mix_load").resized(args.word, args.jobs)
  args.drawn = not args.seed
  args.seed = args.seed or math.random(0, 0x7fffffff)
  return args
end


local function introduce(args, list)
  if args.quiet then return end
  local count = require("heddle.report_text").count
  local workers = args.chosen and ("%s each (%s), "):format(count(args.workers[1], "worker"),
    args.chosen) or ""
  usage.write(io.stderr, ("heddle compare: %s, %s, %s, %s%s after %d of warm-up, seed %d%s"):format(
    args.mix.name, count(args.mix.count, "job"), count(#list, "setup"), workers,
    count(args.rounds, "round"), args.warmup, args.seed, args.drawn and " (drawn)" or ""))
end


--- Prints and writes what was measured, whole, also when it is interrupted meanwhile.
local function show(args, out, runs, partial)
  local compared = require("heddle.comparison").new {
    runs = runs, seed = args.seed, mix = args.mix.name, job_count = args.mix.count,
    partial = partial or nil,
  }
  out:print(compared:tables() .. "\n")
  out:print(out:bold(compared:last_line()))
  out:finish(compared)
end


--- Runs `heddle compare`.
---@param words string[]  the words after the verb
---@return integer status  0, or 130 when interrupted; raises usage failures
function compare.main(words)
  local args, help = options.read(compare.command, words)
  if not args then
    usage.write(io.stdout, help)
    return 0
  end
  convert(args)
  local out, list = outputs.open(args), setups(args)
  introduce(args, list)
  local runs, partial = measure(args, out, list)
  require("heddle.task").shield(show, args, out, runs, partial)
  return partial and INTERRUPTED or 0
end


return compare
