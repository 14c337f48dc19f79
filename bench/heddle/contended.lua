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

-- One in SAMPLE waits is measured: the clock is read twice for it.
local SAMPLE <const> = 16

-- The longest five hundredth of the waits, and how many were measured.
local function longest_of(waits)
  table.sort(waits)
  return table.move(waits, #waits - #waits // 500, #waits, 1, {}), #waits
end

-- Adds n times; returns what longest_of does.
local function add_to_table(lock, counter, n, clock, ready, go)
  ready:put(true)
  go:get()
  local waits = {}
  for i = 1, n do
    if i % SAMPLE == 0 then
      local t = clock()
      lock:acquire()
      waits[#waits + 1] = clock() - t
    else
      lock:acquire()
    end
    counter.n = counter.n + 1
    lock:release()
  end
  return longest_of(waits)
end

local function add_to_value(lock, value, n, clock, ready, go)
  ready:put(true)
  go:get()
  local waits = {}
  for i = 1, n do
    if i % SAMPLE == 0 then
      local t = clock()
      lock:acquire()
      waits[#waits + 1] = clock() - t
    else
      lock:acquire()
    end
    value:set(value:get() + 1)
    lock:release()
  end
  return longest_of(waits)
end

-- The 99.9th percentile of all, from the longest of each.
local function percentile(longest, count)
  table.sort(longest)
  return longest[math.max(1, #longest - count // 1000)]
end

-- Once with n additions: the seconds that they took, and the percentile of the waits.
local function once(model, n)
  local lock, all = sync.lock(), {}
  local ready, go = queue.new(), queue.new()
  local counter, add = model.counter()
  for i = 1, WORKERS do
    all[i] = model.start(model.options, add, lock, counter, n // WORKERS, now, ready, go)
  end
  for _ = 1, WORKERS do ready:get() end
  local t = now()
  for _ = 1, WORKERS do go:put(true) end
  for i = 1, WORKERS do all[i]:join() end
  t = now() - t
  local longest, count = {}, 0
  for i = 1, WORKERS do
    local waits, measured = all[i]:result()
    table.move(waits, 1, #waits, #longest + 1, longest)
    count = count + measured
  end
  assert((counter.n or counter:get()) == n // WORKERS * WORKERS, "the lock let two in")
  return t, percentile(longest, count)
end

local function in_table() return { n = 0 }, add_to_table end
local function in_value() return shared.value("int", 0), add_to_value end

local models = {
  thread = { start = thread.start, options = {}, counter = in_table },
  isolate = { start = isolate.start, options = {}, counter = in_value },
  process = { start = process.start, options = { method = "fork" }, counter = in_value },
}

for name, model in pairs(models) do
  works["lock_contended_" .. name] = function(w)
    harness.rate(w, "sync.lock", function(n) return (once(model, n)) end, 10000, "additions/s")
  end

  works["lock_waits_" .. name] = function(w)
    local n, waits = 10000, {}
    while once(model, n) < harness.seconds / 2 do n = n * 2 end
    for i = 1, harness.reps do
      local _, wait = once(model, n)
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
