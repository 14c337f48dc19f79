--- What could stand before the cursor: names of globals, locals kept, fields, methods, modules.
-- Stands on: heddle.repl_entry, heddle.native.keys.

local entry = require "heddle.repl_entry"
local keys = require "heddle.native.keys"

local complete = {}

-- What an entry does to the globals of these names stays its own.
local debug, ipairs, math, next, package, pcall, rawget, table, type = debug, ipairs, math, next,
  package, pcall, rawget, table, type

local WORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch "%a+" do WORDS[#WORDS + 1] = word end


--- Calls fn(name) for each string key of the tables in which `value` looks its fields up.
local function each_field(value, fn)
  for _ = 1, 8 do
    local meta = debug.getmetatable(value)
    if type(value) == "table" then
      for key in next, value do
        if type(key) == "string" then fn(key) end
      end
    end
    if type(meta) ~= "table" then return end
    local index = rawget(meta, "methods") or rawget(meta, "__index")
    if type(index) ~= "table" then return end
    value = index
  end
end


--- The value of a path like `a.b:c` without its last name; nil when there is none.
local function value_of(path, globals)
  local value, found
  for name in path:gmatch "[%a_][%w_]*" do
    if found == nil then
      value, found = entry.value(name)
      if not found then value = globals[name] end
      found = true
    else
      local ok, next_value = pcall(function() return value[name] end)
      value = ok and next_value or nil
    end
    if value == nil then return nil end
  end
  return value
end


local function add_matching(list, seen, name, prefix)
  if name:sub(1, #prefix) == prefix and not seen[name] and name:match "^[%a_][%w_]*$"
    and (name:sub(1, 2) ~= "__" or prefix:sub(1, 2) == "__") then
    seen[name] = true
    list[#list + 1] = name
  end
end


local function fields(path, prefix, globals)
  local list, seen = {}, {}
  local value = value_of(path, globals)
  if value == nil then return list end
  each_field(value, function(name) add_matching(list, seen, name, prefix) end)
  return list
end


local function top_names(prefix, globals, modules)
  local list, seen = {}, {}
  for _, name in ipairs(entry.locals()) do add_matching(list, seen, name, prefix) end
  each_field(globals, function(name) add_matching(list, seen, name, prefix) end)
  for _, name in ipairs(modules) do add_matching(list, seen, name, prefix) end
  for _, name in ipairs(WORDS) do add_matching(list, seen, name, prefix) end
  return list
end


local function module_names(prefix, modules)
  local list = {}
  local function add(name)
    if name:sub(1, #prefix) == prefix then list[#list + 1] = name end
  end
  for _, name in ipairs(modules) do add("heddle." .. name) end
  for name in next, package.loaded do
    if not name:find "^heddle%." then add(name) end
  end
  return list
end


---@param text string  what stands before the cursor
---@param globals table  where globals are looked up
---@param modules string[]  names of heddle's modules
---@return string[] found  whole names, in order
---@return string prefix  the part of the name that is there
function complete.find(text, globals, modules)
  local module = text:match "require%s*%(?%s*[\"']([%w_.]*)$"
  local path, prefix = text:match "([%a_][%w_.:]*)[.:]([%w_]*)$"
  prefix = prefix or text:match "([%a_][%w_]*)$" or ""
  local list
  if module then
    list, prefix = module_names(module, modules), module
  elseif path then
    list = fields(path, prefix, globals)
  else
    list = top_names(prefix, globals, modules)
  end
  table.sort(list)
  return list, prefix
end


local function common_start(list)
  local common = list[1]
  for _, name in ipairs(list) do
    while name:sub(1, #common) ~= common do common = common:sub(1, -2) end
  end
  return common
end


--- Names in columns, as many as the terminal has room for.
local function in_columns(list)
  local width = keys.size(0) or 80
  local widest = 0
  for _, name in ipairs(list) do widest = math.max(widest, #name) end
  local columns = math.max(1, (width - 1) // (widest + 2))
  local lines, rows = {}, (#list + columns - 1) // columns
  for row = 1, rows do
    local cells = {}
    for i = row, #list, rows do cells[#cells + 1] = list[i] .. (" "):rep(widest - #list[i]) end
    lines[row] = table.concat(cells, "  "):gsub(" +$", "")
  end
  return table.concat(lines, "\n")
end


---@return string insert  what to put in at the cursor; at the beginning of a line: spaces
---@return string list  what to show when there are several and none goes further
function complete.answer(text, globals, modules)
  if not text:find "[^ ]" then return "  ", "" end
  local list, prefix = complete.find(text, globals, modules)
  if #list == 0 then return "", "" end
  local insert = common_start(list):sub(#prefix + 1)
  if #list == 1 or insert ~= "" then return insert, "" end
  return "", in_columns(list)
end


return complete
