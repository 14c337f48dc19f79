-- Threads compute squares no faster than one alone; processes do, if there are cores for them.
--
-- From: roundup (threads are useless for CPU bound; Multiprocessing: Pool.map), simple
--   (ProcessPoolExecutor: true parallelism)

local heddle = require "heddle"
local pool = require "heddle.pool"

local NUMBERS = {}
for n = 1, 8 do NUMBERS[n] = n end

local function slow_square(n)
  local sum = 0
  for _ = 1, 3000000 do sum = sum + n end -- n * n, the long way
  return sum // 3000000 * n
end

local began, alone = heddle.now(), {}
for i, n in ipairs(NUMBERS) do alone[i] = slow_square(n) end
local sequential = heddle.now() - began
print(("one alone  %.2f s  %s"):format(sequential, table.concat(alone, " ")))

for _, model in ipairs { "threads", "processes" } do
  local p <close> = pool.new(model, 2)
  began = heddle.now()
  local squares = p:map(slow_square, NUMBERS)
  local took = heddle.now() - began
  print(("%-10s %.2f s  %s  speed-up %.1f"):format(model, took, table.concat(squares, " "),
    sequential / took))
end
