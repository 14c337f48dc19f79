-- The scenarios of scripts/threads: what each of them claims.

local scenarios = require "spec.scenarios"

local scenario, lines = scenarios.batch(), scenarios.lines

describe("scenarios of threads:", function()
  scenario("basic_thread", function(r)
    assert.matches("^[MW][^\n]+\n[MW][^\n]+\nWorker finished\nMain thread finished\n$", r.out)
    assert.matches("Main thread\n", r.out)
  end)

  scenario("ten_threads", function(r)
    scenarios.check_ten_tasks(r.out)
    local last_begun = r.out:find "Get[^\n]*\n[^G]*$"
    assert.is_true(last_begun < r.out:find "Finish task") -- all of them at once
    assert.matches("\nFinish%. 10 tasks of 0%.2 s in [0-9.]+ s\n$", r.out)
  end)

  scenario("thread_class", function(r)
    scenarios.check_ten_tasks(r.out)
    assert.matches("\nFinish%.\n$", r.out)
  end)

  scenario("thread_ids", function(r)
    local ids, pids, workers = {}, {}, 0
    for worker, id, pid in r.out:gmatch "Worker: (%d), Thread ID: (%d+), PID: (%d+)\n" do
      assert.is_nil(ids[id])
      ids[id], pids[pid], workers = true, true, workers + 1 + 10 * tonumber(worker)
    end
    assert.equal(5 + 100, workers) -- 0 to 4, each once
    assert.is_nil(next(pids, (next(pids))))
  end)

  scenario("daemon_thread", function(r)
    assert.matches("main: the script ends here\n", r.out)
    assert.matches("thread: finished\nthread: cleaned up\n", r.out)
    assert.matches("daemon: cleaned up\n", r.out)
    assert.not_matches("daemon: finished", r.out)
  end)

  scenario("main_ends_first", function(r)
    assert.equal("main: nothing left to do here\nthread: step 1\nthread: step 2\nthread: step 3\n"
      .. "thread: the last word\n", r.out)
  end)

  scenario("start_or_run", function(r)
    local first, second = r.out:match "^(.*)start and join: [^\n]+\n(.*)run, one after the other"
    for i = 1, 3 do assert.matches(("job %d runs in Thread%%-%d\n"):format(i, i), first) end
    assert.equal("job 1 runs in main\njob 2 runs in main\njob 3 runs in main\n", second)
  end)

  scenario("input_and_squares", { stdin = "Ada\n" }, function(r)
    assert.matches("^Your name, please: ", r.out)
    assert.matches("\nsquares meanwhile: 1 4 9 16 25 36 49 64 81 100\nHello, Ada\n$", r.out)
  end)

  scenario("input_and_squares", { title = "with its input closed" }, function(r)
    assert.matches("\nsquares meanwhile: 1 4 9[^\n]+\nno name: the input has ended\n$", r.out)
  end)

  scenario("input_does_not_block", function(r)
    assert.matches("waiter:  got 'a line'.*counted to many", r.out)
  end)

  scenario("whole_lines", function(r)
    local seen = {}
    for _, line in ipairs(lines(r.out)) do
      local name, number, text = line:match "^([a-dpq]) +(%d+) (%a+)$"
      assert.equal(name and name:rep(60), text, line)
      seen[name] = (seen[name] or 0) + 1
      assert.equal(seen[name], tonumber(number)) -- each one's own lines in order
    end
    assert.same({ a = 200, b = 200, c = 200, d = 200, p = 200, q = 200 }, seen)
  end)

  scenario("lost_update", function(r)
    assert.matches("without a lock: [^\n]+ [1-9]%d* lost\nwith a lock: .*, 0 lost\n", r.out)
  end)

  scenario("lost_update_sleeps", function(r)
    local finish = tonumber(r.out:match "\nFinish%. Count = (%d+)\n$")
    assert.is_true(finish >= 1 and finish < 10)
    assert.equal(11, #lines(r.out))
  end)
end)
