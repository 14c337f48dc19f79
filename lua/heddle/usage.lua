--- What the commands' arguments mean: numbers, durations, names, and what to say about a wrong
-- one. A wrong use is raised by `usage.fail` and caught by the command line, which prints it as
-- one line.
-- Stands on: nothing.

local usage = {}

local YEAR = 365 * 24 * 3600.0
local LONGEST = 100 * YEAR -- of a duration
local UNITS = { us = 1e-6, ms = 1e-3, s = 1, m = 60, min = 60, h = 3600 }


---@class heddle.usage.Error
---@field usage string
local Error = { __name = "heddle.usage", __tostring = function(self) return self.usage end }


--- Ends the command: it was used wrongly.
---@param text string  a format: what was wrong, and what would be right
function usage.fail(text, ...)
  error(setmetatable({ usage = text:format(...) }, Error), 0)
end


--- Writes a result whole; a file that is full or closed ends the command.
---@param file file*
---@param text string  a newline is added
function usage.write(file, text)
  local ok, why = file:write(text, "\n")
  if ok then ok, why = file:flush() end
  if not ok then error({ failed = "can't write the output: " .. tostring(why) }, 0) end
end


---@return boolean  whether an error was raised by usage.fail
function usage.is_failure(err)
  return getmetatable(err) == Error
end


--- Whether an error is the interruption of Ctrl-C.
---@param err any
---@return boolean
function usage.is_interrupt(err)
  return type(err) == "table" and err.code == "cancelled" and err.reason == "interrupted"
end


--- One row of the edit distance's table, for one more letter of `a`, from the two rows before it.
local function next_row(rows, a, b, i)
  local row, above, higher = { [0] = i }, rows[i - 1], rows[i - 2]
  for j = 1, #b do
    local same = a:byte(i) == b:byte(j)
    row[j] = math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (same and 0 or 1))
    local swapped = higher and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j)
    if swapped then row[j] = math.min(row[j], higher[j - 2] + 1) end
  end
  return row
end


--- How many letters must be put in, taken out, changed or swapped to make one word the other.
---@param a string
---@param b string
---@return integer
function usage.distance(a, b)
  local rows = { [0] = {} }
  for j = 0, #b do rows[0][j] = j end
  for i = 1, #a do rows[i] = next_row(rows, a, b, i) end
  return rows[#a][#b]
end


--- The known word that a mistyped one most likely meant: one that it begins, or a near one.
---@param word string
---@param known string[]
---@return string? word  nil when none is near
function usage.nearest(word, known)
  word = word:lower()
  local best, least = nil, math.max(#word > 3 and 2 or 1, #word // 3) + 1
  for _, candidate in ipairs(known) do
    local begun = #word >= 3 and candidate:sub(1, #word) == word
    local d = begun and 0.5 or usage.distance(word, candidate)
    if d < least then best, least = candidate, d end
  end
  return best
end


--- Says that a word is not known, and which one was meant, or which there are.
---@param what string  "unknown model"
---@param word string  as it was typed
---@param known string[]
---@param prefix? string  what stands before each known word, "--"
function usage.unknown(what, word, known, prefix)
  prefix = prefix or ""
  local near = usage.nearest(word:match "^%-*(.*)", known)
  local hint = near and ("did you mean '%s%s'?"):format(prefix, near)
    or ("there are %s%s"):format(prefix, table.concat(known, ", " .. prefix))
  usage.fail("%s '%s': %s", what, word, hint)
end


--- Reads a whole number.
---@param name string  the option, for the message
---@param text string
---@param least integer
---@param most integer
---@return integer
function usage.whole(name, text, least, most)
  local n = text:match("^[+-]?%d+$") and math.tointeger(tonumber(text))
  if not n and least == math.mininteger then
    usage.fail("%s: a whole number of at most 64 bits expected, got '%s'", name, text)
  elseif not n or n < least or n > most then
    usage.fail("%s: a whole number from %d to %d expected, got '%s'", name, least, most, text)
  end
  return n
end


--- Reads a duration: seconds, or a number with a unit.
---@param name string  the option, for the message
---@param text string
---@return number seconds
function usage.duration(name, text)
  local number, unit = text:match("^(%d*%.?%d*)%s*(%a*)$")
  local value, factor = tonumber(number), UNITS[unit == "" and "s" or unit]
  if not value or not factor then
    usage.fail("%s: a duration such as 10, 2s or 250ms expected, got '%s'", name, text)
  elseif value * factor > LONGEST then
    usage.fail("%s: at most %.0f years expected, got '%s'", name, LONGEST / YEAR, text)
  end
  return value * factor
end


--- Reads one word out of several.
---@param name string  the option, for the message
---@param text string
---@param known string[]
---@return string
function usage.one_of(name, text, known)
  for _, word in ipairs(known) do
    if word == text then return word end
  end
  local near = usage.nearest(text, known)
  usage.fail("%s: one of %s expected, got '%s'%s", name, table.concat(known, ", "), text,
    near and (": did you mean '%s'?"):format(near) or "")
end


return usage
