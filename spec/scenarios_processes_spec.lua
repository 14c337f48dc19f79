-- The scenarios of scripts/processes: what each of them claims.

local scenarios = require "spec.scenarios"

local scenario, count, check_ten_tasks = scenarios.batch(), scenarios.count,
  scenarios.check_ten_tasks

describe("scenarios of processes:", function()
  scenario("ten_processes", function(r)
    check_ten_tasks(r.out)
    assert.matches("\nFinish%.\n$", r.out)
  end)

  scenario("process_class", function(r)
    check_ten_tasks(r.out)
    assert.matches("\nFinish%. The first one's name is still task_0\n$", r.out)
  end)

  scenario("process_ids", function(r)
    local pids = { [r.out:match "\nmain PID: (%d+)\n$"] = true }
    for _, pid in r.out:gmatch "Worker: ([0-4]), PID: (%d+)\n" do pids[pid] = true end
    local n = 0
    for _ in pairs(pids) do n = n + 1 end
    assert.equal(6, n)
  end)

  scenario("daemon_process", function(r)
    assert.matches("process: 4\n.*process: 5\n.*process: finished\n", r.out)
    assert.not_matches("daemon: [45f]", r.out)
    assert.matches("main: the script ends here, and process %d+ with it\n", r.out)
  end)

  scenario("dummy_class", function(r)
    local processes, threads = r.out:match "^(.*)Finish: processes\n(.*)Finish: threads\n$"
    check_ten_tasks(processes)
    check_ten_tasks(threads)
    local pid = threads:match "PID (%d+)"
    assert.equal(10, count(threads, "%(PID " .. pid .. "%)"))
    assert.equal(0, count(processes, "%(PID " .. pid .. "%)"))
  end)

  scenario("dummy_class", { words = { "isolates", "coroutines" } }, function(r)
    local isolates, coroutines = r.out:match "^(.*)Finish: isolates\n(.*)Finish: coroutines\n$"
    check_ten_tasks(isolates)
    check_ten_tasks(coroutines)
  end)

  scenario("bank_processes", function(r)
    assert.not_equal("100", r.out:match "without its lock: (%-?%d+)\n")
    assert.matches("\nwith its lock:    100\natomic add:       100\n$", r.out)
  end)

  scenario("start_methods", function(r)
    local main = r.out:match "^this process: (%d+)\n"
    local seen, globals = { [main] = true }, {}
    for method, pid, global in r.out:gmatch "(%a+) +pid (%d+), the global is (.-)  +[%d.]+ ms\n" do
      assert.is_nil(seen[pid])
      seen[pid], globals[method] = true, global
    end
    assert.same({ fork = "changed by the parent", spawn = "nil", forkserver = "nil" }, globals)
  end)

  scenario("start_methods", { words = { "spawn" } }, function(r)
    assert.equal(1, count(r.out, "the global is nil"))
    assert.not_matches("fork", r.out)
  end)

  scenario("spawn_differs", function(r)
    assert.equal("fork   its local  true\nfork   a global   false\nspawn  its local  true\n"
      .. "spawn  a global   global 'is_even' was not sent: make it local, pass it, or set it in an "
      .. "initializer\n", r.out)
  end)

  scenario("signals", function(r)
    assert.equal("parent: sends SIGUSR1\nchild: got SIGUSR1\nchild: waits for the end\n"
      .. "parent: sends SIGTERM\nparent: worker died: signal 15, exit code -15\n", r.out)
  end)

  local WARNING = "^heddle: fork while 1 other OS thread [^\n]*%(busy%)[^\n]*\n$"
  scenario("fork_with_threads", { err = WARNING }, function(r)
    assert.equal(3, count(r.out, "the child took the lock: true\n"))
  end)
end)
