--- Python's random generator, number for number.
-- `rng(seed)` gives what `random.Random(seed)` gives for a whole-number seed:
--
--     local r = heddle.rng(42)
--     r()        --> 0.6394267984578837, as random()
--     r(6)       --> a whole number from 1 to 6, as randint(1, 6)
--     r(-5, 5)   --> a whole number from -5 to 5, as randint(-5, 5)
--
-- A generator belongs to the interpreter that made it; it is not sent to others.
-- Stands on: heddle.native.rng.

local make = require "heddle.native.rng"

---@alias heddle.rng.Generator fun(m?: integer, n?: integer): number

---@class heddle.rng
---@overload fun(seed: integer): heddle.rng.Generator
local rng = {}

--- Makes a generator.
---@param seed integer  any 64-bit whole number; as in Python its sign does not count
---@return heddle.rng.Generator r  raises [bad-argument] when m or n is no whole number, or m > n
function rng.new(seed)
  return make(seed)
end


return setmetatable(rng, { __call = function(_, seed) return make(seed) end })
