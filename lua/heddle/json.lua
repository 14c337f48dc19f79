--- Writes JSON, for reports: keys in order, so that the same report is the same text.
-- A table with `#t > 0`, or made by `json.list`, is a list; every other table is an object with
-- string keys.
-- Stands on: nothing.

local json = {}

local LIST = {}

--- What is written as null in an object or list.
json.null = setmetatable({}, { __name = "heddle.json.null" })

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }


--- Marks a table as a list, also when it is empty.
---@generic T: table
---@param t T
---@return T t
function json.list(t)
  return setmetatable(t, LIST)
end


local function escape(c)
  return ESCAPES[c] or ("\\u%04x"):format(c:byte())
end


local function quote(s)
  if not utf8.len(s) then s = s:gsub("[\x80-\xff]", "?") end
  return '"' .. s:gsub('[%c"\\\x7f]', escape) .. '"'
end


--- The shortest decimal text that reads back as the same float, as Python prints it.
---@param x number
---@return string
function json.number(x)
  if math.type(x) == "integer" then return ("%d"):format(x) end
  if x ~= x or x == math.huge or x == -math.huge then return "null" end
  for digits = 15, 17 do
    local text = ("%%.%dg"):format(digits):format(x)
    if tonumber(text) == x then return text:find("[%.en]") and text or text .. ".0" end
  end
end


local encode

local function sorted_keys(t)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = k end
  table.sort(keys)
  return keys
end


local function encode_list(t)
  local out = {}
  for i, v in ipairs(t) do out[i] = encode(v) end
  return "[" .. table.concat(out, ",") .. "]"
end


local function encode_object(t)
  local out = {}
  for _, k in ipairs(sorted_keys(t)) do
    out[#out + 1] = quote(k) .. ":" .. encode(t[k])
  end
  return "{" .. table.concat(out, ",") .. "}"
end


--- Turns a value into JSON text. NaN and the infinities become null; bytes that are no UTF-8
--- become "?".
---@param value any  nil, json.null, booleans, numbers, strings, and tables of them
---@return string
function encode(value)
  local kind = type(value)
  if value == nil or value == json.null then return "null" end
  if kind == "table" then
    local list = getmetatable(value) == LIST or #value > 0
    return (list and encode_list or encode_object)(value)
  end
  if kind == "string" then return quote(value) end
  if kind == "number" then return json.number(value) end
  if kind == "boolean" then return tostring(value) end
  error("json.encode: value: a table, string, number or boolean expected, got " .. kind
    .. " [bad-argument]", 2)
end

json.encode = encode


return json
