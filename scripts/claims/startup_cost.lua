-- Threads are "light" processes: a process takes longer to set up than a thread, a task least of
-- all.
--
-- From: roundup (threads setup is faster; processes setup is slower)
-- Unlike Python: isolates are its subinterpreters; the times are those of this machine.

local heddle = require "heddle"
local process = require "heddle.process"

local N = 30

local function nothing() end

local function cost(start)
  start():join() -- what the first one prepares is not counted
  local began = heddle.now()
  for _ = 1, N do start():join() end
  return (heddle.now() - began) / N * 1e6
end

for _, method in ipairs(process.methods()) do
  print(("%-22s %6.0f µs"):format("process, " .. method, cost(function()
    return process.start({ method = method }, nothing)
  end)))
end
for _, model in ipairs { "isolate", "thread", "task" } do
  local M = heddle.model(model)
  print(("%-22s %6.0f µs"):format(model, cost(function() return M.start(nothing) end)))
end
