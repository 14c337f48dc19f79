--- Columns of numbers read from text files, for mix.empirical and mix.trace: one number a line, or
-- a table whose cells are parted by commas, semicolons, tabs or spaces, with or without a line of
-- names on top.
-- Stands on: heddle.usage.

local usage = require "heddle.usage"

local mix_table = {}


local function cells(line)
  local list = {}
  local pattern = line:find "[,;\t]" and "([^,;\t]*)[,;\t]?" or "(%S+)%s*"
  for cell in line:gmatch(pattern) do list[#list + 1] = cell:match '^%s*"?(.-)"?%s*$' end
  return list
end


local function has_number(list)
  for _, cell in ipairs(list) do
    if tonumber(cell) then return true end
  end
  return false
end


--- The place of a column that is named, or given by its number from 1.
local function place_of(column, names, path)
  if math.type(column) == "integer" and column >= 1 then return column end
  for i, name in ipairs(names or {}) do
    if name == column then return i end
  end
  local near = names and type(column) == "string" and usage.nearest(column, names)
  error(("column: %s expected, got '%s'%s"):format(
    names and "one of " .. table.concat(names, ", ") or "the number of a column of " .. path,
    tostring(column), near and (": did you mean '%s'?"):format(near) or ""), 0)
end


local function open(path)
  local file, why = io.open(path, "r")
  if not file then error("file: can't read " .. why, 0) end
  return file
end


--- Reads one column of a file.
---@param path string
---@param column? string|integer  its name in the first line, or its number; default: the first one
---@return number[] list  raises, without a position, what is wrong with the file or the column
function mix_table.read(path, column)
  local file <close> = open(path)
  local list, number, place = {}, 0, nil
  for line in file:lines() do
    number = number + 1
    local row = cells(line)
    local text = not line:find "^%s*#" and line:find "%S" and row or nil
    if text and not place then
      local names = not has_number(row) and row or nil
      place = place_of(column or 1, names, path)
      if names then text = nil end
    end
    if text then
      list[#list + 1] = tonumber(row[place])
        or error(("%s:%d: a number expected in column %d, got '%s'"):format(path, number, place,
          row[place] or ""), 0)
    end
  end
  return list
end


return mix_table
