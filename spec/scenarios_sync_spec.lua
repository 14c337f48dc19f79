-- The scenarios of scripts/sync: what each of them claims.

local scenarios = require "spec.scenarios"

local scenario, sorted, count = scenarios.batch(), scenarios.sorted, scenarios.count

describe("scenarios of locks and their kin:", function()
  scenario("lock_sums_times", function(r)
    assert.matches("^1\n2\n3\n4\n5\n6\n7\n8\n9\n10\nFinish%. Count = 10\n", r.out)
    assert.matches("it took no less\n$", r.out)
  end)

  scenario("counter_lock", function(r) assert.equal("2000\n", r.out) end)

  scenario("counter_lock_wrong", function(r)
    assert.matches("^worked: false\nerror:  [^\n]*nil value %(global 'lock'%)\n", r.out)
    assert.matches("\ncounter: 0, the lock was never taken\n$", r.out)
  end)

  scenario("bank_threads", function(r)
    local unsafe = r.out:match "without a lock:  (%-?%d+)\n"
    assert.not_equal("100", unsafe)
    assert.matches("\nwith a lock:     100\n$", r.out)
  end)

  scenario("rlock_twice", function(r)
    assert.equal("outer: taken\ninner: taken a second time\nanother thread gets it now: nil\n"
      .. "and after both releases: true\na plain lock, taken twice:\tnil\ttimeout\n", r.out)
  end)

  scenario("rlock_wrong", function(r)
    local several = tonumber(r.out:match "an rlock for each: (%d) inside at once\n")
    assert.is_true(several > 1)
    assert.matches("\none rlock for all: 1 inside at once\n$", r.out)
  end)

  scenario("semaphore_three", function(r)
    for i = 1, 9 do assert.equal(1, count(r.out, ("worker %d is in, [123] inside\n"):format(i))) end
    assert.matches("\nat most 3 at once\n$", r.out)
  end)

  scenario("bounded_semaphore_five", function(r)
    for i = 0, 9 do assert.equal(1, count(r.out, "do Task: task_" .. i .. "\n")) end
    assert.matches("\nFinish%. At most 5 at once\n", r.out)
    assert.matches("one release too many:\tfalse\t[^\n]*%[too%-many%-permits%]\n$", r.out)
  end)

  scenario("barrier_four", function(r)
    local before, after = r.out:match "^(.*runner 4 is at the barrier\n)(.*)$"
    assert.equal(4, count(before, "is at the barrier\n"))
    assert.equal(4, count(after, "goes on %(index %d%) after 4 arrivals\n"))
    for i = 0, 3 do assert.matches("(index " .. i .. ")", after, 1, true) end
  end)

  scenario("rlock_semaphore_barrier", function(r)
    local numbers = {}
    for worker, n in r.out:gmatch "Worker (%d): (%d)\n" do
      numbers[#numbers + 1] = tonumber(n)
      assert.is_nil(numbers[worker])
      numbers[worker] = true
    end
    assert.equal("1 2 3 4", table.concat(numbers, " "))
    assert.matches("\nCounter: 4\n$", r.out)
  end)

  scenario("event_gate", function(r)
    local before, after = r.out:match "^(.*)the gate opens\n(.*)$"
    assert.equal("Ada waits\nBob waits\nCyd waits\nwaiting for it for a moment:\tnil\ttimeout",
      sorted(before))
    assert.equal("Ada is in\nBob is in\nCyd is in\nwho comes later:\ttrue", sorted(after))
  end)

  scenario("condition_box", function(r)
    local put, got = 0, 0
    for what, number, inside in r.out:gmatch "(%a+) (%d), (%d) in the box\n" do
      if what == "put" then put = put + 1 else got = got + 1 end
      assert.equal(what == "put" and put or got, tonumber(number)) -- in order
      assert.equal(put - got, tonumber(inside))
      assert.is_true(put - got <= 2)
    end
    assert.equal(6, put)
    assert.equal(6, got)
  end)
end)
