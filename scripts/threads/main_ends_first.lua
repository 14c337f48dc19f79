-- The program goes on until its last thread has ended, also when the main script ends before.
--
-- From: simple (Threading: the main thread continues execution)

local heddle = require "heddle"
local thread = require "heddle.thread"

thread.start(function()
  for i = 1, 3 do
    heddle.sleep(0.1)
    print("thread: step " .. i)
  end
  print "thread: the last word"
end)

print "main: nothing left to do here"
