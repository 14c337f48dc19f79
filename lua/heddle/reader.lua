--- The formats of file:read, over anything that gives bytes, lines and the rest.
-- Stands on: nothing.

local reader = {}

local Reader = {}
Reader.__index = Reader

local MOST_DIGITS = 200 -- as Lua's own reader of numbers


---@param fetch fun(what: "l"|"L"|"a"|integer): string?  nil at the end ("a": "")
---@param give_back? fun(byte: string) takes back what was fetched; without it the reader keeps it
function reader.new(fetch, give_back)
  local self = setmetatable({ fetch = fetch, back = "" }, Reader) -- back: at most a byte
  self.give_back = give_back or function(byte) self.back = byte end
  return self
end


-- One byte; "" at the end.
local function byte(self)
  local one = self.back
  self.back = ""
  return one ~= "" and one or self.fetch(1) or ""
end


-- Takes bytes while they match; returns how many.
local function take_while(self, state, class)
  local count = 0
  while state.at:find(class) and #state.text < MOST_DIGITS do
    state.text = state.text .. state.at
    state.at = byte(self)
    count = count + 1
  end
  return count
end


local function take_one(self, state, class)
  if not state.at:find(class) then return false end
  state.text = state.text .. state.at
  state.at = byte(self)
  return true
end


-- The longest beginning that may be a number, as Lua reads it.
local function number(self)
  local state = { text = "", at = byte(self) }
  while state.at:find "^%s$" do state.at = byte(self) end
  take_one(self, state, "^[+-]$")
  local digit, exponent, count = "^%d$", "^[eE]$", 0
  if take_one(self, state, "^0$") then
    if take_one(self, state, "^[xX]$") then digit, exponent = "^%x$", "^[pP]$" else count = 1 end
  end
  count = count + take_while(self, state, digit)
  if take_one(self, state, "^%.$") then count = count + take_while(self, state, digit) end
  if count > 0 and take_one(self, state, exponent) then
    take_one(self, state, "^[+-]$")
    take_while(self, state, "^%d$")
  end
  self.give_back(state.at)
  return tonumber(state.text)
end


local function line(self, what)
  local back = self.back
  self.back = ""
  if back == "\n" then return what == "L" and "\n" or "" end
  local rest, why, code = self.fetch(what)
  if not rest then return back ~= "" and back or nil, why, code end
  return back .. rest
end


local function bytes(self, count)
  local back = self.back
  if count == 0 or back == "" then return self.fetch(count) end
  self.back = ""
  return back .. (count > 1 and self.fetch(count - 1) or "")
end


local function everything(self)
  local back = self.back
  self.back = ""
  return back .. (self.fetch "a" or "")
end


local function read_one(self, format, i)
  if math.type(format) == "integer" and format >= 0 then return bytes(self, format) end
  local what = type(format) == "string" and format:match "^%*?([nlLa])"
  if what == "n" then return number(self) end
  if what == "a" then return everything(self) end
  if what then return line(self, what) end
  error(("bad argument #%d to 'read' (invalid format)"):format(i), 0)
end


---As file:read.
function Reader:read(...)
  local count = select("#", ...)
  if count == 0 then return (line(self, "l")) end
  local results = {}
  for i = 1, count do
    results[i] = read_one(self, select(i, ...), i)
    if results[i] == nil then return table.unpack(results, 1, i) end
  end
  return table.unpack(results, 1, count)
end


---As file:lines.
function Reader:lines(...)
  local formats = table.pack(...)
  return function() return self:read(table.unpack(formats, 1, formats.n)) end
end


return reader
