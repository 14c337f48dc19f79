-- All threads belong to one process, and each has an id of its own.
--
-- From: concepts (Multithreading, first listing)
-- Unlike Python: ids are small numbers that heddle gives, unique in the program; the process id is
-- that of `process.current()`.

local heddle = require "heddle"
local process = require "heddle.process"
local thread = require "heddle.thread"

local function worker(num)
  print(("Worker: %d, Thread ID: %s, PID: %d"):format(num, thread.current().id,
    process.current().pid))
  heddle.sleep(0.1)
end

local threads = {}
for i = 0, 4 do threads[#threads + 1] = thread.start(worker, i) end
for _, t in ipairs(threads) do t:join() end
