-- The scenarios of scripts/wrong: that what they show breaks as they say, and that they end.

local scenarios = require "spec.scenarios"

local scenario, count = scenarios.batch(), scenarios.count

describe("scenarios of mistakes:", function()
  for _, words in ipairs { {}, { "coroutines" }, { "processes" } } do
    scenario("abba_wrong", { words = words, code = 3, err = "^heddle: deadlock" }, function(r)
      assert.matches("Ann has lock A and wants lock B\n", r.out)
      assert.matches("Ben has lock B and wants lock A\n", r.out)
      assert.not_matches("never printed", r.out)
      assert.matches("\n  Ann waits for lock B at [^\n]*abba_wrong%.lua:20, held by Ben\n", r.err)
      assert.matches("\n  Ben waits for lock A at [^\n]*abba_wrong%.lua:20, held by Ann\n", r.err)
    end)
  end

  scenario("lock_order", function(r) assert.equal("Ann 100, Ben 100\n", r.out) end)

  scenario("await_itself_wrong", function(r)
    assert.matches("^waiting for my own result:\tfalse\ntask:result: [^\n]*own end %[join%-self%]\n"
      .. "the task goes on and ends\n$", r.out)
  end)

  scenario("join_itself_wrong", function(r)
    for _, model in ipairs { "task", "thread", "isolate", "process" } do
      local line = "false\t%s:join: no %s can wait for its own end [join-self]\n"
      assert.is_truthy(r.out:find(line:format(model, model), 1, true), r.out)
    end
  end)

  scenario("lock_left_wrong", function(r)
    assert.matches("^by hand:\tsomething went wrong\nthe next one:\tnil\ttimeout\n", r.out)
    assert.matches("\nwith a guard:\tsomething went wrong\nthe next one:\ttrue\n$", r.out)
  end)

  scenario("hold_unchecked_wrong", function(r)
    assert.matches("^unchecked:\ttrue\tworks without the lock, and nobody noticed\n", r.out)
    assert.matches("\nchecked:  \tfalse\t[^\n]*timeout\n$", r.out)
  end)

  scenario("join_without_task_done_wrong", function(r)
    assert.equal(6, count(r.out, "processed [123]\n"))
    assert.matches("\nwithout task_done:\tnil\ttimeout\n", r.out)
    assert.matches("\nwith task_done:\ttrue\n$", r.out)
  end)
end)
