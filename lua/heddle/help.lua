--- What `help(x)` says: the doc comments of the library, found by name, function, module or object.
-- Stands on: heddle.reference (made from the comments), heddle.usage.

local reference = require "heddle.reference"
local usage = require "heddle.usage"

local help = {}

local GENERAL = [[
help(queue.new), help "lock:acquire", help(queue), help(object) say more. The modules:
  ]]


--- Names of entries that begin with a prefix, in order.
local function names_with(prefix)
  local found = {}
  for name in pairs(reference) do
    if name:sub(1, #prefix) == prefix then found[#found + 1] = name end
  end
  table.sort(found)
  return found
end


local function first_lines(names)
  local lines = {}
  for i, name in ipairs(names) do
    local signature, text = reference[name]:match "^([^\n]*)\n?([^\n]*)"
    lines[i] = text == "" and signature or ("%s\n    %s"):format(signature, text)
  end
  return table.concat(lines, "\n")
end


local function modules()
  local seen, list = {}, {}
  for name in pairs(reference) do
    local module = name:match "^(%w+)%."
    if module and not seen[module] then
      seen[module] = true
      list[#list + 1] = module
    end
  end
  table.sort(list)
  return list
end


local function by_name(name)
  name = name:gsub("^heddle%.(%w+[.:])", "%1")
  local inside = names_with(name .. ".")
  for _, method in ipairs(names_with(name .. ":")) do inside[#inside + 1] = method end
  if #inside > 0 then
    return (reference[name] and reference[name] .. "\n\n" or "") .. first_lines(inside)
  end
  if reference[name] then return reference[name] end
  local all = names_with ""
  local near = usage.nearest(name, all)
  local hint = near and ("; did you mean '%s'?"):format(near) or ""
  return ("nothing is known of '%s'%s"):format(name, hint)
end


--- The public name of a function or of a module's table.
local function name_of(value)
  for _, module in ipairs(modules()) do
    local loaded = package.loaded[module == "heddle" and "heddle" or "heddle." .. module]
    if loaded == value then return module end
    for key, field in next, type(loaded) == "table" and loaded or {} do
      if rawequal(field, value) and reference[module .. "." .. tostring(key)] then
        return module .. "." .. key
      end
    end
  end
end


local function of_function(fn)
  local name = name_of(fn)
  if name then return reference[name] end
  local info = debug.getinfo(fn, "S")
  return ("a function %s"):format(info.what == "C" and "in C"
    or ("of %s:%d; src(f) shows it"):format(info.short_src, info.linedefined))
end


---What is known of a value.
---
---    print(help.text "queue.new")
---@param what any  a name, function, module or object; nil for an overview
---@return string
function help.text(what)
  if what == nil then return GENERAL .. table.concat(modules(), " ") end
  if type(what) == "string" then return by_name(what) end
  if type(what) == "function" then return of_function(what) end
  local name = name_of(what) or tostring(what):match "^(%a+)"
  if #names_with(name .. ":") + #names_with(name .. ".") > 0 then return by_name(name) end
  return ("%s: a %s"):format(tostring(what), type(what))
end


return help
