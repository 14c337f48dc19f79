-- Ten thousand tasks cost less memory than a thousand threads, and a switch between them less time.
--
-- From: concepts (Async: thousands of tasks with minimal memory and switching overhead), roundup
--   (coroutines lighten the threads' burden)
-- Unlike Python: only 500 threads are started here, so that it takes seconds; all figures are for
-- one.

local heddle = require "heddle"
local sync = require "heddle.sync"

local function resident() -- bytes
  local file <close> = assert(io.open "/proc/self/statm")
  return tonumber(file:read "a":match "^%d+ (%d+)") * 4096
end

local function measure(model, count, rounds)
  local M, gate, left = heddle.model(model), sync.event(), sync.latch(count)
  collectgarbage()
  local memory, began = resident(), heddle.now()
  for _ = 1, count do
    M.start(function()
      gate:wait()
      for _ = 1, rounds do heddle.yield() end
      left:count_down()
    end)
  end
  heddle.sleep(0.05)
  memory = resident() - memory
  local started = heddle.now()
  gate:set()
  left:wait()
  local switch = (heddle.now() - started) / (count * rounds)
  local line = "%6d %-8s %6.1f KB and %5.1f µs to start each, %5.2f µs a switch"
  print(line:format(count, model .. "s", memory / count / 1024,
    (started - began - 0.05) / count * 1e6, switch * 1e6))
end

measure("task", 10000, 10)
measure("thread", 500, 10)
