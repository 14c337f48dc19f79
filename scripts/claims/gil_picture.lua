-- Threads of one interpreter take turns, and each turn ends where the lock changes hands.
-- The picture is drawn from what was recorded: three threads that compute for a moment, then three
-- isolates that do the same and have a lock each.
--
-- From: demo (Thread-based concurrency: gil-threads.png; Process-based concurrency:
-- gil-processes.png)
-- Unlike Python: the originals are abstract drawings; this one is a run.

local heddle = require "heddle"
local thread = require "heddle.thread"
local trace = require "heddle.trace"

local function compute(rounds)
  for _ = 1, rounds do end
end

for _, model in ipairs { "threads", "isolates" } do
  local M, workers = heddle.model(model), {}
  trace.on()
  for i = 1, 3 do workers[i] = M.start({ name = model .. " " .. i }, compute, 8000000) end
  for _, w in ipairs(workers) do w:join() end
  trace.off()
  print(trace.chart { width = 90 })
end
print(("the lock was taken away %d times"):format(thread.gil().forced))
