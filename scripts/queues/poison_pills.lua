-- Workers take tasks from a queue until each of them has swallowed a poison pill.
-- There are as many pills as workers, behind the last task; the results come back by another queue.
--
-- From: roundup (Multiprocessing: workers, task and result queues)
-- Unlike Python: None can be an item there; nil can't, so the pill is the word "stop". Closing the
-- queue would do the same with no pill at all.

local process = require "heddle.process"
local queue = require "heddle.queue"

local WORKERS, TASKS = 3, 10
local tasks, results = queue.new(), queue.new()

local function worker()
  local name = process.current().name
  while true do
    local task = tasks:get()
    if task == "stop" then
      print(name .. ": stops")
      return
    end
    results:put(("%d * %d = %d"):format(task, task, task * task))
  end
end

local workers = {}
for i = 1, WORKERS do workers[i] = process.start({ name = "worker " .. i }, worker) end
for n = 1, TASKS do tasks:put(n) end
for _ = 1, WORKERS do tasks:put "stop" end
for _ = 1, TASKS do print(results:get()) end
for _, w in ipairs(workers) do w:join() end
print("left in the queue: " .. tasks:size())
