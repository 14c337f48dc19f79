-- `map` gives the results in the order of the numbers, whichever process is ready first.
--
-- From: article (Libraries: concurrent.futures, second listing)
-- Unlike Python: `is_prime` is local and travels with what it needs; numbers below 2, which the
-- original calls prime when they are odd, do not occur.

local pool = require "heddle.pool"

local PRIMES = {
  112272535095293,
  112582705942171,
  112272535095293,
  115280095190773,
  115797848077099,
  1099726899285419,
}

local function is_prime(n)
  if n % 2 == 0 then return false end
  for i = 3, math.floor(math.sqrt(n)), 2 do
    if n % i == 0 then return false end
  end
  return true
end

local executor <close> = pool.new "processes"
local results = executor:map(is_prime, PRIMES)
for i, number in ipairs(PRIMES) do
  print(("%d is prime: %s"):format(number, results[i]))
end
