-- The thread that holds an rlock may take it again; it is free after as many releases.
-- The plain lock would wait for itself: with a time-out, it gives up.
--
-- From: article (Synchronization Primitives: Lock and RLock), simple (Threading: RLock), roundup
-- Unlike Python: an rlock is owned by a task, of which a thread may have many.

local sync = require "heddle.sync"
local thread = require "heddle.thread"

local rlock = sync.rlock()

local function inner()
  local _ <close> = rlock:hold()
  print "inner: taken a second time"
end

local function outer()
  local _ <close> = rlock:hold()
  print "outer: taken"
  inner()
  print("another thread gets it now: " .. tostring(thread.start(rlock.acquire, rlock, 0):result()))
end

outer()
print("and after both releases: " .. tostring(thread.start(rlock.acquire, rlock, 0):result()))

local lock = sync.lock()
lock:acquire()
print("a plain lock, taken twice:", lock:acquire(0.05))
