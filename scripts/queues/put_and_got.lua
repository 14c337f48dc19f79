-- Several processes put into one queue and several get from it; nothing is lost and nothing
-- doubled.
--
-- From: roundup (Multiprocessing: Queue), article (each process can read or write to the queue)
-- Unlike Python: a queue can be closed, so that consumers end when it is empty; there each needs a
-- sentinel.

local process = require "heddle.process"
local queue = require "heddle.queue"

local PRODUCERS, CONSUMERS, EACH = 3, 2, 4
local items, got = queue.new(), queue.new()

local function produce(name)
  for i = 1, EACH do
    local item = name .. i
    print(("process %s puts %s"):format(name, item))
    items:put(item)
  end
end

local function consume(number)
  for item in items:items() do
    print(("process %d gets %s"):format(number, item))
    got:put(item)
  end
end

local producers, consumers = {}, {}
for i = 1, CONSUMERS do consumers[i] = process.start(consume, i) end
for i = 1, PRODUCERS do producers[i] = process.start(produce, ("ABC"):sub(i, i)) end
for _, p in ipairs(producers) do p:join() end
items:close()
for _, p in ipairs(consumers) do p:join() end
print(("%d items put, %d got"):format(PRODUCERS * EACH, got:size()))
