-- The command `heddle compare`: what it runs, in which order, what it prints and writes.

local cjson = require "cjson"
local helper = require "spec.helper"

local MIX = [[
  local mix = require "heddle.mix"
  return mix.new { jobs = 4, kinds = { a = { cpu = 0.001 }, b = { io = 0.002 } } }
]]

-- Runs `heddle compare` on a small mix.
local function compare(words, options)
  local stem = os.tmpname()
  local path = stem .. ".lua"
  helper.spit(path, options and options.mix or MIX)
  local r = helper.heddle({ "compare", path, "--seed=3", table.unpack(words) }, options)
  os.remove(path)
  os.remove(stem)
  return r
end

local function refuses(words, pattern)
  local r = helper.heddle { "compare", table.unpack(words) }
  assert.equal(2, r.code, r.all)
  assert.equal("", r.out)
  assert.matches("^heddle: [^\n]*\n$", r.err)
  assert.matches(pattern, r.err)
end

describe("heddle compare", function()
  it("runs the same jobs under each model; the last line is the answer", function()
    local r = compare { "--rounds=1", "--warmup=0", "--workers=2" }
    assert.equal(0, r.code, r.all)
    for _, label in ipairs {
      "sequential", "coroutines x2", "threads x2", "isolates x2", "processes x2",
    } do
      assert.matches("\n  " .. label .. " +4 +0 +0 ", r.out)
    end
    assert.matches("\n[%l ]+%d? ran fastest: [^\n]*, because [^\n]*\n$", r.out)
    assert.matches("4 jobs, seed 3, 1 round, ", r.out)
    assert.matches("^heddle compare: [^\n]*\n$", r.err)
  end)

  it("runs rounds in turned order after the warm-up, with each number of workers", function()
    local r = compare { "--models=sequential,thread", "--workers=1,2", "--rounds=2", "--json=-" }
    assert.equal(0, r.code, r.all)
    local c = cjson.decode(r.out)
    assert.equal(1, c.version)
    assert.equal(3, c.seed)
    local order = {}
    for i, run in ipairs(c.runs) do
      order[i] = ("%d %s x%d"):format(run.round, run.model, run.worker_count)
    end
    assert.same({
      "1 sequential x1", "1 threads x1", "1 threads x2",
      "2 threads x2", "2 sequential x1", "2 threads x1",
    }, order)
    for _, run in ipairs(c.runs) do
      assert.equal(4, run.totals.done)
      for i, job in ipairs(run.jobs) do
        assert.equal(c.runs[1].jobs[i].kind, job.kind)
        assert.equal(c.runs[1].jobs[i].size, job.size)
      end
      assert.equal("sequential wall / wall", run.speedup_of)
    end
    assert.equal("string", type(c.best))
    assert.equal("string", type(c.reason))
    assert.matches("ran fastest", r.err)
  end)

  it("writes CSV and Markdown", function()
    local path = os.tmpname()
    local r = compare { "--models=task,isolate", "--workers=1", "--rounds=1", "--warmup=0",
      "--jobs=2", "--quiet", "--csv=" .. path, "--markdown=-" }
    assert.equal(0, r.code, r.all)
    local _, lines = helper.slurp(path):gsub("\n", "")
    assert.equal(5, lines)
    assert.matches("\n1,isolates,1,1,3,1,%l,", helper.slurp(path))
    assert.matches("^# [^\n]*2 jobs, seed 3[^\n]*\n", r.out)
    assert.matches("\n| isolates x1 | 2 | 0 | 0 | ", r.out)
    os.remove(path)
  end)

  it("takes a mix by its name, a seed from nowhere and a time limit", function()
    local r = helper.heddle { "compare", "cpu_bound", "--models=threads,isolates", "--workers=1",
      "--rounds=1", "--warmup=0", "--time=50ms", "--jobs=400" }
    assert.equal(0, r.code, r.all)
    assert.matches("seed %d+ %(drawn%)\n", r.err)
    assert.matches("\n  threads x1 +%d+ +0 +%d%d+ ", r.out)
  end)

  it("prints at Ctrl-C what was measured so far, marked partial", function()
    local slow = [[
      local mix, rounds = require "heddle.mix", 0
      return mix.new { jobs = 2, kinds = { a = { io = 0.02 }, b = { run = function(_, job)
        rounds = rounds + 1
        if rounds == 20 then io.stderr:write "twenty rounds" end
        if job.number == 1 then require("heddle").sleep(0.02) end
      end } } }
    ]]
    local words = { "--models=coroutines,threads", "--workers=1", "--rounds=1000", "--warmup=0" }
    local r = compare(words, { interrupt = "twenty rounds", mix = slow })
    assert.equal(130, r.code, r.all)
    assert.matches("%(partial: interrupted%)\n", r.out)
    assert.matches("\n  coroutines x1 +2 +0 +0 ", r.out)
    assert.matches("ran fastest: [^\n]*\n$", r.out)
    local long = [[return require('heddle.mix').new { jobs = 2, kinds = { a = { run = function()
      io.stderr:write "begun"
      require("heddle").sleep(30)
    end } } }]]
    r = compare({ "--models=isolates", "--json=-" }, { interrupt = "begun", mix = long })
    assert.equal(130, r.code, r.all)
    assert.is_true(cjson.decode(r.out).partial)
  end)

  -- The job that is begun as the n-th of all rounds sends Ctrl-C's signal: in the warm-up, as the
  -- last one of the first round, in the second round.
  helper.each_model("ends cleanly at Ctrl-C in each phase", function(_, model)
    local ringing = [[
      local count = require("heddle.shared").value("int", 0)
      local root = require("heddle.process").current().pid
      return require("heddle.mix").new { jobs = 2, kinds = { a = { run = function()
        if count:add(1) == %d then require("luv").kill(root, "sigint") end
        require("heddle").sleep(0.002)
      end } } }
    ]]
    -- the job's number, how many runs there are at least, how many jobs the first one has done
    for _, case in ipairs { { 1, 0, 0 }, { 4, 1, 1 }, { 5, 1, 2 } } do
      local r = compare({ "--models=" .. model, "--workers=1", "--rounds=1000", "--json=-" },
        { mix = ringing:format(case[1]) })
      assert.equal(130, r.code, r.all)
      assert.matches("%(partial: interrupted%)\n", r.err)
      local c = cjson.decode(r.out)
      assert.is_true(c.partial)
      assert.is_true(#c.runs >= case[2] and #c.runs <= case[2] + 1, r.all)
      assert.equal("string", type(c.reason))
      assert.matches(": 2 jobs, seed 3, %d+ rounds?, [1-9]%d* cores? %(partial", r.err)
      assert.is_true(case[2] == 0 or c.runs[1].totals.done >= case[3], r.all)
    end
  end)

  it("leaves what stands in its files until there are results", function()
    local path = os.tmpname()
    helper.spit(path, "old")
    local r = compare({ "--models=task", "--csv=" .. path }, { mix = "error 'no'" })
    assert.equal(1, r.code)
    assert.equal("old", helper.slurp(path))
    os.remove(path)
  end)

  it("shows its progress a line a second where it is asked to", function()
    local long = "return require('heddle.mix').new { jobs = 1, kinds = { a = { io = 1.4 } } }"
    local r = compare({ "--models=threads", "--rounds=1", "--warmup=0", "--live" }, { mix = long })
    assert.matches("\nround 1/1: threads x%d+ %[[#.]+%] %d/1 jobs, %d%.%d s\n", r.err)
  end)

  it("refuses bad use", function()
    refuses({}, "compare: a mix's name .* expected")
    refuses({ "cpu_bond" }, "unknown mix 'cpu_bond': did you mean 'cpu_bound'%?")
    refuses({ "etl", "io_bound" }, "one mix expected, got 'io_bound' as well")
    refuses({ "etl", "--models=fibers" }, "unknown model 'fibers': there are sequential,")
    refuses({ "etl", "--models=threads,,task" }, "%-%-models: words parted by commas expected")
    refuses({ "etl", "--workers=1,0" }, "%-%-workers: a whole number from 1 to 1024 .* got '0'")
    refuses({ "etl", "--rounds=0" }, "%-%-rounds: a whole number from 1")
    refuses({ "etl", "--warmup=-1" }, "%-%-warmup: a whole number from 0")
    refuses({ "etl", "--round=1" }, "unknown option '%-%-round': did you mean '%-%-rounds'%?")
    refuses({ "etl", "--models=task", "--method=fork" }, "%-%-method: only processes")
    refuses({ "bursty", "--jobs=500" }, "%-%-jobs: arrivals: a trace of at least 500 times")
    refuses({ "etl", "--quiet=1" }, "%-%-quiet: it takes no value")
    refuses({ "etl", "--queue=x.db" }, "%-%-queue: each run has to do all of the jobs, so none is ")
    local r = helper.heddle { "compare", "etl", "--csv=/nonexistent/x.csv" }
    assert.equal(1, r.code)
    assert.matches("^heddle: %-%-csv: can't write [^\n]*No such file[^\n]*\n$", r.err)
  end)
end)
