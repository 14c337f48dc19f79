-- An event holds everyone at a gate until somebody sets it; who comes later walks through.
--
-- From: demo (Synchronization primitives: Conditions, Events and Semaphores)
-- Unlike Python: a wait that ran out of time returns nil and "timeout", not false.

local sync = require "heddle.sync"
local thread = require "heddle.thread"

local open = sync.event()

local function visitor(name)
  print(name .. " waits")
  open:wait()
  print(name .. " is in")
end

local visitors = {}
for i, name in ipairs { "Ada", "Bob", "Cyd" } do visitors[i] = thread.start(visitor, name) end
print("waiting for it for a moment:", open:wait(0.1))
print "the gate opens"
open:set()
for _, t in ipairs(visitors) do t:join() end
print("who comes later:", open:wait())
