-- Comparisons of runs that are written down by hand: which was best, by how much, and why.

local comparison = require "heddle.comparison"
local helper = require "spec.helper"
local report = require "heddle.report"

-- A run of four jobs of one second each, `cpu` of it computing, that took `wall` seconds in all.
local function run(model, workers, wall, changes)
  local jobs, cpu = {}, changes and changes.cpu or 1.0
  for n = 0, 3 do
    local started = n * wall / 4
    jobs[n + 1] = {
      number = n, kind = "a", size = 1.0, status = "done", due = 0.0, started = started,
      ended = started + (changes and changes.run or wall / 4), cpu = cpu, attempts = 1,
    }
  end
  local data = {
    model = model, worker_count = workers, seed = 1, cores = 2, wall = wall, jobs = jobs, round = 1,
    workers_seen = { { name = "W-1", jobs = 4, cpu = 4 * cpu, thread_cpu = 4 * cpu } },
    startup = 0.001, peak_memory = 1 << 20,
  }
  for key, value in pairs(changes or {}) do data[key] = value end
  return report.new(data)
end

local function threads(wall, gil_wait, changes)
  changes = changes or {}
  changes.gil = { wait = gil_wait, switches = 5, forced = 4 }
  return run("threads", 2, wall, changes)
end

local function compare(...)
  return comparison.new { runs = { ... }, seed = 1 }
end

