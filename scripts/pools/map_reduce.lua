-- Map the numbers to their squares in many processes, then reduce the squares to their sum.
-- Each process reduces a part of its own, so that only one number of each part comes back.
--
-- From: roundup (Multiprocessing: map and reduce)
-- Unlike Python: `starmap` takes the lists of arguments as there.

local pool = require "heddle.pool"

local N, PARTS = 100000, 8

local function sum_of_squares(first, last)
  local sum = 0
  for n = first, last do sum = sum + n * n end
  return sum
end

local parts = {}
for i = 1, PARTS do parts[i] = { (i - 1) * N // PARTS + 1, i * N // PARTS } end

local p <close> = pool.new "processes"
local sum = 0
for i, part in ipairs(p:starmap(sum_of_squares, parts)) do
  print(("%6d to %6d: %d"):format(parts[i][1], parts[i][2], part))
  sum = sum + part
end
print(("the sum of the squares up to %d is %d"):format(N, sum))
print("by the formula: " .. N * (N + 1) * (2 * N + 1) // 6)
