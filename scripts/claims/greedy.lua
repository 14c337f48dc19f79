-- A task that never waits starves the others of its thread; a thread that never waits does not.
-- Cooperative: the task decides when to give way. Preemptive: the switch interval does.
--
-- From: concepts (Preemptive and Cooperative Multitasking), roundup (pre-emptive and cooperative)
-- Unlike Python: its switch interval is 5 ms, too; a coroutine that never awaits starves the others
-- there as well.

local heddle = require "heddle"

local function compute(seconds)
  local finish = heddle.now() + seconds
  while heddle.now() < finish do end
end

for _, model in ipairs { "task", "thread" } do
  local M = heddle.model(model)
  local over, ticks = false, 0
  local ticker = M.start(function()
    while not over do
      ticks = ticks + 1
      heddle.sleep(0.01)
    end
  end)
  heddle.sleep(0.05)
  local before = ticks
  compute(0.4) -- greedy: nothing in here waits
  print(("a greedy %-7s the other one ran %s meanwhile"):format(model .. ":",
    ticks - before > 1 and "many times" or "not once"))
  over = true
  ticker:join()
end
