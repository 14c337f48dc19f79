-- A job is submitted, and its future gives the result: here the last digits of 323 to the power
-- 1235.
--
-- From: article (Libraries: concurrent.futures, first listing)
-- Unlike Python: its integers are as long as it takes (this one has 3,099 digits); Lua's have 64
-- bits and wrap around, so that multiplying gives the power modulo 2^64. Modulo 10^9 nothing wraps.

local pool = require "heddle.pool"

local function power(base, exponent)
  local result = 1
  for _ = 1, exponent do result = result * base end
  return result
end

local function power_modulo(base, exponent, modulus)
  local result = 1
  base = base % modulus
  while exponent > 0 do
    if exponent % 2 == 1 then result = result * base % modulus end
    base, exponent = base * base % modulus, exponent // 2
  end
  return result
end

local executor <close> = pool.new("threads", 1)
print("wrapped around:    " .. executor:submit(power, 323, 1235):result())
print("its last 9 digits: " .. executor:submit(power_modulo, 323, 1235, 1000000000):result())
