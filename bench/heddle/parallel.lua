-- Our side of the works between isolates and between processes: queues and ping-pong.
-- usage: heddle parallel.lua WORK
package.path = (arg[0]:match("^(.*)/") or ".") .. "/?.lua;" .. package.path
local harness = require "harness"
local isolate = require "heddle.isolate"
local process = require "heddle.process"
local queue = require "heddle.queue"
local now = harness.now
local works = {}

-- What is sent: each is a function that makes item i.
local function integer(i) return i end
local function record(i)
  return { id = i, name = "job-" .. i, size = 0.5, tags = { "a", "b", "c" } }
end

local function join(handles)
  for _, h in ipairs(handles) do
    h:join()
    assert(h:status() == "done", h:traceback())
  end
end

-- ---- k producers and k consumers, each an isolate. The clock starts when all are up and ends when
-- all have ended.
local function produce(q, ready, go, n)
  ready:put(true)
  go:get()
  for i = 1, n do q:put(i) end
end

local function produce_records(q, ready, go, n)
  ready:put(true)
  go:get()
  for i = 1, n do
    q:put({ id = i, name = "job-" .. i, size = 0.5, tags = { "a", "b", "c" } })
  end
end

local function consume(q, ready, go, n)
  ready:put(true)
  go:get()
  for _ = 1, n do q:get() end
end

local function between_isolates(w, k, producer)
  harness.rate(w, "queue.new(1024)", function(n)
    local q, ready, go, all = queue.new(1024), queue.new(), queue.new(), {}
    for i = 1, k do
      all[i] = isolate.start(producer, q, ready, go, n // k)
      all[k + i] = isolate.start(consume, q, ready, go, n // k)
    end
    for _ = 1, 2 * k do ready:get() end
    local t = now()
    for _ = 1, 2 * k do go:put(true) end
    join(all)
    return now() - t
  end, 10000, "items/s")
end

function works.queue_isolate_1x1(w) between_isolates(w, 1, produce) end
function works.queue_isolate_4x4(w) between_isolates(w, 4, produce) end
function works.queue_isolate_table(w) between_isolates(w, 1, produce_records) end

-- ---- this process puts, k processes get; the clock ends when all have seen their `false`
local function drain(q, done)
  done:put(true)
  while q:get() do end -- luacheck: ignore 542
  done:put(true)
end

local function between_processes(w, k, make)
  harness.rate(w, "queue.new(1024)", function(n)
    local q, done, all = queue.new(1024), queue.new(), {}
    for i = 1, k do all[i] = process.start({ method = "fork" }, drain, q, done) end
    for _ = 1, k do done:get() end
    local t = now()
    for i = 1, n do q:put(make(i)) end
    for _ = 1, k do q:put(false) end
    for _ = 1, k do done:get() end
    t = now() - t
    join(all)
    return t
  end, 10000, "items/s")
end

function works.queue_process_1x1(w) between_processes(w, 1, integer) end
function works.queue_process_1x4(w) between_processes(w, 4, integer) end
function works.queue_process_table(w) between_processes(w, 1, record) end
function works.queue_process_1k(w)
  local kilobyte = ("x"):rep(1024)
  between_processes(w, 1, function() return kilobyte end)
end

-- ---- ping-pong over two queues of one
local function answer(a, b, n)
  for _ = 1, n do b:put(a:get()) end
end

local function pingpong(w, model, options)
  harness.rate(w, "queue.new(1)", function(n)
    local a, b = queue.new(1), queue.new(1)
    local h = model.start(options, answer, a, b, n + 1)
    a:put(0)
    b:get()
    local t = now()
    for i = 1, n do
      a:put(i)
      b:get()
    end
    t = now() - t
    join { h }
    return t
  end, 1000, "round trips/s")
end

function works.pingpong_isolate(w) pingpong(w, isolate, {}) end
function works.pingpong_process(w) pingpong(w, process, { method = "fork" }) end

harness.main(works)
