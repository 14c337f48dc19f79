-- Tasks switch only where they wait, so a bank of tasks needs no lock around `balance = balance +
-- 1`.
--
-- From: roundup (asyncio: cooperative multitasking)
-- Unlike Python: nothing marks the place of a switch, as `await` does there; what waits may switch.

local task = require "heddle.task"

local balance = 100

local function deposit()
  for _ = 1, 1000 do
    balance = balance + 1
    task.yield() -- the place where others run
  end
end

local function withdraw()
  for _ = 1, 1000 do
    balance = balance - 1
    task.yield()
  end
end

local tasks = {}
for i = 1, 10 do tasks[i] = task.start(i % 2 == 1 and deposit or withdraw) end
print("before: " .. balance)
task.wait(tasks)
print("after 5000 deposits and 5000 withdrawals without a lock: " .. balance)
