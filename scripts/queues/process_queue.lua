-- One process puts an item, another one gets it: the queue carries a copy between them.
--
-- From: article (Queue and Pipe, first listing)
-- Unlike Python: the pause is 0.2 s instead of 1 s; the original joins the consumer only, which is
-- enough, since the program waits for the producer anyhow.

local heddle = require "heddle"
local process = require "heddle.process"
local queue = require "heddle.queue"

local Task1 = process.extend "Task1"
function Task1:init(items) self.items = items end
function Task1:run()
  local item = self.items:get()
  print(("get item: [%s]"):format(item))
end

local Task2 = process.extend "Task2"
function Task2:init(items) self.items = items end
function Task2:run()
  print "put item: [Hello]"
  heddle.sleep(0.2)
  self.items:put "Hello"
end

local items = queue.new()
local t1, t2 = Task1(items), Task2(items)
t1:start()
t2:start()
t1:join()
print "Finish."
