-- A daemon process works in the background and is killed when the main script has ended.
-- The other one is waited for.
--
-- From: roundup (terminology: Daemon, a process that runs in the background)
-- Unlike Python: the same there; a killed process cleans nothing up, so what it holds is taken back
-- from it by those who wait for that.

local heddle = require "heddle"
local process = require "heddle.process"

local function count(name, pause)
  for i = 1, 5 do
    heddle.sleep(pause)
    print(name .. ": " .. i)
  end
  print(name .. ": finished")
end

local daemon = process.start({ daemon = true }, count, "daemon", 0.15)
process.start(count, "process", 0.05)
print(("main: the script ends here, and process %d with it"):format(daemon.pid))
