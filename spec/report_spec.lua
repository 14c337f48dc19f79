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
    assert.same({}, t.run)
  end)

  it("says it in words", function()
    local text = sample():text()
    assert.matches("^threads: 4 jobs, 2 workers, seed 42\n", text)
    assert.matches("2 done, 1 failed, 1 left\n", text)
    assert.matches("4.00 s wall, 3.00 s CPU, 0.5 jobs/s\n", text)
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

  it("has no figures of times where no job has ended, in any form", function()
    local r = sample { jobs = { job(0, "left"), job(1, "skipped") } }
    local t = r:totals()
    assert.same({ {}, {}, {} }, { t.wait, t.run, t.total })
    assert.same({}, r:kinds().even.wait)
    assert.matches('"total":{}', r:json(), 1, true)
    assert.not_matches("p50 ", r:text():match "(.-)\n\n")
    assert.matches("| wait | - | - | - | - | - |", r:markdown(), 1, true)
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
    assert.is_true(r:write(stem .. ".csv"))
    assert.equal(r:csv() .. "\n", helper.slurp(stem .. ".csv"))
    assert.is_true(r:write(stem .. ".md"))
    assert.equal(r:markdown() .. "\n", helper.slurp(stem .. ".md"))
    for _, ending in ipairs { "", ".json", ".txt", ".csv", ".md" } do os.remove(stem .. ending) end
    helper.raises("report%.write: path: .* in %.csv, %.html, %.json, %.md or %.txt expected, "
      .. "got x%.doc", r.write, r, "x.doc")
    local ok, message, code = r:write "/nonexistent/x.json"
    assert.is_nil(ok)
    assert.matches("No such file", message)
    assert.equal("ENOENT", code)
    os.remove(stem)
    assert(os.execute("ln -s /dev/full " .. stem .. ".csv"))
    ok, message, code = r:write(stem .. ".csv")
    os.remove(stem .. ".csv")
    assert.is_nil(ok)
    assert.equal(stem .. ".csv: No space left on device", message)
    assert.equal("ENOSPC", code)
  end)

  it("writes CSV with raw samples, and units in the columns' names", function()
    local lines = {}
    for line in (sample():csv() .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
    assert.equal("version,model,worker_count,round,seed,number,kind,size,worker,status,due_s,"
      .. "queued_s,started_s,ended_s,attempts,cpu_s,error", lines[1])
    assert.equal("1,threads,2,,42,0,even,1.0,Thread-1,done,0.0,,0.0,1.0,1,0.5,", lines[2])
    assert.equal('1,threads,2,,42,2,even,3.0,Thread-1,failed,0.0,,3.0,4.0,1,0.5,"it broke',
      lines[4])
    assert.equal('in two lines"', lines[5])
    assert.equal(6, #lines)
  end)

  it("writes Markdown", function()
    local text = sample():markdown()
    assert.matches("^# threads: 4 jobs, 2 workers, seed 42\n", text)
    assert.matches("\n| wall %(s%) | CPU %(s%) | jobs/s | speed%-up: [^\n]*|\n|%-%-%-|", text)
    assert.matches("\n| run | 1.33 s | 1.00 s | 2.00 s | 2.00 s | 2.00 s |\n", text)
    assert.matches("\n| even | 1 | 1 | 0 |", text)
    assert.matches("\n%- job 2 failed: it broke$", text)
  end)

  it("names its speed-up after what it compares with", function()
    local r = sample { sequential_wall = 8.0 }
    assert.equal(2.0, r:totals().speedup)
    assert.matches("speed%-up  2.00 %(sequential wall / wall%)", r:text())
  end)

  it("counts jobs that timed out or were skipped", function()
    local jobs = { job(0, "timeout", 0.0, 1.0, 0.5), job(1, "skipped"), job(2, "running", 0.5) }
    local t = sample({ jobs = jobs }):totals()
    assert.same({ 0, 0, 1, 1, 1 }, { t.done, t.failed, t.left, t.timeout, t.skipped })
    assert.matches("0 done, 0 failed, 1 left, 1 timed out, 1 skipped\n",
      sample({ jobs = jobs }):text())
  end)

  it("counts each kind's jobs under their own status, rare ones where there are any", function()
    local jobs = { job(0, "timeout", 0.0, 1.0, 0.5), job(1, "skipped"), job(2, "left") }
    local r = sample { jobs = jobs }
    assert.matches("\n  kind +done +failed +left +timed out +skipped +wait p50 ", r:text())
    assert.matches("\n  even +0 +0 +1 +1 +0 +0 s ", r:text())
    assert.matches("\n  odd +0 +0 +0 +0 +1 +%- ", r:text())
    assert.matches("\n| even | 0 | 0 | 1 | 1 | 0 | 0 s |", r:markdown(), 1, true)
    assert.matches("\n  kind +done +failed +left +wait p50 ", sample():text())
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
    assert.equal('{"a":null}', json.encode { a = json.null })
    assert.equal('"??"', json.encode "\xff\xfe")
    helper.raises("json%.encode: value: .* got function", json.encode, print)
  end)
end)
