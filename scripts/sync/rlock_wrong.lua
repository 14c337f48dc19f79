-- An rlock that each caller makes for itself protects nothing, however often it is entered.
-- Everyone holds a lock here, and nobody holds the same one: two are inside at once.
--
-- From: roundup (RLock), simple (fourth listing: an RLock that is never entered twice)
-- Unlike Python: the same there.

local heddle = require "heddle"
local shared = require "heddle.shared"
local sync = require "heddle.sync"
local thread = require "heddle.thread"

local inside, most = shared.value("int", 0), 0

local function enter(lock)
  local _ <close> = lock:hold()
  most = math.max(most, inside:add(1))
  heddle.sleep(0.05)
  inside:add(-1)
end

local function at_once(what, make_lock)
  most = 0
  local threads = {}
  for i = 1, 4 do threads[i] = thread.start(enter, make_lock()) end
  for _, t in ipairs(threads) do t:join() end
  print(("%s: %d inside at once"):format(what, most))
end

at_once("an rlock for each", sync.rlock)
local one = sync.rlock()
at_once("one rlock for all", function() return one end)
