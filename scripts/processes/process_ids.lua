-- Each of five workers is a process of its own, as its process id tells.
--
-- From: concepts (Multiprocessing, first listing)
-- Unlike Python: the same there.

local process = require "heddle.process"

local function worker(num)
  print(("Worker: %d, PID: %d"):format(num, process.current().pid))
end

local processes = {}
for i = 0, 4 do processes[#processes + 1] = process.start(worker, i) end
for _, p in ipairs(processes) do p:join() end
print("main PID: " .. process.current().pid)
