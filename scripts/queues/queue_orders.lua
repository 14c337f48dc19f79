-- What comes out first: the oldest item of a queue, the newest of a stack, the most urgent of a
-- priority queue.
--
-- From: demo (Queues: queue.Queue)
-- Unlike Python: these are `queue.Queue`, `LifoQueue` and `PriorityQueue`, which multiprocessing
-- lacks; items of equal priority come out in order of arrival.

local process = require "heddle.process"
local queue = require "heddle.queue"

local JOBS = { { 2, "mail" }, { 1, "alarm" }, { 3, "backup" }, { 1, "phone" } }

local function drain(q)
  local names = {}
  for job in q:items() do names[#names + 1] = job[2] end
  return table.concat(names, ", ")
end

for _, kind in ipairs { "new", "lifo", "priority" } do
  local q = queue[kind]()
  for _, job in ipairs(JOBS) do q:put(job) end
  q:close()
  print(("queue.%-9s %s"):format(kind .. ":", process.start(drain, q):result()))
end
