-- One queue joins all four models, and each item arrives exactly once.
-- A task, a thread, an isolate and a process feed it, and the same four kinds drain it; the items
-- of each producer arrive in order.
--
-- From: demo (Queues)
-- Unlike Python: there a queue belongs to one model, `queue.Queue`, `multiprocessing.Queue` or
-- `asyncio.Queue`, and no other one can use it.

local heddle = require "heddle"
local queue = require "heddle.queue"

local MODELS, ITEMS = { "task", "thread", "isolate", "process" }, 250
local items, results = queue.new(100), queue.new()

local function produce(to, name)
  for i = 1, ITEMS do to:put { from = name, number = i } end
end

local function consume(from, to, model)
  local taken, last, ordered = 0, {}, true
  for item in from:items() do
    ordered = ordered and item.number > (last[item.from] or 0)
    last[item.from], taken = item.number, taken + 1
  end
  to:put { model = model, taken = taken, ordered = ordered }
end

local producers = {}
for _, model in ipairs(MODELS) do heddle.model(model).start(consume, items, results, model) end
for i, model in ipairs(MODELS) do
  producers[i] = heddle.model(model).start(produce, items, model)
end
for _, producer in ipairs(producers) do producer:result() end
items:close()

local total, ordered = 0, true
for _ = 1, #MODELS do
  local r = results:get()
  total, ordered = total + r.taken, ordered and r.ordered
  print(("%s: took %d"):format(r.model, r.taken))
end
local order = ordered and "in order" or "out of order"
print(("%d of %d items arrived, %s"):format(total, #MODELS * ITEMS, order))
