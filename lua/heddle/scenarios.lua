--- The scenarios of scripts/: what there is, and how one is run.
--
-- A scenario opens with a comment: the sentence it demonstrates (up to its first full stop, it is
-- what `heddle list` shows) and what there is to say about it. Lines of their own in it say
--
--     From: TAG (where in it), TAG (where)     the text it comes from, a tag of scenarios.texts
--     Words: [METHOD] [N]                      the words it takes after its name; none without it
--     Unlike Python: …                         what differs, and why
--
-- and may go on over further lines. The seed is the command's affair, so no scenario reads options.
-- Stands on: heddle.usage, heddle.mix_load, heddle.native.host (the embedded sources).

local usage = require "heddle.usage"

local scenarios = {}

--- The texts by tag, in order.
scenarios.texts = {
  { "demo", "Python Concurrency Demo, the README of technige/python-concurrency-demo" },
  { "concepts", "Concurrent Programming in Python. Main Concepts" },
  { "simple", "Concurrency In Python Made Simple, by Chidozie C. Okafor" },
  { "roundup", "concurrency, a roundup of concurrency tools in Python, by rpalloni" },
  { "article", "Concurrent Programming in Python, which opens with Joe Armstrong's picture" },
  { "heddle", "none of them: what they leave out" },
}

local FIELDS = { ["From"] = "from", ["Words"] = "words", ["Unlike Python"] = "differs" }
local OPTIONS = { "help", "seed" }

---@class heddle.scenario
---@field name string  its file's name, which no other one has
---@field folder string  what it belongs to: "threads"
---@field path string  "scripts/threads/basic_thread.lua"
---@field source string
---@field sentence string  what it demonstrates
---@field about string  the opening comment, a line for each paragraph
---@field from string  "article (Multithreading)"
---@field texts string  the tags alone: "article"
---@field words? string
---@field differs? string


-- Reading one ------------------------------------------------------------------------------------

