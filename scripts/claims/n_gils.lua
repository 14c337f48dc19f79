-- One process has one interpreter with one lock to wait for; n processes have n, and wait for none.
-- Two workers count, first as threads, then as processes: how long did each wait for its lock?
--
-- From: roundup (1 Process => 1 GIL, n Processes => n GILs), demo (Process-based concurrency)
-- Unlike Python: `thread.gil()` tells how long a thread has waited for its lock; CPython keeps no
-- such count.

local heddle = require "heddle"
local thread = require "heddle.thread"

local function count()
  local before, began = thread.gil().wait, heddle.now()
  for _ = 1, 15000000 do end
  return thread.gil().wait - before, heddle.now() - began
end

for _, model in ipairs { "threads", "processes" } do
  local M = heddle.model(model)
  local a, b = M.start(count), M.start(count)
  local waited, took = b:result()
  a:join()
  local line = "two %-10s %.2f s, of which %.2f s waiting for the lock"
  print(line:format(model .. ":", took, waited))
end
