-- A thread that waits lets the others run.
-- While one waits for a line and another sleeps, a third one computes, although all of them share
-- one interpreter and its lock.
--
-- From: roundup (Multithreading in a nutshell), demo (Thread-based concurrency)

local heddle = require "heddle"
local queue = require "heddle.queue"
local thread = require "heddle.thread"

local lines = queue.new()
local began = heddle.now()

local waiter = thread.start({ name = "waiter" }, function()
  local line = lines:get()
  return ("got '%s' after %.1f s"):format(line, heddle.now() - began)
end)
local sleeper = thread.start({ name = "sleeper" }, function()
  heddle.sleep(0.3)
  lines:put "a line"
end)
local counter = thread.start({ name = "counter" }, function()
  local n = 0
  while sleeper:alive() do n = n + 1 end
  return n
end)

print("waiter:  " .. waiter:result())
print(("counter: counted to %s meanwhile"):format(counter:result() > 1000 and "many" or "few"))
print(("all in %.1f s"):format(heddle.now() - began))
