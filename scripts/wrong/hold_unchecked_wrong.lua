-- `hold` with a time-out can return nil, and a nil guard closes in silence: check it.
-- Unchecked, the worker goes on without the lock while another one still holds it.
--
-- From: heddle (sync.lock: hold)
-- Unlike Python: the same mistake there is `lock.acquire(timeout=…)` without a look at what it
-- returns.

local heddle = require "heddle"
local sync = require "heddle.sync"
local thread = require "heddle.thread"

local lock = sync.lock()
local holder = thread.start(function()
  local _ <close> = lock:hold()
  heddle.sleep(0.3)
end)
while not lock:locked() do heddle.sleep(0.001) end

local function unchecked()
  local guard <close> = lock:hold(0.05)
  return guard and "has the lock" or "works without the lock, and nobody noticed"
end

local function checked()
  local _ <close> = assert(lock:hold(0.05))
  return "has the lock"
end

print("unchecked:", pcall(unchecked))
print("checked:  ", pcall(checked))
holder:join()
