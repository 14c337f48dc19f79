-- The scenarios of scripts/tasks: what each of them claims.

local scenarios = require "spec.scenarios"

local scenario, lines, count = scenarios.batch(), scenarios.lines, scenarios.count

local SQUARES = "0\n1\n4\n9\n16\n25\n36\n49\n64\n81\n"

-- The numbers of "Task N WHAT" in order of their lines.
local function order(out, what)
  local numbers = {}
  for n in out:gmatch("Task (%d+) " .. what) do numbers[#numbers + 1] = n end
  return table.concat(numbers, " ")
end

describe("scenarios of tasks:", function()
  scenario("async_sleep", function(r)
    assert.matches("^another task runs meanwhile\nData fetched\nTime taken: [%d.]+ seconds\n$",
      r.out)
  end)

  scenario("gather_two", function(r)
    assert.matches("^Data 1 fetched\tData 2 fetched\nTime taken: %d+ seconds\n$", r.out)
  end)

  scenario("tasks_first", function(r)
    assert.matches("^Data 1 fetched\tData 2 fetched\nTime taken: %d+ seconds\n$", r.out)
  end)

  scenario("wait_ten", function(r)
    assert.equal("0 1 2 3 4 5 6 7 8 9", order(r.out, "started"))
    assert.equal("0 1 2 3 4 5 6 7 8 9", order(r.out, "finished"))
    assert.is_true(r.out:find "Task 9 started" < r.out:find "Task 0 finished")
    assert.matches("\n" .. SQUARES .. "10 completed, 0 pending\n$", r.out)
  end)

  scenario("wait_wrong", function(r)
    assert.matches("^coroutines:\tfalse\t[^\n]*a handle expected, got thread", r.out)
    assert.matches("\ntasks:\t1\t4\t9\n$", r.out)
  end)

  scenario("gather_ten", function(r)
    assert.equal("0 1 2 3 4 5 6 7 8 9", order(r.out, "started"))
    assert.equal("9 8 7 6 5 4 3 2 1 0", order(r.out, "finished"))
    assert.matches("\n" .. SQUARES .. "$", r.out)
  end)

  scenario("semaphore_tasks", function(r)
    local running, most = 0, 0
    for what, n in r.out:gmatch "Task %d (%a+),? ?(%d*)" do
      running = running + (what == "started" and 1 or -1)
      most = math.max(most, running)
      if what == "started" then assert.equal(running, tonumber(n)) end
    end
    assert.equal(3, most)
    assert.equal("0 1 2 3 4 5 6 7 8 9", order(r.out, "started")) -- first come, first served
    assert.matches("\n" .. SQUARES .. "$", r.out)
  end)

  scenario("coroutine_bank", function(r)
    assert.equal("before: 100\nafter 5000 deposits and 5000 withdrawals without a lock: 100\n",
      r.out)
  end)

  scenario("cooperative_lock", function(r)
    assert.matches("^no wait in the middle: +10 of 10\na wait in the middle: +1 of 10\n"
      .. "a wait in the middle and a lock: +10 of 10\n$", r.out)
  end)

  scenario("round_robin", function(r)
    assert.equal("Apollo\t3\nSoyuz\t2\nAriane\t4\nApollo\t2\nSoyuz\t1\nAriane\t3\nApollo\t1\n"
      .. "Soyuz\tliftoff\nAriane\t2\nApollo\tliftoff\nAriane\t1\nAriane\tliftoff\n", r.out)
  end)

  scenario("greenlet_switch", function(r)
    assert.equal("Task 1 start\nTask 2 start\nTask 1 end\nTask 2 end\n"
      .. "Task 1 dead: false, Task 2 dead: true\n", r.out)
  end)

  scenario("gevent_joinall", function(r)
    assert.equal("Task 1 start\nTask 2 start\nTask 1 end\nTask 2 end\n", r.out)
  end)

  scenario("gevent_unpatched", function(r)
    assert.equal("Task 1 start\nTask 1 end\nTask 2 start\nTask 2 end\n", r.out)
  end)

  scenario("gather_errors", function(r)
    assert.equal(10, #lines(r.out))
    assert.matches("^gather:\tfalse\tpage 2 is missing\n\t1\tdone\n\t2\tfailed\n", r.out)
    assert.equal(2, count(r.out, "cancelled\n"))
    assert.matches("kept:\n\t1\tpage 1\n\t2\tpage 2 is missing\n\t3\tpage 3\n\t4\tpage 4\n$", r.out)
  end)
end)
