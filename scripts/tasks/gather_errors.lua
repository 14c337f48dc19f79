-- One error ends a gather and cancels the rest; asked to keep errors, it gives them in their
-- places.
--
-- From: concepts (AsyncIO: asyncio.gather)
-- Unlike Python: the other tasks are cancelled when one fails, where they go on unseen there;
-- `errors=true` is called `return_exceptions` there.

local task = require "heddle.task"

local function fetch(n)
  task.sleep(0.02 * n)
  if n == 2 then error("page 2 is missing", 0) end
  return "page " .. n
end

local function start_all()
  local tasks = {}
  for n = 1, 4 do tasks[n] = task.start(fetch, n) end
  return tasks
end

local function first_line(x) return tostring(x):match "[^\n]*" end

local tasks = start_all()
local ok, why = pcall(task.gather, tasks)
print("gather:", ok, first_line(why))
task.wait(tasks)
for n, t in ipairs(tasks) do print("", n, t:status()) end

local results = task.gather(start_all(), { errors = true })
print "gather with errors kept:"
for n = 1, results.n do print("", n, first_line(results[n])) end
