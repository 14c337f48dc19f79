-- A lock made after the function that uses it is not the one that the function sees.
-- A local exists from its line on: above it, the same name is a global that nobody ever set.
--
-- From: simple (Threading, second listing)
-- Unlike Python: there a name is looked up when the function is called, so that the original works,
-- as long as nobody calls it before the lock is made.

local sync = require "heddle.sync"
local thread = require "heddle.thread"

local counter = 0

local function increment()
  lock:acquire() -- luacheck: ignore
  counter = counter + 1
  lock:release() -- luacheck: ignore
end

local lock = sync.lock()

local t = thread.start(increment)
local ok, why = pcall(t.result, t)
print("worked: " .. tostring(ok))
print("error:  " .. tostring(why):match "[^\n]*")
print(("counter: %d, the lock was %s"):format(counter, lock:locked() and "taken" or "never taken"))
