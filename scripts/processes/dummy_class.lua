-- The same class runs as processes and as threads: only the name of the model changes.
--
-- From: article (Multiprocessing: multiprocessing.dummy)
-- Unlike Python: there it takes another import, `multiprocessing.dummy`; here all four models have
-- one interface, so the word can also be `isolates` or `coroutines`. The sleeps are a tenth.
-- Words: [MODEL]

local heddle = require "heddle"
local process = require "heddle.process"

local function run_tasks(model)
  local MyTask = heddle.model(model).extend "MyTask"

  function MyTask:init(task_name)
    self.task_name = task_name
  end

  function MyTask:run()
    print(("Get task: %s (PID %d)"):format(self.task_name, process.current().pid))
    heddle.sleep(math.random(1, 5) * 0.05)
    print("Finish task: " .. self.task_name)
  end

  local tasks = {}
  for i = 0, 9 do tasks[#tasks + 1] = MyTask("task_" .. i) end
  for _, t in ipairs(tasks) do t:start() end
  for _, t in ipairs(tasks) do t:join() end
  print("Finish: " .. model)
end

for _, model in ipairs(... and { ... } or { "processes", "threads" }) do run_tasks(model) end
