--- The chance in a mix: streams of random numbers, one for each purpose, and what is drawn from
-- them.
-- Only sums, products, quotients and square roots are used, which every machine rounds alike: the
-- logarithm and the exponential are our own, since those of C libraries differ in the last bit.
-- Stands on: heddle.rng.

local rng = require "heddle.rng"

local mix_draw = {}

local LN2_HIGH, LN2_LOW = 0x1.62e42fefa0000p-1, 0x1.cf79abc9e3b3ap-40 -- their sum is ln 2
local SQRT_HALF = 0x1.6a09e667f3bcdp-1
local FNV_PRIME = 0x100000001b3


--- The seed of one stream: it follows from the mix's seed and the purpose's name, so that a
--- purpose more or less moves no other one's numbers.
---@param seed integer  as for Python's generator its sign does not count
---@param purpose string
---@return integer
function mix_draw.seed(seed, purpose)
  local h = math.abs(seed) ~ 0x2545F4914F6CDD1D
  for i = 1, #purpose do h = (h ~ purpose:byte(i)) * FNV_PRIME end
  h = (h ~ (h >> 30)) * 0xBF58476D1CE4E5B9
  h = (h ~ (h >> 27)) * 0x94D049BB133111EB
  return (h ~ (h >> 31)) & math.maxinteger
end


--- The generator of one purpose.
---@param seed integer
---@param purpose string
---@return heddle.rng.Generator
function mix_draw.stream(seed, purpose)
  return rng.new(mix_draw.seed(seed, purpose))
end


--- Takes a number > 0 apart: x = m * 2^e with m in [sqrt(1/2), sqrt(2)).
local function split(x)
  local bits = string.unpack("<i8", string.pack("<d", x))
  local e = (bits >> 52 & 0x7ff) - 1022
  local m = string.unpack("<d", string.pack("<i8", bits & 0xfffffffffffff | 0x3fe0000000000000))
  if m < SQRT_HALF then m, e = m * 2, e - 1 end
  return m, e
end


--- The natural logarithm of a normal number > 0.
---@param x number
---@return number
function mix_draw.log(x)
  local m, e = split(x)
  local s = (m - 1) / (m + 1)
  local square, sum = s * s, 0.0
  for k = 25, 1, -2 do sum = sum * square + 1 / k end
  return e * LN2_HIGH + (2 * s * sum + e * LN2_LOW)
end


--- e to the power of x; 0 and infinity where it leaves the normal numbers.
---@param x number
---@return number
function mix_draw.exp(x)
  if x > 709 then return math.huge elseif x < -708 then return 0.0 end
  local k = math.floor(x / (LN2_HIGH + LN2_LOW) + 0.5)
  local r = x - k * LN2_HIGH - k * LN2_LOW
  local sum = 1.0
  for n = 16, 1, -1 do sum = 1 + r * sum / n end
  return sum * string.unpack("<d", string.pack("<i8", k + 1023 << 52))
end


--- A number of the standard normal distribution, by Marsaglia's polar method.
local function normal(r)
  while true do
    local x, y = 2 * r() - 1, 2 * r() - 1
    local s = x * x + y * y
    if s > 0 and s < 1 then return x * math.sqrt(-2 * mix_draw.log(s) / s) end
  end
end


local draws = {
  uniform = function(d, r) return d.low + (d.high - d.low) * r() end,
  exponential = function(d, r) return -d.mean * mix_draw.log(1 - r()) end,
  lognormal = function(d, r) return d.median * mix_draw.exp(d.sigma * normal(r)) end,
  empirical = function(d, r) return d.list[1 + math.floor(r() * #d.list)] end,
}

--- Draws one number from a distribution.
---@param d number|heddle.mix.Distribution
---@param r heddle.rng.Generator
---@return number
function mix_draw.one(d, r)
  if type(d) == "number" then return d end
  return draws[d.kind](d, r)
end


return mix_draw
