--- The words of the command `heddle` up to the script or verb, read into a plan.
-- Stands on: heddle.usage.

local usage = require "heddle.usage"

local cli_words = {}

local OPTION_NAMES = {
  "csv", "help", "json", "live", "markdown", "no-color", "queue", "quiet", "report", "seed",
  "timeline", "trace", "version",
}

--- Options that mean something to the verbs that run jobs only.
local OF_JOBS = { csv = true, json = true, markdown = true }

local FLAGS = {
  help = true, live = true, ["no-color"] = true, quiet = true, timeline = true, version = true,
}


--- Reads the value of an option: attached to it, or (nil) the next word.
local function value_of(argv, i, attached, name)
  local value = attached or argv[i + 1]
  if value == nil or attached == "" then usage.fail("%s: a value expected after it", name) end
  return value, attached and i or i + 1
end


local function read_short(plan, argv, i)
  if argv[i] == "-i" then
    plan.interactive = true
    return i
  end
  local letter, attached = argv[i]:match "^%-([el])(.*)$"
  if not letter then usage.unknown("unknown option", argv[i], OPTION_NAMES, "--") end
  local list = letter == "e" and plan.codes or plan.requires
  list[#list + 1], i = value_of(argv, i, attached ~= "" and attached or nil, "-" .. letter)
  return i
end


--- Reads a long option; those that verbs know, too, are kept for them.
local function read_long(plan, argv, i)
  local name, value = argv[i]:match "^%-%-([^=]+)=(.*)$"
  name = name or argv[i]:sub(3)
  if value and FLAGS[name] then
    usage.fail("--%s: it takes no value, got '%s'", name, value)
  end
  if name == "help" or name == "version" then
    plan.show = plan.show or name
  elseif name == "seed" then
    value, i = value_of(argv, i, value, "--seed")
    plan.seed = usage.whole("--seed", value, math.mininteger, math.maxinteger)
    table.insert(plan.general, "--seed=" .. value)
  elseif name == "trace" or name == "report" then
    value, i = value_of(argv, i, value, "--" .. name)
    plan.pictures[name] = value
    table.insert(plan.general, ("--%s=%s"):format(name, value))
  elseif name == "queue" or OF_JOBS[name] then
    plan[name], i = value_of(argv, i, value, "--" .. name)
    plan.of_jobs = OF_JOBS[name] and name or plan.of_jobs
    table.insert(plan.general, ("--%s=%s"):format(name, plan[name]))
  elseif name == "quiet" or name == "no-color" or name == "timeline" or name == "live" then
    if name == "live" then plan.pictures.live = true end
    if name == "timeline" then plan.pictures.timeline = true end
    if name == "no-color" then plan.pictures.plain = true end
    table.insert(plan.general, "--" .. name)
  else
    usage.unknown("unknown option", "--" .. name, OPTION_NAMES, "--")
  end
  return i
end


--- Reads the words up to the script or verb.
---@param argv string[]  the program's own name at 0
---@return table plan  codes, requires, general options, seed, pictures (what heddle.recording is
---  asked for), show; first: where the script or verb stands; file: whether it can only be a script
function cli_words.read(argv)
  local plan, i = { codes = {}, requires = {}, general = {}, pictures = {} }, 1
  while argv[i] and argv[i]:sub(1, 1) == "-" and argv[i] ~= "-" do
    if argv[i] == "--" then
      plan.first, plan.file = i + 1, true
      return plan
    end
    if argv[i] == "-h" then
      plan.show = "help"
    else
      i = (argv[i]:sub(2, 2) == "-" and read_long or read_short)(plan, argv, i)
    end
    i = i + 1
  end
  plan.first = i
  return plan
end


--- Takes the options for pictures from among a scenario's words.
---@param words string[]
---@param pictures table  of a plan; they are added there
---@return string[] words  the others
function cli_words.take_pictures(words, pictures)
  local kept = {}
  for _, word in ipairs(words) do
    local name, value = word:match "^%-%-(%l+)=(.*)$"
    if name == "trace" or name == "report" then
      pictures[name] = value
    elseif word == "--timeline" or word == "--live" then
      pictures[word:sub(3)] = true
    elseif word == "--no-color" then
      pictures.plain = true
    else
      kept[#kept + 1] = word
    end
  end
  return kept
end


return cli_words
