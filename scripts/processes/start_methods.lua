-- Fork copies the running program; spawn starts it anew; a fork server makes fresh copies of
-- itself. So only a forked process knows what the parent's globals were, and only it begins at
-- once.
--
-- From: demo (Process-based concurrency: --method)
-- Unlike Python: the default is fork, and forkserver while other threads run; the function and its
-- arguments are sent in all three cases.
-- Words: [METHOD…]

local heddle = require "heddle"
local process = require "heddle.process"

setting = "changed by the parent"

local function child()
  return process.current().pid, tostring(setting)
end

local methods = ... and { ... } or process.methods()
print("this process: " .. process.current().pid)
for _, method in ipairs(methods) do
  local began = heddle.now()
  local pid, seen = process.start({ method = method }, child):result()
  print(("%-10s pid %d, the global is %-21s  %5.1f ms"):format(method, pid, seen,
    (heddle.now() - began) * 1e3))
end
