-- A lock taken with `acquire` stays taken when an error passes before its release.
-- The next one waits for ever (here: not longer than its time-out); a guard with `<close>` gives it
-- back on every way out.
--
-- From: simple (Threading: acquire and release)
-- Unlike Python: `with lock:` there.

local sync = require "heddle.sync"
local thread = require "heddle.thread"

local lock = sync.lock()

local function by_hand()
  lock:acquire()
  error("something went wrong", 0)
  lock:release() -- luacheck: ignore
end

local function by_guard()
  local _ <close> = lock:hold()
  error("something went wrong", 0)
end

local function next_one(what, fn)
  local t = thread.start(fn)
  local _, why = pcall(t.result, t)
  print(what, why:match "[^\n]*")
  print("the next one:", lock:acquire(0.1))
  lock:release()
end

next_one("by hand:", by_hand)
next_one("with a guard:", by_guard)
