-- The scenarios of scripts/claims, which measure: that what they print bears their claim. Seconds
-- are compared only where one is many times the other.

local scenarios = require "spec.scenarios"

local scenario = scenarios.batch()

-- All numbers that a pattern with one capture finds, in order.
local function numbers(text, pattern)
  local found = {}
  for n in text:gmatch(pattern) do found[#found + 1] = tonumber(n) end
  return table.unpack(found)
end

describe("scenarios of claims:", function()
  scenario("greedy", function(r)
    assert.equal("a greedy task:   the other one ran not once meanwhile\n"
      .. "a greedy thread: the other one ran many times meanwhile\n", r.out)
  end)

  scenario("stalled_loop", function(r)
    local stalled, beside = numbers(r.out, "a pause of +(%d+) ms\n")
    assert.is_true(stalled >= 290)
    assert.is_true(beside < stalled)
  end)

  scenario("lanes", function(r)
    local tasks, isolates = numbers(r.out, "both at work in (%d+) of 60 columns\n")
    assert.equal(0, tasks)
    assert.is_true(isolates > 0)
    for _, lane in ipairs { numbers(r.out, "worker (%d) [.#]+\n") } do assert.is_true(lane <= 2) end
  end)

  scenario("gil_picture", { env = { LC_ALL = "C" } }, function(r)
    local waited = false
    for i = 1, 3 do
      local thread = r.out:match(("threads %d +([^\n]+)\n"):format(i))
      assert.matches("#", thread)
      if thread:find "#:+#" then waited = true end -- it had to wait for the lock in between
      local isolate = r.out:match(("isolates %d +([^\n]+)\n"):format(i))
      assert.matches("#", isolate)
      assert.not_matches(":", isolate)
    end
    assert.is_true(waited)
    assert.is_true(numbers(r.out, "the lock was taken away (%d+) times\n") >= 2)
  end)

  scenario("gil_thrashing", function(r)
    local forced = {}
    for n in r.out:gmatch " s +(%d+)\n" do forced[#forced + 1] = tonumber(n) end
    assert.equal(4, #forced)
    assert.equal(0, forced[1])
    assert.is_true(forced[2] > 0 and forced[2] < math.max(forced[3], forced[4]), r.out)
  end)

  scenario("gil_released", function(r)
    local kept, given = numbers(r.out, "(%d+) ticks\n")
    assert.is_true(given > 2 * kept, r.out)
  end)

  scenario("n_gils", function(r)
    local threads, processes = numbers(r.out, "of which ([0-9.]+) s waiting")
    assert.is_true(threads > 0)
    assert.equal(0, processes)
  end)

  scenario("startup_cost", function(r)
    local fork, spawn, forkserver, _, _, task = numbers(r.out, " +(%d+) µs\n")
    assert.is_true(task < fork and task < spawn and task < forkserver, r.out)
  end)

  scenario("ten_thousand", function(r)
    local task_memory, thread_memory = numbers(r.out, "([0-9.]+) KB")
    assert.is_true(task_memory > 0 and task_memory < thread_memory, r.out)
    local task_switch, thread_switch = numbers(r.out, "([0-9.]+) µs a switch")
    assert.is_true(task_switch < thread_switch, r.out)
  end)

  scenario("burners", function(r)
    local one, four = r.out:match "^1 burner:\n(.*)4 burners:\n(.*)$"
    for _, part in ipairs { one, four } do
      for _, dish in ipairs { "soup", "rice", "sauce", "beans", "tart", "coffee" } do
        assert.matches("  " .. dish .. " is ready\n", part)
      end
    end
    local slow, fast = numbers(r.out, "dinner after (%d+) minutes\n")
    assert.is_true(slow >= 32 and fast < slow)
  end)

  scenario("small_jobs", function(r)
    local here, processes = numbers(r.out, "sum 2668667000, +([%d.]+) ms\n")
    assert.is_true(here < processes)
  end)

  scenario("cpu_coroutines", function(r)
    local alone, tasks = numbers(r.out, ", CPU ([0-9.]+) s, sum 60000000\n")
    assert.is_true(alone > 0 and tasks > 0.5 * alone, r.out)
  end)

  scenario("decision_rule", function(r)
    local gains = { numbers(r.out, "s, ([0-9.]+) times as fast\n") }
    assert.equal(8, #gains)
    for i = 1, 4 do assert.is_true(gains[i] > 1.5, r.out) end -- waiting: every model gains
    local advised = { r.out:match "\nif io_bound then use (%a+) else use ([%a ]+) end\n$" }
    for i, part in ipairs { r.out:match "^(.*)(CPU%-bound:.*)$" } do
      local best = math.max(1, numbers(part, "([%d.]+) times as fast"))
      local own = tonumber(part:match(advised[i] .. " +[%d.]+ s, ([%d.]+) times")) or 1
      assert.is_true(own >= best / 1.3 - 0.1, r.out)
    end
  end)
end)
