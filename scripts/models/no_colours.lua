-- The same function runs as a task and as a thread: functions that wait have no colour here.
-- It sleeps inside an iterator, inside pcall and inside a coroutine, and only its task waits.
--
-- From: demo (Coroutine-based concurrency: async and await are viral)
-- Unlike Python: there a function that awaits must be `async`, and so must all of its callers.

local heddle = require "heddle"

local function slow_numbers(n)
  return coroutine.wrap(function()
    for i = 1, n do
      heddle.sleep(0.02)
      coroutine.yield(i)
    end
  end)
end

local function sum(n)
  local total = 0
  local ok = pcall(function()
    for i in slow_numbers(n) do total = total + i end
  end)
  return ok and total
end

for _, model in ipairs { "task", "thread" } do
  local began = heddle.now()
  local M = heddle.model(model)
  local a, b = M.start(sum, 5), M.start(sum, 10)
  print(("%-6s 1 + … + 5 = %d, 1 + … + 10 = %d, together in %.1f s"):format(model, a:result(),
    b:result(), heddle.now() - began))
end
print("called: 1 + … + 5 = " .. sum(5))
