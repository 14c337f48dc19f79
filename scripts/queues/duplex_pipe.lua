-- A pipe has two ends, and each of the two processes sends and receives at its own.
--
-- From: article (Queue and Pipe, second listing)
-- Unlike Python: an end that is handed to a process moves there and is of no use here any more; the
-- pauses of 1 s are 0.1 s.

local heddle = require "heddle"
local pipe = require "heddle.pipe"
local process = require "heddle.process"

local Task1 = process.extend "Task1"
function Task1:init(line) self.line = line end
function Task1:run()
  local item = self.line:recv()
  print(("Task1: recv item: [%s]"):format(item))
  print "Task1: send item: [Hi]"
  self.line:send "Hi"
end

local Task2 = process.extend "Task2"
function Task2:init(line) self.line = line end
function Task2:run()
  print "Task2: send item: [Hello]"
  heddle.sleep(0.1)
  self.line:send "Hello"
  heddle.sleep(0.1)
  local item = self.line:recv()
  print(("Task2: recv item: [%s]"):format(item))
end

local a, b = pipe.new()
local t1, t2 = Task1(a), Task2(b)
t1:start()
t2:start()
t1:join()
t2:join()
print "Finish."
