-- What the code at the end of an error message means: `heddle explain CODE`.
local codes = require "heddle.explain_codes"
local usage = require "heddle.usage"

local explain = {}

local WIDTH = 80

local HELP = [[
Usage: heddle explain [CODE]

Says what the code in brackets at the end of an error message means, what to do
about it, and shows an example. Without CODE it lists all codes.

Examples:
   heddle explain lock-not-held
   heddle explain]]


-- The text in lines of at most WIDTH characters, each after `lead`.
local function wrap(text, lead)
  local lines, line = {}, lead
  for word in text:gmatch "%S+" do
    if #line + #word + 1 > WIDTH and line ~= lead then
      lines[#lines + 1] = line
      line = lead
    end
    line = line .. (line == lead and "" or " ") .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end


local function example(title, code)
  return ("\n%s\n%s"):format(title, ("  " .. code):gsub("  ([^ ])", "\n    %1"):sub(2))
end


---All codes, in order.
---@return string[]
function explain.codes()
  local names = {}
  for name in pairs(codes) do names[#names + 1] = name end
  table.sort(names)
  return names
end


---What a code means, as text.
---@param name string with or without its brackets
---@return string? text nil where there is no such code
function explain.text(name)
  name = name:match "^%[(.*)%]$" or name
  local code = codes[name]
  if not code then return nil end
  local parts = { name, wrap(code.means, "  "), "\nWhat to do", wrap(code.remedy, "  ") }
  if code.wrong then parts[#parts + 1] = example("Raises it", code.wrong) end
  if code.right then parts[#parts + 1] = example("As it should be", code.right) end
  return table.concat(parts, "\n")
end


-- A line for each code: the first sentence of what it means.
local function list()
  for _, name in ipairs(explain.codes()) do
    local means = codes[name].means
    local first = means:match "^(.-)[.:]%s" or means:match "^(.*)%."
    usage.write(io.stdout, ("%-18s %s"):format(name, first))
  end
end


---The command `heddle explain`.
---@param words string[]
---@return integer status
function explain.main(words)
  if words[1] == "--help" or words[1] == "-h" then
    usage.write(io.stdout, HELP)
    return 0
  elseif words[2] then
    usage.fail("explain takes one code, got '%s' too", words[2])
  elseif not words[1] then
    list()
    return 0
  end
  local text = explain.text(words[1])
  if not text then
    usage.unknown("explain: unknown code", words[1]:gsub("[%[%]]", ""), explain.codes())
  end
  usage.write(io.stdout, text)
  return 0
end


return explain