--- The lines of the opening comment, without their dashes.
local function opening(source)
  local lines = {}
  for line in source:gmatch "[^\n]*" do
    local text = line:match "^%-%-+%s?(.*)"
    if not text then break end
    lines[#lines + 1] = text
  end
  return lines
end


--- Sorts the opening's lines: each continues the paragraph or the field before it.
---@return string[] paragraphs
---@return table<string, string> fields
local function sort_lines(lines)
  local paragraphs, fields, field, fresh = {}, {}, nil, true
  for _, line in ipairs(lines) do
    local label, rest = line:match "^(%u[%a ]*): (.*)"
    if FIELDS[label] then
      field = FIELDS[label]
      fields[field] = rest
    elseif line == "" then
      field, fresh = nil, true
    elseif field then
      fields[field] = fields[field] .. " " .. line:match "^%s*(.*)"
    elseif fresh then
      paragraphs[#paragraphs + 1], fresh = line, false
    else
      paragraphs[#paragraphs] = paragraphs[#paragraphs] .. " " .. line
    end
  end
  return paragraphs, fields
end


local function tags_of(from)
  local tags = {}
  for tag in (from:gsub("%b()", "")):gmatch "%a+" do tags[#tags + 1] = tag end
  return table.concat(tags, ", ")
end


--- Reads a scenario's opening comment.
---@param path string  below scripts/, without ".lua"
---@param source string
---@return heddle.scenario
function scenarios.read(path, source)
  local paragraphs, fields = sort_lines(opening(source))
  local first = (paragraphs[1] or "") .. " "
  return {
    name = path:match "[^/]+$", folder = path:match "^(.*)/[^/]+$" or "",
    path = "scripts/" .. path .. ".lua", source = source,
    sentence = first:match "^(.-)%.%s" or first, about = table.concat(paragraphs, "\n\n"),
    from = fields.from or "", texts = tags_of(fields.from or ""),
    words = fields.words, differs = fields.differs,
  }
end


--- All of them, by folder and name.
---@return heddle.scenario[] list
---@return table<string, heddle.scenario> by_name
function scenarios.all()
  local list, by_name = {}, {}
  for path, source in pairs(require("heddle.native.host").scripts()) do
    local scenario = not path:find "^mixes/" and scenarios.read(path, source)
    if scenario then list[#list + 1], by_name[scenario.name] = scenario, scenario end
  end
  table.sort(list, function(a, b) return a.path < b.path end)
  return list, by_name
end


-- The two verbs ----------------------------------------------------------------------------------

--- One line each: its name, what it demonstrates, the text it comes from; then the mixes.
---@return string
function scenarios.table()
  local lines = {}
  for i, s in ipairs(scenarios.all()) do
    lines[i] = ("%-24s %s  [%s]"):format(s.name, s.sentence, s.texts)
  end
  local names, sources = require("heddle.mix_load").known()
  for _, name in ipairs(names) do
    local sentence = scenarios.read(name, sources[name]).sentence
    lines[#lines + 1] = ("%-24s %s  [mix]"):format(name, sentence)
  end
  return table.concat(lines, "\n")
end


local function wrapped(text)
  local lines, line = {}, ""
  for word in text:gmatch "%S+" do
    if line ~= "" and #line + 1 + #word > 96 then lines[#lines + 1], line = line, "" end
    line = line == "" and word or line .. " " .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end


local function help(scenario)
  local parts = { ("Usage: heddle run %s [--seed=N]%s"):format(scenario.name,
    scenario.words and " " .. scenario.words or "") }
  for paragraph in scenario.about:gmatch "[^\n]+" do parts[#parts + 1] = wrapped(paragraph) end
  parts[#parts + 1] = wrapped("From: " .. scenario.from)
  if scenario.differs then parts[#parts + 1] = wrapped("Unlike Python: " .. scenario.differs) end
  parts[#parts + 1] = "Options:\n   --seed=N     make its random numbers follow from N\n"
    .. "   -h, --help   show this help"
  return table.concat(parts, "\n\n")
end


local function wrong_option(scenario, word)
  local name = word:match "^%-%-?([^=]*)"
  usage.unknown(("run %s: unknown option"):format(scenario.name), "--" .. name, OPTIONS, "--")
end


--- Reads the words after a scenario's name.
---@return string[] words  what is for the scenario
---@return integer? seed
---@return boolean asked  for help
local function read_words(scenario, words)
  local own, seed, asked, options, i = {}, nil, false, true, 1
  while words[i] do
    local word = words[i]
    local value = word:match "^%-%-seed=(.*)"
    if not options or not word:find "^%-." then
      own[#own + 1] = word
    elseif word == "--" then
      options = false
    elseif word == "-h" or word == "--help" then
      asked = true
    elseif value or word == "--seed" then
      if not value then i = i + 1 end
      value = value or words[i] or usage.fail("--seed: a value expected after it")
      seed = usage.whole("--seed", value, math.mininteger, math.maxinteger)
    else
      wrong_option(scenario, word)
    end
    i = i + 1
  end
  return own, seed, asked
end


--- There is no such scenario; it may be a mix, which another command runs.
local function refuse(name, names)
  local _, mixes = require("heddle.mix_load").known()
  if mixes[name] then
    usage.fail("run: '%s' is a mix, not a scenario: heddle compare %s", name, name)
  end
  local near = usage.nearest(name, names)
  usage.fail("run: unknown scenario '%s': %s", name,
    near and ("did you mean '%s'?"):format(near) or "heddle list names them")
end


--- Makes the words of `heddle run` ready.
---@param words string[]  after `run`
---@return heddle.scenario? scenario  nil when help was asked for
---@return string[]|string words  what the scenario gets, or the help
---@return integer? seed
function scenarios.prepare(words)
  local list, by_name = scenarios.all()
  local names = {}
  for i, s in ipairs(list) do names[i] = s.name end
  local name = words[1]
  if not name then usage.fail("run: the name of a scenario expected; heddle list names them") end
  if name:sub(1, 1) == "-" then
    usage.fail("run: it has no option '%s'; the scenario's come after its name", name)
  end
  local scenario = by_name[name:match "[^/]+$" or name]
  if not scenario then refuse(name, names) end
  local own, seed, asked = read_words(scenario, table.move(words, 2, #words, 1, {}))
  if asked then return nil, help(scenario) end
  if own[1] and not scenario.words then
    usage.fail("run %s: it takes no words, got '%s'", scenario.name, own[1])
  end
  return scenario, own, seed
end


return scenarios
