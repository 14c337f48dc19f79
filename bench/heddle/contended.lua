-- Our side of the works where several wait for one thing: a lock, or one of many queues.
-- usage: heddle contended.lua WORK
package.path = (arg[0]:match("^(.*)/") or ".") .. "/?.lua;" .. package.path
local harness = require "harness"
local isolate = require "heddle.isolate"
local process = require "heddle.process"
local queue = require "heddle.queue"
local shared = require "heddle.shared"
local sync = require "heddle.sync"
local task = require "heddle.task"
local thread = require "heddle.thread"
local now = harness.now
local works = {}

local WORKERS = 4

-- ---- four workers that add to one counter under a lock: how often, and how long they waited

local function add_to_table(lock, counter, n, ready, go)
  ready:put(true)
  go:get()
  for _ = 1, n do
    lock:acquire()
    counter.n = counter.n + 1
    lock:release()
  end
end

local function add_to_value(lock, value, n, ready, go)
  ready:put(true)
  go:get()
  for _ = 1, n do
    lock:acquire()
    value:set(value:get() + 1)
    lock:release()
  end
end

-- The same, and returns the longest five hundredth of the waits, and how many there were.
local function add_and_measure(lock, value, n, ready, go)
  local clock, waits = require("heddle").now, {}
  ready:put(true)
  go:get()
  for i = 1, n do
    local t = clock()
    lock:acquire()
    waits[i] = clock() - t
    value:set(value:get() + 1)
    lock:release()
  end
  table.sort(waits)
  return table.move(waits, n - n // 500, n, 1, {}), n
end

-- The 99.9th percentile of all, from the longest of each.
local function percentile(longest, count)
  table.sort(longest)
  return longest[math.max(1, #longest - count // 1000)]
end

-- Once with n additions by `add`: the seconds that they took, and the percentile of the waits where
-- that measures them.
local function once(model, add, counter, n)
  local lock, all = sync.lock(), {}
  local ready, go = queue.new(), queue.new()
  for i = 1, WORKERS do
    all[i] = model.start(model.options, add, lock, counter, n // WORKERS, ready, go)
  end
  for _ = 1, WORKERS do ready:get() end
  local t = now()
  for _ = 1, WORKERS do go:put(true) end
  for i = 1, WORKERS do all[i]:join() end
  t = now() - t
  local longest, count = {}, 0
  for i = 1, WORKERS do
    local waits, measured = all[i]:result()
    if waits then table.move(waits, 1, #waits, #longest + 1, longest) end
    count = count + (measured or 0)
  end
  assert((counter.n or counter:get()) == n // WORKERS * WORKERS, "the lock let two in")
  return t, percentile(longest, count)
end

local models = {
  thread = { start = thread.start, options = {} },
  isolate = { start = isolate.start, options = {} },
  process = { start = process.start, options = { method = "fork" } },
}

for name, model in pairs(models) do
  works["lock_contended_" .. name] = function(w)
    harness.rate(w, "sync.lock", function(n)
      if name == "thread" then return (once(model, add_to_table, { n = 0 }, n)) end
      return (once(model, add_to_value, shared.value("int", 0), n))
    end, 10000, "additions/s")
  end

  works["lock_waits_" .. name] = function(w)
    local function run(n) return once(model, add_and_measure, shared.value("int", 0), n) end
    local n, waits = 10000, {}
    while run(n) < harness.seconds / 2 do n = n * 2 end
    for i = 1, harness.reps do
      local _, wait = run(n)
      waits[i] = wait * 1000
    end
    harness.report(w, "99.9th percentile", waits, "ms")
  end
end

-- ---- one that selects over 16 queues which four producers fill in turn
local QUEUES, CAPACITY = 16, 128

local function produce(list, p, n)
  local own = #list // WORKERS
  for i = 1, n do list[(p - 1) * own + i % own + 1]:put(i) end
end

function works.select(w)
  harness.rate(w, "queue.select", function(n)
    local list, all = {}, {}
    for i = 1, QUEUES do list[i] = queue.new(CAPACITY) end
    local t = now()
    for p = 1, WORKERS do all[p] = task.start(produce, list, p, n // WORKERS) end
    local choose = queue.select
    for _ = 1, n // WORKERS * WORKERS do choose(list) end
    t = now() - t
    for p = 1, WORKERS do all[p]:join() end
    return t
  end, 10000, "items/s")
end

harness.main(works)
