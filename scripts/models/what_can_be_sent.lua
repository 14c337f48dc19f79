-- What goes to another interpreter is copied, and what can't be copied is refused by its name.
-- Functions travel with their locals, cycles stay cycles, shared objects stay the same object.
--
-- From: demo (Process-based concurrency: objects must be serializable), simple (picklable)
-- Unlike Python: functions and closures can be sent, lambdas and local ones too, which pickle
-- refuses; open files can't be, in either.

local process = require "heddle.process"
local shared = require "heddle.shared"

local function describe(x)
  if type(x) == "function" then return "a function that returns " .. x(20) end
  if type(x) == "table" and x.itself then return "a cycle: " .. tostring(x.itself == x) end
  if type(x) == "userdata" then return "a shared value, now " .. x:add(1) end
  return math.type(x) or type(x)
end

local offset = 22
local cycle = {}
cycle.itself = cycle
local value = shared.value("int", 41)

for _, x in ipairs { 42, 4.2, "text", cycle, function(n) return n + offset end, value } do
  print(("%-8s arrives as %s"):format(type(x), process.start(describe, x):result()))
end
print("the shared value here: " .. value:get())

local ok, why = pcall(process.start, describe, { file = io.stdout })
print("an open file:", ok, why)
ok, why = pcall(process.start, describe, { coroutine.create(print) })
print("a coroutine: ", ok, why)
