-- A daemon is cut off when the main script ends; any other thread is waited for.
-- Both threads want to count to 5; only one of them gets there.
--
-- From: roundup (terminology: daemon)
-- Unlike Python: a daemon is cancelled, so its `<close>` variables are given back; CPython just
-- stops running it.

local heddle = require "heddle"
local thread = require "heddle.thread"

local function count(name, pause)
  local _ <close> = setmetatable({}, { __close = function() print(name .. ": cleaned up") end })
  for i = 1, 5 do
    heddle.sleep(pause)
    print(name .. ": " .. i)
  end
  print(name .. ": finished")
end

thread.start({ daemon = true }, count, "daemon", 0.15)
thread.start(count, "thread", 0.05)
print "main: the script ends here"
