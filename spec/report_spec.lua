-- The report's figures from a run that is written down by hand, its text and its JSON.

local helper = require "spec.helper"
local json = require "heddle.json"
local report = require "heddle.report"

local function job(number, status, started, ended, cpu)
  return {
    number = number, kind = number % 2 == 0 and "even" or "odd", size = 1.0 + number,
    status = status, due = 0.0, started = started, ended = ended, cpu = cpu, attempts = 1,
    worker = started and "Thread-1", error = status == "failed" and "it broke\nin two lines" or nil,
  }
end

local function sample(changes)
  local data = {
    model = "threads", worker_count = 2, seed = 42, cores = 2, wall = 4.0,
    jobs = {
      job(0, "done", 0.0, 1.0, 0.5), job(1, "done", 1.0, 3.0, 2.0), job(2, "failed", 3.0, 4.0, 0.5),
      job(3, "left"),
    },
    workers_seen = {
      { name = "Thread-1", jobs = 3, cpu = 3.0, gil_wait = 1.0 },
      { name = "Thread-2", jobs = 0, cpu = 0.0 },
    },
    gil = { wait = 2.0, switches = 10, forced = 8 },
  }
  for key, value in pairs(changes or {}) do data[key] = value end
  return report.new(data)
end

describe("heddle.report", function()
  it("sums up", function()
    local t = sample():totals()
    assert.equal(2, t.done)
    assert.equal(1, t.failed)
    assert.equal(1, t.left)
    assert.equal(3.0, t.cpu)
    assert.equal(0.5, t.throughput)
    assert.equal(0.75, t.speedup)
    assert.same({ mean = 4 / 3, p50 = 1.0, p90 = 2.0, p99 = 2.0, max = 2.0 }, t.run)
    assert.equal(8 / 3, t.total.mean)
    assert.equal(3.0, t.wait.max)
  end)

  it("sums up each kind", function()
    local kinds = sample():kinds()
    assert.equal(1, kinds.even.done)
    assert.equal(1, kinds.even.failed)
    assert.equal(1, kinds.odd.left)
  end)

  it("knows each worker's share", function()
    local workers = sample():workers()
    assert.equal(0.75, workers[1].busy)
    assert.equal(1.0, workers[1].gil_wait)
    assert.equal(0.0, workers[2].busy)
  end)

  it("has no times where nothing ran", function()
    local t = sample({ jobs = { job(0, "left") }, wall = 0.0 }):totals()
    assert.equal(0.0, t.speedup)
    assert.is_nil(t.run)
  end)

  it("says it in words", function()
    local text = sample():text()
    assert.matches("^threads: 4 jobs, 2 workers, seed 42\n", text)
    assert.matches("2 done, 1 failed, 1 left\n", text)
    assert.matches("4.00 s wall, 3.00 s CPU\n", text)
    assert.matches("speed%-up  0.75 %(the jobs' summed CPU seconds / wall%)\n", text)
    assert.matches("waited 2.00 s for it in all, 10 switches, 8 of them forced\n", text)
    assert.matches("\n  Thread%-1 +3 +75 %% +1.00 s\n", text)
    assert.matches("job 2 failed: it broke$", text)
    assert.equal(text, tostring(sample()))
  end)

  it("marks an interrupted run, and names no GIL where there is none", function()
    local r = sample { interrupted = true, model = "isolates" }
    r.gil = nil
    assert.matches("^isolates: 4 jobs, 2 workers, seed 42 %(interrupted%)\n", r:text())
    assert.not_matches("GIL", r:text())
    assert.not_matches("speed%-up", r:text())
  end)

  it("writes JSON in the layout of its version", function()
    local cjson = require "cjson"
    local fields = cjson.decode(sample():json())
    assert.equal(1, fields.version)
    assert.equal("threads", fields.model)
    assert.equal(2, fields.worker_count)
    assert.equal(42, fields.seed)
    assert.equal(4, #fields.jobs)
    assert.equal("left", fields.jobs[4].status)
    assert.equal(0.75, fields.totals.speedup)
    assert.equal(2.0, fields.totals.run.p99)
    assert.equal("Thread-1", fields.workers[1].name)
    assert.equal(1, fields.kinds.even.done)
  end)

  it("writes to a file whose ending chooses the form", function()
    local stem = os.tmpname()
    local r = sample()
    assert.is_true(r:write(stem .. ".json"))
    assert.equal(r:json() .. "\n", helper.slurp(stem .. ".json"))
    assert.is_true(r:write(stem .. ".txt"))
    assert.equal(r:text() .. "\n", helper.slurp(stem .. ".txt"))
    for _, ending in ipairs { "", ".json", ".txt" } do os.remove(stem .. ending) end
    helper.raises("report%.write: path: .* in %.json or %.txt expected, got x%.doc",
      r.write, r, "x.doc")
    local ok, message, code = r:write "/nonexistent/x.json"
    assert.is_nil(ok)
    assert.matches("No such file", message)
    assert.equal(2, code)
  end)

  it("finds the best of several runs by the work done per second", function()
    local slow, fast = sample(), sample { model = "isolates", wall = 2.0 }
    fast.gil = nil
    local best, answer, why = report.judge { slow, fast }
    assert.equal("isolates", best)
    assert.equal("isolates ran fastest: 2.00 times as fast as threads", answer)
    assert.equal("threads spent 25 % of their time waiting for the GIL", why)
    assert.matches("\n  isolates +2 +1 +1 +2.00 s", report.table { slow, fast })
  end)

  it("calls two runs of nearly the same pace level", function()
    local _, answer = report.judge { sample(), sample { model = "isolates", wall = 3.96 } }
    assert.equal("isolates ran fastest: level with threads", answer)
  end)

  it("compares nothing when nothing was done", function()
    local best, answer = report.judge { sample { jobs = { job(0, "left") } } }
    assert.is_nil(best)
    assert.matches("nothing to compare", answer)
    best, answer = report.judge { sample(), sample { model = "isolates", interrupted = true } }
    assert.equal("threads", best)
    assert.equal("only threads came to the end", answer)
  end)

  it("writes a comparison as JSON", function()
    local text = report.comparison_json { sample(), sample { wall = 8.0 } }
    local fields = require("cjson").decode(text)
    assert.equal(2, #fields.runs)
    assert.equal(1, fields.runs[2].round)
    assert.equal("threads", fields.best)
    assert.equal(42, fields.seed)
  end)
end)

describe("heddle.json", function()
  it("writes floats as short as they read back", function()
    assert.equal("1.1394267984578836", json.number(1.1394267984578836))
    assert.equal("0.5", json.number(0.5))
    assert.equal("3.0", json.number(3.0))
    assert.equal("3", json.number(3))
    assert.equal("null", json.number(0 / 0))
  end)

  it("writes strings, lists and objects", function()
    assert.equal([["a\"\\\n\u0001é"]], json.encode 'a"\\\n\1é')
    assert.equal('{"a":[],"b":{},"c":[1,2],"d":true}',
      json.encode { a = json.list {}, b = {}, c = { 1, 2 }, d = true })
    assert.equal('"??"', json.encode "\xff\xfe")
    helper.raises("json%.encode: value: .* got function", json.encode, print)
  end)
end)
