--- Values as text, for people: tables with limits on depth, size and width; cycles are named.
-- Stands on: nothing, so that what a user does to globals does not matter.

local pretty = {}

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch "%a+" do KEYWORDS[word] = true end

local ORDER = { number = 1, string = 2, boolean = 3 }
local ESCAPES = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\" }

local error, ipairs = error, ipairs
local concat, getinfo, getmetatable = table.concat, debug.getinfo, debug.getmetatable
local huge, math_type, min, next, pcall = math.huge, math.type, math.min, next, pcall
local rawget, rawlen, sort, tostring, type = rawget, rawlen, table.sort, tostring, type
local byte, char_pattern, utf8_len = string.byte, utf8.charpattern, utf8.len


-- Strings ----------------------------------------------------------------------------------------

-- The text may be followed by a digit.
local function escape(byte_there, after)
  return ESCAPES[byte_there] or (after:find "^%d" and "\\%03d" or "\\%d"):format(byte(byte_there))
end


-- Control characters of more than one byte, which terminals obey as well.
local function is_control(character)
  return character:find "^\xc2[\x80-\x9f]$" ~= nil or character:find "^\xe2\x80[\xa8-\xae]$" ~= nil
end


-- The bytes as Lua would read them again; characters stay as they are.
local function escaped(text)
  local out, at = {}, 1
  while at <= #text do
    local plain = text:match('^[^%c"\\\x7f-\xff]+', at)
    local character = not plain and text:match("^[\xc2-\xf4][\x80-\xbf]+", at)
    character = character and character:match("^" .. char_pattern)
    if character and (not utf8_len(character) or is_control(character)) then character = nil end
    local piece = plain or character
    out[#out + 1] = piece or escape(text:sub(at, at), text:sub(at + 1, at + 1))
    at = at + (piece and #piece or 1)
  end
  return concat(out)
end


-- At most so many bytes, and whole characters.
local function cut(text, most)
  if #text <= most then return text end
  local last = most
  while last > 0 and most - last < 4 and text:find("^[\x80-\xbf]", last + 1) do last = last - 1 end
  return text:sub(1, last)
end


local function quoted(text, most)
  local shown = cut(text, most)
  local body = '"' .. escaped(shown) .. '"'
  return shown == text and body or ("%s… (%d bytes)"):format(body, #text)
end


-- Tables -----------------------------------------------------------------------------------------

-- Its own text; what keeps it from having one is named, so that showing a value never fails. A
-- request to stop passes.
local function own_text(value)
  local ok, text = pcall(tostring, value)
  if ok then return text end
  if type(text) == "table" and rawget(text, "code") == "cancelled" then error(text, 0) end
  local shown = type(text) == "string" and text or "an error that is a " .. type(text)
  return ("<%s whose __tostring raises: %s>"):format(type(value), shown)
end


local function key_text(key, state)
  if type(key) == "string" and key:match "^[%a_][%w_]*$" and not KEYWORDS[key] then return key end
  return "[" .. (type(key) == "string" and quoted(key, 60) or state.show(key, huge)) .. "]"
end


-- In the order of keys; `texts` has those of keys that have no order of their own.
local function by_key(texts)
  return function(a, b)
    local ka, kb = ORDER[type(a)] or 4, ORDER[type(b)] or 4
    if ka ~= kb then return ka < kb end
    if ka <= 2 then return a < b end
    return texts[a] < texts[b]
  end
end


-- The keys outside of the list part, in order.
local function other_keys(t, length)
  local keys, texts = {}, {}
  for key in next, t do
    local listed = math_type(key) == "integer" and key >= 1 and key <= length
    if not listed then
      keys[#keys + 1] = key
      if not ORDER[type(key)] or type(key) == "boolean" then texts[key] = own_text(key) end
    end
  end
  sort(keys, by_key(texts))
  return keys
end


-- The texts of a table's items, as many as the limit allows; how many are of the list part; how
-- many more there are.
local function items_of(t, state, depth)
  local items, length = {}, rawlen(t)
  for i = 1, min(length, state.items) do
    if state.left <= 0 then break end
    state.left = state.left - 1
    items[i] = state.show(rawget(t, i), depth + 1)
  end
  local listed, keys = #items, other_keys(t, length)
  for _, key in next, keys do
    if #items >= state.items or state.left <= 0 then break end
    state.left = state.left - 1
    items[#items + 1] = key_text(key, state) .. " = " .. state.show(rawget(t, key), depth + 1)
  end
  return items, listed, length + #keys - #items
end


local function width_of(text) return utf8_len(text) or #text end


-- Joins short items of a list into lines; an item of several lines stands alone.
local function filled(items, listed, room)
  local lines, line = {}, nil
  for i, item in ipairs(items) do
    local fits = i <= listed and line and width_of(line) + 2 + width_of(item) < room
      and not item:find("\n", 1, true)
    if fits then
      line = line .. ", " .. item
    else
      lines[#lines + 1] = line
      line = item
    end
  end
  lines[#lines + 1] = line
  return lines
end


-- In one line where it fits, else the list filling lines, and a line for each other item.
local function laid_out(prefix, items, listed, more, state, depth)
  if more > 0 then items[#items + 1] = ("… %d more"):format(more) end
  local line = prefix .. "{ " .. concat(items, ", ") .. " }"
  local indent = ("  "):rep(depth)
  if width_of(line) + #indent <= state.width and not line:find("\n", 1, true) then return line end
  local lines = filled(items, listed, state.width - #indent - 2)
  return prefix .. "{\n" .. indent .. "  " .. concat(lines, ",\n" .. indent .. "  ") .. "\n"
    .. indent .. "}"
end


local function show_table(t, state, depth)
  if state.open[t] then return "<cycle to " .. state.open[t] .. ">" end
  local meta = getmetatable(t)
  local is_class = type(meta) == "table"
  if is_class and rawget(meta, "__tostring") then return own_text(t) end
  local name = is_class and rawget(meta, "__name")
  local prefix = type(name) == "string" and name .. " " or ""
  if next(t) == nil then return prefix .. "{}" end
  if depth >= state.depth or state.left <= 0 then return prefix .. "{…}" end
  state.open[t] = depth == 0 and "the top" or "level " .. depth
  local items, listed, more = items_of(t, state, depth)
  state.open[t] = nil
  return laid_out(prefix, items, listed, more, state, depth)
end


local function show_function(fn)
  local info = getinfo(fn, "S")
  if info.what == "C" then return tostring(fn) end
  return ("function <%s:%d>"):format(info.short_src, info.linedefined)
end


---A value as text.
---
---    print(pretty.text({ 1, 2, name = "x" }))   --> { 1, 2, name = "x" }
---@param value any
---@param options? {depth: integer, width: integer, items: integer, bytes: integer, total: integer}
---  levels of tables (4), columns (80), items of each table (50), bytes of each string (200), items
---  in all (500)
---@return string
function pretty.text(value, options)
  options = options or {}
  local state = {
    depth = options.depth or 4, width = options.width or 80, items = options.items or 50,
    bytes = options.bytes or 200, left = options.total or 500, open = {},
  }
  function state.show(v, depth)
    local kind = type(v)
    if kind == "string" then return quoted(v, state.bytes) end
    if kind == "table" then return show_table(v, state, depth) end
    if kind == "function" then return show_function(v) end
    return own_text(v)
  end
  return state.show(value, 0)
end


return pretty
