--- Values as text, for people: tables with limits on depth, size and width; cycles are named.
-- Stands on: nothing.

local pretty = {}

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch "%a+" do KEYWORDS[word] = true end

local ORDER = { number = 1, string = 2, boolean = 3 }


local function quoted(text, most)
  local cut = #text > most and text:sub(1, most) or text
  local body = ("%q"):format(cut):gsub("\\\n", "\\n"):gsub("\\(%d%d?%d?)", function(code)
    return ("\\%d"):format(code)
  end)
  return cut == text and body or ("%s… (%d bytes)"):format(body, #text)
end


local function key_text(key, state)
  if type(key) == "string" and key:match "^[%a_][%w_]*$" and not KEYWORDS[key] then return key end
  return "[" .. (type(key) == "string" and quoted(key, 60) or state.show(key, math.huge)) .. "]"
end


local function before(a, b)
  local ka, kb = ORDER[type(a)] or 4, ORDER[type(b)] or 4
  if ka ~= kb then return ka < kb end
  if ka <= 2 then return a < b end
  return tostring(a) < tostring(b)
end


--- The keys outside of the list part, in order.
local function other_keys(t, length)
  local keys = {}
  for key in next, t do
    local listed = math.type(key) == "integer" and key >= 1 and key <= length
    if not listed then keys[#keys + 1] = key end
  end
  table.sort(keys, before)
  return keys
end


--- The texts of a table's items, as many as the limit allows.
local function items_of(t, state, depth)
  local items, length = {}, rawlen(t)
  for i = 1, math.min(length, state.items) do
    items[i] = state.show(rawget(t, i), depth + 1)
  end
  local keys = other_keys(t, length)
  for _, key in ipairs(keys) do
    if #items >= state.items then break end
    items[#items + 1] = key_text(key, state) .. " = " .. state.show(rawget(t, key), depth + 1)
  end
  local left = length + #keys - #items
  if left > 0 then items[#items + 1] = ("… %d more"):format(left) end
  return items
end


--- In one line where it fits, else an item a line.
local function laid_out(items, state, depth)
  local line = "{ " .. table.concat(items, ", ") .. " }"
  local indent = ("  "):rep(depth)
  if #line + #indent <= state.width and not line:find("\n", 1, true) then return line end
  return "{\n" .. indent .. "  " .. table.concat(items, ",\n" .. indent .. "  ") .. "\n"
    .. indent .. "}"
end


local function show_table(t, state, depth)
  if state.open[t] then return "<cycle to " .. state.open[t] .. ">" end
  local meta = debug.getmetatable(t)
  if type(meta) == "table" and rawget(meta, "__tostring") then return tostring(t) end
  if next(t) == nil then return "{}" end
  if depth >= state.depth then return "{…}" end
  state.open[t] = depth == 0 and "the top" or "level " .. depth
  local items = items_of(t, state, depth)
  state.open[t] = nil
  return laid_out(items, state, depth)
end


local function show_function(fn)
  local info = debug.getinfo(fn, "S")
  if info.what == "C" then return tostring(fn) end
  return ("function <%s:%d>"):format(info.short_src, info.linedefined)
end


---A value as text.
---
---    print(pretty.text({ 1, 2, name = "x" }))   --> { 1, 2, name = "x" }
---@param value any
---@param options? {depth: integer, width: integer, items: integer, bytes: integer}
---  levels of tables (4), columns (80), items of each table (50), bytes of each string (200)
---@return string
function pretty.text(value, options)
  options = options or {}
  local state = {
    depth = options.depth or 4, width = options.width or 80, items = options.items or 50,
    bytes = options.bytes or 200, open = {},
  }
  function state.show(v, depth)
    local kind = type(v)
    if kind == "string" then return quoted(v, state.bytes) end
    if kind == "table" then return show_table(v, state, depth) end
    if kind == "function" then return show_function(v) end
    return tostring(v)
  end
  return state.show(value, 0)
end


return pretty
