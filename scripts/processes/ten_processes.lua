-- Ten processes work at the same time, each with an interpreter and a memory of its own.
--
-- From: article (Multiprocessing, first listing)
-- Unlike Python: they sleep 0.1 s to 0.5 s instead of 1 s to 5 s; there is nothing to guard with
-- `if __name__ == "__main__"`, since a process gets its function and never runs the script again.

local heddle = require "heddle"
local process = require "heddle.process"

local function do_something(name)
  print("Get task: " .. name)
  heddle.sleep(math.random(1, 5) * 0.1)
  print("Finish task: " .. name)
end

local tasks = {}
for i = 0, 9 do tasks[#tasks + 1] = process.new(do_something, "task_" .. i) end
for _, t in ipairs(tasks) do t:start() end
for _, t in ipairs(tasks) do t:join() end
print "Finish."
