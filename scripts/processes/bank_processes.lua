-- Processes that share one value race as threads do, and the value's lock keeps them apart.
-- Each of two processes reads the balance, changes it and writes it back, many times.
--
-- From: roundup (Multiprocessing: a shared value and its lock)
-- Unlike Python: `get` and `set` never take the value's lock, so that the race can be shown; `add`
-- is atomic by itself.

local process = require "heddle.process"
local shared = require "heddle.shared"
local sync = require "heddle.sync"

local ROUNDS = 500000
local start = sync.barrier(2)

local function unsafe(balance, amount)
  start:wait()
  for _ = 1, ROUNDS do balance:set(balance:get() + amount) end
end

local function locked(balance, amount)
  start:wait()
  for _ = 1, ROUNDS // 20 do
    local _ <close> = balance:lock()
    balance:set(balance:get() + amount)
  end
end

local function atomic(balance, amount)
  start:wait()
  for _ = 1, ROUNDS do balance:add(amount) end
end

local function run(change)
  local balance = shared.value("int", 100)
  local deposit, withdraw = process.start(change, balance, 1), process.start(change, balance, -1)
  deposit:join()
  withdraw:join()
  return balance:get()
end

print "initial balance:  100"
print("without its lock: " .. run(unsafe))
print("with its lock:    " .. run(locked))
print("atomic add:       " .. run(atomic))
