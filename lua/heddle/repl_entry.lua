--- What is typed into the REPL, as functions: an entry's top-level locals live on to later entries.
-- They are kept as upvalues: each entry is compiled as a function inside a chunk that declares the
-- locals kept so far, and its upvalues are joined with theirs, so that an old function and a new
-- entry share one variable.
-- Stands on: nothing.

local entry = {}

local MOST_LOCALS = 150 -- Lua allows 200 in a function

local names = {}   -- of the locals kept, the oldest first
local kept = {}    -- by name: a function and which of its upvalues the variable is
local sources = {} -- by chunk name: the lines of an entry
local count = 0

local concat, debug, load, next = table.concat, debug, load, next


---@return string[] names  of the locals kept
function entry.locals() return names end


---The value of a local that was kept.
---@param name string
---@return any value
---@return boolean found
function entry.value(name)
  local cell = kept[name]
  if not cell then return nil, false end
  local _, value = debug.getupvalue(cell.fn, cell.index)
  return value, true
end


---The lines of an entry by the name that errors show, "[3]".
---@param name string
---@return string[]?
function entry.lines(name) return sources[name] end


local function keep_name(name, fn, index)
  if not kept[name] then names[#names + 1] = name end
  kept[name] = { fn = fn, index = index }
  if #names > MOST_LOCALS then kept[table.remove(names, 1)] = nil end
end


--- Constants have no variable to share: their values are kept.
local function keep_constants(kept_values)
  for name, value in next, kept_values do
    keep_name(name, function() return value end, 1)
  end
end


--- Called at the end of an entry with a function that uses its locals: those that are variables of
--- the entry are its upvalues.
local function keep(fn, constants)
  keep_constants(constants)
  for index = 1, math.huge do
    local name = debug.getupvalue(fn, index)
    if not name then return end
    if name ~= "_ENV" then keep_name(name, fn, index) end
  end
end


--- Names that may be top-level locals of the source; those that are not turn out to be globals.
local function candidates(source)
  local found, seen = {}, {}
  local function add(name)
    if not seen[name] then found[#found + 1] = name end
    seen[name] = true
  end
  for list in source:gmatch "local%s+([%a_][%w_,%s<>]*)" do
    for name, attribute in list:gmatch "([%a_][%w_]*)%s*(<?)" do
      if attribute == "<" or name == "close" or name == "const" then
        seen[name] = true
      elseif load("local " .. name) then
        add(name)
      end
    end
  end
  for name in source:gmatch "local%s+function%s+([%a_][%w_]*)" do add(name) end
  return found
end


--- Around an expression: what it calls is no tail call, so that its place is known.
local function all(...) return ... end


local function header()
  local declared = #names > 0 and "local " .. concat(names, ", ") .. "; " or ""
  return "local __keep, __values = ...; " .. declared .. "return function(...) "
end


--- Compiles a body inside the header; nil when it does not compile.
local function wrapped(body, name)
  local outer, why = load(header() .. body .. "\nend", name, "t")
  if not outer then return nil, why end
  local fn = outer(keep, all)
  for index = 1, math.huge do
    local upvalue = debug.getupvalue(fn, index)
    if not upvalue then return fn end
    local cell = kept[upvalue]
    if cell then debug.upvaluejoin(fn, index, cell.fn, cell.index) end
  end
end


--- Names of the constants that the end of a source sees.
local function constants(source)
  local found = {}
  for name in source:gmatch "([%a_][%w_]*)%s*<%s*const%s*>" do
    local _, why = load(source .. "\n;" .. name .. " = nil", "=", "t")
    if why and why:find("attempt to assign to const variable '" .. name .. "'", 1, true) then
      found[#found + 1] = ("%s = %s"):format(name, name)
    end
  end
  return found
end


--- What follows a source: its locals are kept. Nil where it has none.
local function tail_of(source)
  local locals, values = candidates(source), constants(source)
  if #locals + #values == 0 then return nil end
  return (";__keep(function() return %s end, { %s }) "):format(concat(locals, ", "),
    concat(values, ", "))
end


--- One that ends in `return`: what is kept is kept before it.
local function returning(source, name)
  local places = {}
  for at in source:gmatch "()%f[%w_]return%f[^%w_]" do places[#places + 1] = at end
  for i = #places, 1, -1 do
    local before, after = source:sub(1, places[i] - 1), source:sub(places[i])
    local tail = load(before, "=", "t") and load(after, "=", "t") and tail_of(before)
    local fn = tail and wrapped(before .. tail .. after, name)
    if fn then return fn end
  end
end


local function statement(source, name)
  local tail = tail_of(source)
  return tail and (wrapped(source .. "\n" .. tail, name) or returning(source, name))
    or wrapped(source, name)
end


local function remember(name, source)
  local lines = {}
  for line in (source .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  sources[name] = lines
end


--- Whether more lines may mend a source that does not compile.
local function is_unfinished(source)
  local _, why = load(source .. "\n", "=", "t") -- a string ends with its line
  return why ~= nil and why:find "<eof>'?$" ~= nil
end


---What an unfinished source lacks.
---@param source string
---@return string
function entry.problem(source)
  local _, why = load(source, "=[" .. (count + 1) .. "]", "t")
  return why or "unfinished"
end


---Makes a function of what was typed.
---@param source string
---@param label? string  what errors call it; by default [1], [2] …
---@return function? fn  nil when it does not compile
---@return string? why  "unfinished" when more lines may mend it, else the message
function entry.compile(source, label)
  local name = label or "[" .. (count + 1) .. "]"
  local fn
  source = source:gsub("^%s*=([^=])", "return %1", 1) -- as in Lua 5.1
  if load("return " .. source, "=" .. name, "t") then
    fn = wrapped("return __values(" .. source .. "\n)", "=" .. name)
  else
    local fine, why = load(source, "=" .. name, "t")
    if not fine then
      local more = is_unfinished(source) or is_unfinished("return " .. source)
      return nil, more and "unfinished" or why
    end
    fn = statement(source, "=" .. name)
  end
  if not label then count = count + 1 end
  remember(name, source)
  return fn
end


return entry
