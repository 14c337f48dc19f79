-- One lock, one event and one queue serve a task, a thread, an isolate and a process at once.
-- All four wait for the event, then add to a shared value, which only the lock keeps right.
--
-- From: demo (Synchronization primitives: three different Lock classes)
-- Unlike Python: there `threading.Lock`, `multiprocessing.Lock` and `asyncio.Lock` are three
-- classes, none of which works in another model; and here every lock has `locked()`.

local heddle = require "heddle"
local queue = require "heddle.queue"
local shared = require "heddle.shared"
local sync = require "heddle.sync"

local lock, go, done = sync.lock(), sync.event(), queue.new()
local total = shared.value("int", 0)

local function worker(model)
  go:wait()
  for _ = 1, 500 do
    lock:acquire()
    total:set(total:get() + 1)
    lock:release()
  end
  done:put(model)
end

for _, model in ipairs { "task", "thread", "isolate", "process" } do
  heddle.model(model).start(worker, model)
end
go:set()
local names = {}
for i = 1, 4 do names[i] = done:get() end
table.sort(names)
print("done: " .. table.concat(names, ", "))
print(("total: %d of 2000; the lock is %s"):format(total:get(), lock:locked() and "held" or "free"))
