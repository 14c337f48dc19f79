-- Forking while threads run copies their locks but not the threads, so the default gives way.
-- With another thread at work a process starts by the fork server; fork asked for by name warns.
--
-- From: demo (Process-based concurrency: start methods)
-- Unlike Python: CPython forks and warns (from 3.12 on) that the child may deadlock; here the
-- child's locks are sound even then, and the default avoids it.

local heddle = require "heddle"
local process = require "heddle.process"
local sync = require "heddle.sync"
local thread = require "heddle.thread"

local lock, stop = sync.lock(), sync.event()

local function use_lock()
  return lock:acquire(5) and lock:release() == nil
end

print("alone:          the child took the lock: " .. tostring(process.start(use_lock):result()))

local busy = thread.start({ name = "busy" }, function()
  while not stop:is_set() do
    local _ <close> = lock:hold()
    heddle.sleep(0.01)
  end
end)
print("with a thread:  the child took the lock: " .. tostring(process.start(use_lock):result()))
local forked = process.start({ method = "fork" }, use_lock)
print("fork, by name:  the child took the lock: " .. tostring(forked:result()))
stop:set()
busy:join()