describe("heddle.comparison", function()
  it("finds the best by the wall time, and measures speed-up by the sequential run", function()
    local c = compare(run("sequential", 1, 4.0), threads(4.0, 3.2), run("isolates", 2, 2.0))
    assert.equal("isolates", c.best)
    assert.equal(2, c.best_workers)
    assert.equal("isolates x2 ran fastest: 2.00 times as fast as sequential, "
      .. "2.00 times as fast as threads x2", c.answer)
    assert.equal("isolates x2 kept 2.00 cores busy with the jobs (4.00 s CPU in 2.00 s), while "
      .. "threads x2 spent 40 % of their time waiting for the GIL", c.reason)
    assert.equal(2.0, c.runs[3]:totals().speedup)
    assert.equal("sequential wall / wall", c.runs[3]:speedup_label())
    assert.equal(c.answer .. ", because " .. c.reason, c:text():match "[^\n]*$")
  end)

  it("says how much the rounds differ", function()
    local second = { round = 2 }
    local c = compare(run("sequential", 1, 4.0), run("isolates", 2, 2.0),
      run("isolates", 2, 2.2, second), run("sequential", 1, 4.2, second))
    assert.matches("^isolates x2 ran fastest: 1%.95 ± 0%.06 times as fast as sequential$", c.answer)
    assert.matches("\n  isolates x2 +4 +0 +0 +2%.1 ± 0%.1 s +1%.95 ± 0%.06 ", c:text())
    assert.matches("2 rounds", c:text())
  end)

  it("calls what lies within the spread level", function()
    local c = compare(run("threads", 2, 2.0), run("isolates", 2, 1.98))
    assert.equal("isolates x2 ran fastest: level with threads x2", c.answer)
    c = compare(run("threads", 2, 2.0), run("threads", 2, 3.0, { round = 2 }),
      run("isolates", 2, 1.9), run("isolates", 2, 1.5, { round = 2 }))
    assert.matches("^isolates x2 ran fastest: ", c.answer)
    c = compare(run("threads", 2, 2.0), run("threads", 2, 1.5, { round = 2 }),
      run("isolates", 2, 1.4), run("isolates", 2, 1.8, { round = 2 }))
    assert.equal("isolates x2 ran fastest: level with threads x2", c.answer)
  end)

  it("reads from the measurements why", function()
    local waiting = { cpu = 0.01, run = 1.0, workers_seen = { { name = "W-1", waited = 3.96 } } }
    local c = compare(run("sequential", 1, 4.0, waiting), run("coroutines", 4, 1.0, waiting))
    assert.equal("the jobs spend 99 % of their time waiting, and coroutines x4 had 4.0 of them "
      .. "under way at once", c.reason)
    local locked = { workers_seen = { { name = "W-1", jobs = 4, cpu = 4.0, lock_wait = 6.0 } } }
    c = compare(run("sequential", 1, 4.0), run("isolates", 4, 4.4, locked))
    assert.equal("sequential", c.best)
    assert.equal("a lock lets one worker through at a time: isolates x4 spent 34 % of their time "
      .. "waiting for it", c.reason)
    c = compare(run("coroutines", 2, 4.0, { run = 1.0 }), threads(4.5, 3.0))
    assert.equal("threads x2 spent 33 % of their time waiting for the GIL", c.reason)
    c = compare(run("sequential", 1, 4.0), run("processes", 2, 5.0, { startup = 0.5 }))
    assert.equal("hardly anything ran at once, so what a model costs decides: sequential used "
      .. "4.00 s of CPU and was ready after 1 ms, processes x2 4.00 s after 500 ms", c.reason)
  end)

  it("judges jobs that arrive one by one by how long they took from when they were due", function()
    local function arriving(model, run_time, wall)
      local r = run(model, 2, wall, { arriving = true, run = run_time })
      for i, job in ipairs(r.jobs) do
        job.due = job.started - run_time
        job.ended = job.started + run_time
        assert.equal(i - 1, job.number)
      end
      return r
    end
    local c = compare(arriving("coroutines", 0.2, 4.0), arriving("isolates", 0.1, 4.1))
    assert.equal("isolates x2 answered fastest: 2.00 times as fast as coroutines x2", c.answer)
    assert.equal("there a job waited 100 ms and ran 100 ms, under coroutines x2 200 ms and ran "
      .. "200 ms in the mean", c.reason)
  end)

  it("names a few of many", function()
    local runs = { run("sequential", 1, 4.0) }
    for workers = 1, 6 do runs[#runs + 1] = run("isolates", workers, 4.0 / workers) end
    local c = compare(table.unpack(runs))
    assert.equal("isolates x6 ran fastest: 1.20 times as fast as isolates x5, 6.00 times as fast "
      .. "as sequential, 6.00 times as fast as isolates x1", c.answer)
  end)

  it("compares the work done where the time was up", function()
    local slow = run("threads", 2, 2.0)
    slow.jobs[4].status, slow.jobs[4].ended, slow.jobs[4].started = "left", nil, nil
    local c = compare(slow, run("isolates", 2, 2.0))
    assert.equal("isolates x2 ran fastest: 1.33 times as fast as threads x2", c.answer)
  end)

  it("compares nothing when nothing was done", function()
    local none = run("threads", 2, 2.0)
    for _, job in ipairs(none.jobs) do job.status, job.ended, job.started = "left", nil, nil end
    assert.is_nil(compare(none).best)
    assert.matches("nothing to compare", compare(none).answer)
    local c = compare(run("threads", 2, 2.0), run("isolates", 2, 1.0, { interrupted = true }))
    assert.equal("only threads x2 came to the end", c.answer)
    assert.equal("the comparison was interrupted", c.reason)
    assert.matches("\n  isolates x2 %(stopped%) +4 +0 +0 +1 s +%- +4 ", c:text())
    assert.matches("partial: interrupted",
      comparison.new({ runs = c.runs, seed = 1, partial = true }):text())
  end)

  it("says why where there is no best, or nothing to compare it with", function()
    local decode, null = require("cjson").decode, require("cjson").null
    local function head(c)
      local fields = decode(c:json())
      return { fields.best, fields.best_workers, fields.reason }
    end
    assert.same({ "sequential", 1, "no other was run" }, head(compare(run("sequential", 1, 4.0))))
    assert.same({ null, null, "there were no jobs" },
      head(compare(run("threads", 2, 0.0, { jobs = {} }))))
    local none = run("threads", 2, 2.0)
    for i, status in ipairs { "failed", "timeout", "skipped", "left" } do
      none.jobs[i].status = status
    end
    assert.same({ null, null, "1 job failed, 1 timed out, 1 had to be skipped, 1 never began" },
      head(compare(none)))
    local early = comparison.new { runs = {}, seed = 1, mix = "m", job_count = 7, partial = true }
    assert.same({ null, null, "the comparison was interrupted" }, head(early))
    assert.matches("^m: 7 jobs, seed 1, 0 rounds, [1-9]%d* cores? %(partial: interrupted%)\n",
      early:text())
    assert.matches("nothing to compare, because the comparison was interrupted$", early:text())
  end)

  it("shows what a model costs and its percentiles", function()
    local text = compare(run("sequential", 1, 4.0), threads(4.0, 3.2)):text()
    assert.matches("\n  threads x2 +4 +0 +0 +4 s +1%.00 +1 +4 s\n", text)
    assert.matches("\n  threads x2 +40 %% +0 %% +0 +0 +1 ms +1%.0 MiB\n", text)
    assert.matches("\n  threads x2 +wait +1%.00 s +3%.00 s +3%.00 s +3%.00 s\n", text)
  end)

  it("counts jobs under their own status, and parts of one in the mean of rounds", function()
    local late, next_round = run("threads", 2, 2.0), run("threads", 2, 2.0, { round = 2 })
    for i, status in ipairs { "timeout", "skipped", "left" } do late.jobs[i].status = status end
    local text = compare(late):text()
    assert.matches("\n  model +done +failed +left +timed out +skipped +wall ", text)
    assert.matches("\n  threads x2 +1 +0 +1 +1 +1 +2 s ", text)
    assert.matches("\n  threads x2 +2%.5 +0 +0%.5 +0%.5 +0%.5 ", compare(late, next_round):text())
    assert.matches("\n| threads x2 | 1 | 0 | 1 | 1 | 1 | 2 s |", compare(late):markdown(), 1, true)
    assert.matches("\n  model +done +failed +left +wall ", compare(next_round):text())
  end)

  it("writes JSON, CSV and Markdown", function()
    local c = compare(run("sequential", 1, 4.0), run("isolates", 2, 2.0))
    local fields = require("cjson").decode(c:json())
    assert.equal(1, fields.version)
    assert.equal(1, fields.seed)
    assert.equal("isolates", fields.best)
    assert.equal(c.reason, fields.reason)
    assert.equal(2, #fields.runs)
    assert.equal(1, fields.runs[2].round)
    assert.equal(2.0, fields.runs[2].totals.speedup)
    assert.equal(4, #fields.runs[2].jobs)
    assert.equal(0.5, fields.runs[2].jobs[2].started)
    local _, lines = c:csv():gsub("\n", "")
    assert.equal(8, lines)
    assert.matches("\n1,isolates,2,1,1,3,a,", c:csv())
    assert.matches("\n| isolates x2 | 4 | 0 | 0 | 2 s |", c:markdown())
    local path = os.tmpname()
    assert.is_true(c:write(path .. ".json"))
    assert.equal(c:json() .. "\n", helper.slurp(path .. ".json"))
    os.remove(path .. ".json")
    os.remove(path)
    helper.raises("comparison_spec.*report%.write: path: a name ending in", function()
      local ok = c:write "x.doc"
      return ok
    end)
  end)
end)
