-- A plain table is no queue: two threads that take from it get the same item twice, or miss one.
-- Each takes the last item of a list, which is a look and then a removal; a queue does both at
-- once.
--
-- From: demo (Thread-based concurrency: queue.Queue and collections.deque are thread-safe)
-- Unlike Python: `list.pop()` is one C call there and keeps whole; `table.remove` is one here, too,
-- so the takers look first, as one does with a table. A short switch interval makes the losses
-- frequent.

local queue = require "heddle.queue"
local thread = require "heddle.thread"

local ITEMS, TAKERS = 400000, 4
thread.switch_interval(1e-4)

-- How many different items the takers got, and how many times they took something.
local function take_all(count, take)
  local seen, distinct, taken = {}, 0, 0
  local threads = {}
  for i = 1, TAKERS do
    threads[i] = thread.start(function()
      local own = {}
      for item in take do own[#own + 1] = item end
      return own
    end)
  end
  for _, t in ipairs(threads) do
    for _, item in ipairs(t:result()) do
      taken = taken + 1
      if not seen[item] then seen[item], distinct = true, distinct + 1 end
    end
  end
  return ("%d items, %d taken, %d of them twice"):format(count, taken, taken - distinct)
end

local list, top = {}, ITEMS
for i = 1, ITEMS do list[i] = i end
print("a table: " .. take_all(ITEMS, function()
  local item = list[top]
  top = top - 1
  return item
end))

local q = queue.new()
for i = 1, ITEMS // 20 do q:put(i) end
q:close()
print("a queue: " .. take_all(ITEMS // 20, function() return (q:get()) end))
