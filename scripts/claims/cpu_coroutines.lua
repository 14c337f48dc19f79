-- Coroutines make computing no faster: one thread does all of it, and switching comes on top.
--
-- From: concepts (Async is for I/O-bound operations), roundup (CPU Bound => multiprocessing)

local heddle = require "heddle"
local task = require "heddle.task"

local function compute()
  local sum = 0
  for i = 1, 5000000 do sum = sum + i % 7 end
  return sum
end

local function timed(what, fn)
  local began, cpu = heddle.now(), os.clock()
  local sum = fn()
  local wall = heddle.now() - began
  print(("%-21s %.2f s, CPU %.2f s, sum %d"):format(what, wall, os.clock() - cpu, sum))
end

timed("one after the other:", function()
  local sum = 0
  for _ = 1, 4 do sum = sum + compute() end
  return sum
end)
timed("as four tasks:", function()
  local tasks, sum = {}, 0
  for i = 1, 4 do tasks[i] = task.start(compute) end
  for _, n in ipairs(task.gather(tasks)) do sum = sum + n end
  return sum
end)
