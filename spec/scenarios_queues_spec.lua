-- The scenarios of scripts/queues: what each of them claims.

local scenarios = require "spec.scenarios"

local scenario, count = scenarios.batch(), scenarios.count

describe("scenarios of queues:", function()
  scenario("process_queue", function(r)
    assert.equal("put item: [Hello]\nget item: [Hello]\nFinish.\n", r.out)
  end)

  scenario("duplex_pipe", function(r)
    assert.equal("Task2: send item: [Hello]\nTask1: recv item: [Hello]\nTask1: send item: [Hi]\n"
      .. "Task2: recv item: [Hi]\nFinish.\n", r.out)
  end)

  scenario("queue_orders", function(r)
    assert.equal("queue.new:      mail, alarm, backup, phone\n"
      .. "queue.lifo:     phone, backup, alarm, mail\n"
      .. "queue.priority: alarm, phone, mail, backup\n", r.out)
  end)

  scenario("put_and_got", function(r)
    for _, who in ipairs { "A", "B", "C" } do
      local last = 0
      for i = 1, 4 do
        assert.equal(1, count(r.out, ("process %s puts %s%d\n"):format(who, who, i)))
        assert.equal(1, count(r.out, ("process [12] gets %s%d\n"):format(who, i)))
        local at = r.out:find(("process %s puts %s%d\n"):format(who, who, i))
        assert.is_true(at > last) -- each one's items in order
        last = at
      end
    end
    assert.matches("\n12 items put, 12 got\n$", r.out)
  end)

  scenario("poison_pills", function(r)
    for n = 1, 10 do assert.matches(("%d %%* %d = %d\n"):format(n, n, n * n), r.out) end
    for i = 1, 3 do assert.equal(1, count(r.out, ("worker %d: stops\n"):format(i))) end
    assert.matches("\nleft in the queue: 0\n$", r.out)
  end)

  scenario("get_timeout", function(r)
    for _, model in ipairs { "coroutines", "threads", "isolates", "processes" } do
      assert.matches(("%s +nil timeout, then for %s\n"):format(model, model), r.out)
    end
  end)

  scenario("fetch_process_wrong", function(r)
    local at_join = tonumber(r.out:match "join is over: (%d+) items so far, and the fetcher is ")
    assert.is_true(at_join <= 1)
    assert.matches("processed item 2\n", r.out)
    assert.matches("\nand later there are more: true\n$", r.out)
  end)

  scenario("table_or_queue", function(r)
    assert.matches("^a table: 400000 items, %d+ taken, [1-9]%d* of them twice\n", r.out)
    assert.matches("\na queue: 20000 items, 20000 taken, 0 of them twice\n$", r.out)
  end)
end)
