-- Greenlets switch to each other by name, in the middle of what they do, and nobody schedules them.
--
-- From: concepts (Greenlets, first listing)
-- Unlike Python: the listing as printed has lost its `switch` calls; this is the greenlet library's
-- own first example with its names.

local greenlet = require "heddle.greenlet"

local gr1, gr2

gr1 = greenlet.new(function()
  print "Task 1 start"
  gr2:switch()
  print "Task 1 end"
  gr2:switch()
end)

gr2 = greenlet.new(function()
  print "Task 2 start"
  gr1:switch()
  print "Task 2 end"
end)

gr1:switch()
print(("Task 1 dead: %s, Task 2 dead: %s"):format(gr1.dead, gr2.dead))
