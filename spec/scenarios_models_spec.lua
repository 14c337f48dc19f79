-- The scenarios of scripts/models: what each of them claims.

local scenario = require("spec.scenarios").batch()

describe("scenarios of several models:", function()
  scenario("one_queue_four_models", function(r)
    assert.matches("\n1000 of 1000 items arrived, in order\n$", r.out)
  end)

  scenario("one_lock_four_models", function(r)
    assert.equal("done: isolate, process, task, thread\ntotal: 2000 of 2000; the lock is free\n",
      r.out)
  end)

  scenario("demo_service", function(r)
    local first
    for _, model in ipairs { "coroutines", "threads", "processes" } do
      local sizes = r.out:match(model .. " +6 done, 0 failed, [^\n]*; sizes ([%d ]+)\n")
      assert.is_truthy(sizes, r.out)
      first = first or sizes
      assert.equal(first, sizes)
    end
  end)

  scenario("no_colours", function(r)
    for _, model in ipairs { "task", "thread" } do
      local line = "%f[%w]" .. model .. " +1 %+ … %+ 5 = 15, 1 %+ … %+ 10 = 55, together in"
      assert.matches(line, r.out)
    end
    assert.matches("\ncalled: 1 %+ … %+ 5 = 15\n$", r.out)
  end)

  scenario("shared_or_not", function(r)
    for model, here in pairs { task = 1, thread = 1, isolate = 0, process = 0 } do
      local line = "%s +there: counter 1, 1 in the list;  here: counter %d, %d in the list\n"
      assert.matches(line:format(model, here, here), r.out)
    end
  end)

  scenario("what_can_be_sent", function(r)
    assert.matches("number +arrives as integer\nnumber +arrives as float\n"
      .. "string +arrives as string\ntable +arrives as a cycle: true\n"
      .. "function arrives as a function that returns 42\n"
      .. "userdata arrives as a shared value, now 42\nthe shared value here: 42\n", r.out)
    assert.matches("an open file:\tfalse\t[^\n]*can't copy args%[1%]%.file: userdata", r.out)
    assert.matches("a coroutine: \tfalse\t[^\n]*can't copy args%[1%]%[1%]: thread", r.out)
  end)
end)
