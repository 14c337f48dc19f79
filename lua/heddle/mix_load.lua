--- Mixes by name and from files.
-- Stands on: heddle.files, heddle.mix, heddle.usage; heddle.native.host (the embedded mixes).

local files = require "heddle.files"
local mix = require "heddle.mix"
local usage = require "heddle.usage"

local mix_load = {}

local FOLDER = "mixes/"


--- The mixes that heddle brings along: their names in order, and their sources by name.
---@return string[] names
---@return table<string, string> sources
function mix_load.known()
  local names, sources = {}, {}
  for name, source in pairs(require("heddle.native.host").scripts()) do
    local own = name:match("^" .. FOLDER .. "(.+)$")
    if own then
      names[#names + 1], sources[own] = own, source
    end
  end
  table.sort(names)
  return names, sources
end


local function fail(text, ...)
  error({ failed = text:format(...) }, 0)
end


--- Adds what was meant where a function of heddle.mix was mistyped.
local function hint(why)
  local word = why:match "attempt to call a nil value %(field '([%w_]+)'%)"
  local names = {}
  for name, value in pairs(mix) do
    if type(value) == "function" then names[#names + 1] = name end
  end
  table.sort(names)
  local near = word and usage.nearest(word, names)
  return near and (": did you mean '%s'?"):format(near) or ""
end


--- The first line of an error.
local function text_of(err)
  local meta = getmetatable(err)
  if type(err) == "string" or type(meta) == "table" and meta.__tostring then
    return tostring(err):match "^[^\n]*"
  end
  return ("(error object is a %s value)"):format(type(err))
end


--- Runs a mix's file.
local function run(chunk, why, shown)
  if not chunk then fail("%s", why) end
  local ok, value = pcall(chunk)
  if not ok then
    if type(value) == "table" and value.code == "cancelled" then error(value, 0) end
    local text = text_of(value)
    local placed = text:sub(1, #shown) == shown
    fail("%s%s%s", placed and "" or shown .. ": ", text, hint(text))
  end
  if not mix.is(value) then
    fail("%s: a mix expected, as in `return mix.new { … }`, got %s", shown,
      value == nil and "nothing" or "a " .. type(value))
  end
  value.name = shown:match "([^/]+)%.lua$" or shown
  return value
end


--- Reads a mix.
---@param word string  the name of one that `heddle list` names, or a file's path
---@return heddle.mix.Mix  raises a usage failure for an unknown name, and `{failed=}` with the
---  file, the line or key and what was expected for a broken mix
function mix_load.load(word)
  local names, sources = mix_load.known()
  if sources[word] then
    local shown = ("scripts/%s%s.lua"):format(FOLDER, word)
    return run(load(sources[word], "@" .. shown), nil, shown)
  end
  if files.exists(word) then
    local chunk, why = loadfile(word)
    return run(chunk, why, word)
  end
  if word:find "[./]" then fail("%s: there is no such file", word) end
  usage.unknown("unknown mix", word, names)
end


--- Reads a mix with another number of jobs.
---@param word string  as for mix_load.load
---@param jobs? integer  nil: as many as it has
---@return heddle.mix.Mix  raises as mix_load.load does, and a usage failure where its trace is too
---  short for them
function mix_load.resized(word, jobs)
  local made = mix_load.load(word)
  local ok, other = pcall(made.resized, made, jobs)
  if ok then return other end
  local why = other:gsub("^.-mix%.new: ", "")
  usage.fail("--jobs: %s", (why:gsub(" %[.-%]$", "")))
end


return mix_load
