--- What `help(x)` says: the doc comments of the library, found by name, function, module or object.
-- Stands on: heddle.reference (made from the comments), heddle.usage.

local reference = require "heddle.reference"
local usage = require "heddle.usage"

local help = {}

local GENERAL = [[
help(queue.new), help "lock:acquire", help(queue), help(object) say more. The modules:
  ]]
local NOTHING = "nil has no help: help \"name\" looks a name up, help() lists the modules"
local STANDARD = { "string", "table", "math", "io", "os", "coroutine", "utf8", "debug", "package",
  "_G" }
local MODELS = { task = true, thread = true, isolate = true, process = true }
local STANDARD_TEXT = "%s is Lua's own: https://www.lua.org/manual/5.4/manual.html#pdf-%s"


--- Names of entries that begin with a prefix, in order.
local function names_with(prefix)
  local found = {}
  for name in pairs(reference) do
    if name:sub(1, #prefix) == prefix and name:sub(1, 1) ~= "@" then found[#found + 1] = name end
  end
  table.sort(found)
  return found
end


--- The first sentence of an entry's text, which may go over several lines.
local function first_sentence(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do
    if line:find "^%u%l+:$" or line:find "^  " or line:find "^```" then break end
    lines[#lines + 1] = line
  end
  local joined = table.concat(lines, " ")
  return joined:match "^(.-[^.]%.)%s+[%u`]" or joined
end


local function overview(names)
  local lines = {}
  for i, name in ipairs(names) do
    local signature, rest = reference[name]:match "^([^\n]*)\n?(.*)"
    local sentence = first_sentence(rest)
    lines[i] = sentence == "" and signature or ("%s\n    %s"):format(signature, sentence)
  end
  return table.concat(lines, "\n")
end


local function modules()
  local list = {}
  for name in pairs(reference) do list[#list + 1] = name:match "^@(.*)" end
  table.sort(list)
  return list
end


--- The example of a module's head, for a function that has none of its own.
local function with_example(name)
  local text, head = reference[name], reference["@" .. (name:match "^%w+" or "")]
  if text:find "\n    %S" or text:find "\n```" or not head then return text end
  local example = {}
  for line in head:gmatch "[^\n]+" do example[#example + 1] = line:match "^    .*" end
  if #example == 0 then return text end
  return text .. "\nExample:\n" .. table.concat(example, "\n")
end


--- A module or class: what it is, and all it has.
local function whole(name, inside)
  local parts = { reference["@" .. name], reference[name], overview(inside) }
  local texts = {}
  for i = 1, 3 do texts[#texts + 1] = parts[i] end
  return table.concat(texts, "\n\n")
end


local function by_name(name)
  local module = name:match "^heddle%.(%w+)"
  if module and reference["@" .. module] then name = name:sub(#"heddle." + 1) end
  local inside = names_with(name .. ".")
  for _, method in ipairs(names_with(name .. ":")) do inside[#inside + 1] = method end
  if #inside > 0 then return whole(name, inside) end
  if reference[name] then return with_example(name) end
  local near = usage.nearest(name, names_with "")
  local hint = near and ("; did you mean '%s'?"):format(near) or ""
  return ("nothing is known of '%s'%s"):format(name, hint)
end


--- A function's name among the methods of heddle's classes.
local function method_name(fn)
  for class, meta in next, debug.getregistry() do
    local short = type(class) == "string" and class:match "^heddle%.([%w_]+)$"
    local methods = short and type(meta) == "table" and (rawget(meta, "methods")
      or rawget(meta, "__index"))
    for key, method in next, type(methods) == "table" and methods or {} do
      local name = short .. ":" .. tostring(key)
      if rawequal(method, fn) and reference[name] then return name end
    end
  end
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
  return type(value) == "function" and method_name(value) or nil
end


--- The name of a function or table of Lua's own.
local function standard_name(value)
  for _, library in ipairs(STANDARD) do
    local loaded = package.loaded[library]
    if rawequal(loaded, value) and library ~= "_G" then return library end
    for key, field in next, type(loaded) == "table" and loaded or {} do
      if type(field) == "function" and rawequal(field, value) and type(key) == "string" then
        return library == "_G" and key or library .. "." .. key
      end
    end
  end
end


local function of_function(fn)
  local info = debug.getinfo(fn, "S")
  return ("a function %s"):format(info.what == "C" and "in C"
    or ("of %s:%d; src(f) shows it"):format(info.short_src, info.linedefined))
end


---What is known of a value.
---
---    print(help.text "queue.new")
---@param ... any  a name, function, module or object; none for an overview
---@return string
function help.text(...)
  local what = ...
  if select("#", ...) == 0 then return GENERAL .. table.concat(modules(), " ") end
  if what == nil then return NOTHING end
  if type(what) == "string" then return by_name(what) end
  local name = name_of(what)
  if name then return by_name(name) end
  local standard = standard_name(what)
  if standard then return STANDARD_TEXT:format(standard, standard) end
  if type(what) == "function" then return of_function(what) end
  name = tostring(what):match "^(%a+)"
  if type(what) == "userdata" and MODELS[name] then name = "handle" end
  if name and #names_with(name .. ":") > 0 then return by_name(name) end
  return ("%s: a %s"):format(tostring(what), type(what))
end


return help
