-- Threads that do `count = count + 1` lose updates; with a lock they lose none.
-- A thread may be switched out between reading the old value and writing the new one, and what the
-- others wrote meanwhile is then overwritten. A short switch interval makes it frequent.
--
-- From: simple (Threading, second listing), article (Synchronization Primitives)
-- Unlike Python: since 3.10 CPython looks for a switch only at calls and at the end of a loop, so
-- that a bare `count += 1` seldom loses there; before, it did.

local thread = require "heddle.thread"
local sync = require "heddle.sync"

local THREADS, ROUNDS = 4, 1000000
local interval = thread.switch_interval()
thread.switch_interval(1e-4)

-- Has every thread call `step` so many times and waits for all of them.
local function race(rounds, step)
  local threads = {}
  for i = 1, THREADS do
    threads[i] = thread.start(function()
      for _ = 1, rounds do step() end
    end)
  end
  for _, t in ipairs(threads) do t:result() end
end

local function tell(what, count, wanted)
  print(("%s a lock: %d of %d, %d lost"):format(what, count, wanted, wanted - count))
end

local count = 0
race(ROUNDS, function() count = count + 1 end)
tell("without", count, THREADS * ROUNDS)

local lock, guarded = sync.lock(), 0
race(ROUNDS // 20, function()
  lock:acquire()
  guarded = guarded + 1
  lock:release()
end)
tell("with", guarded, THREADS * ROUNDS // 20)
thread.switch_interval(interval)
