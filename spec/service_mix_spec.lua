-- The service with job mixes: every cost, arrivals, order, time limits, repetitions and locks, for
-- each model and one after the other.

local helper = require "spec.helper"
local service = require "heddle.service"

require("heddle.thread").current() -- the main thread's handle is made when it is first asked for

local function run(options)
  options.quiet, options.workers = true, options.workers or 2
  return service.new(options):run()
end

describe("heddle.service with a mix", function()
  local mix = require "heddle.mix"

  local function by_kind(r)
    local lists = {}
    for _, job in ipairs(r.jobs) do
      lists[job.kind] = lists[job.kind] or {}
      table.insert(lists[job.kind], job)
    end
    return lists
  end

  local ALL = { "sequential", table.unpack(helper.models) }

  -- One case for each model, and for the sequential run.
  local function each(name, fn)
    for _, model in ipairs(ALL) do
      it(("%s [%s]"):format(name, model), function()
        fn(function(options)
          options.model, options.workers = model, model == "sequential" and 1 or options.workers
          return run(options)
        end, model)
      end)
    end
  end

  each("pays every cost", function(start)
    local made = mix.new { jobs = 12, kinds = {
      a = { cpu = 0.001, io = mix.exponential(0.001) }, b = { sha3 = mix.uniform(10, 20) },
      c = { { disk = 100000 }, { memory = 100000, release = true } },
      d = { { lock = "l", cpu = 0.0005 }, { io = 0.001 } }, e = { sha3 = 10, release = true },
      f = { lock = "m", run = function(r, job) assert(r() < 1 and job.kind == "f") end },
    } }
    local r = start { mix = made, seed = 3 }
    local t = r:totals()
    assert.same({ 12, 0, 0 }, { t.done, t.failed, t.left }, r:text())
    assert.is_true(t.cpu > 0)
    local jobs = made:jobs(3)
    for i, job in ipairs(r.jobs) do
      assert.equal(jobs[i].kind, job.kind)
      assert.equal(jobs[i].size, job.size)
      assert.is_true(job.due <= job.started and job.started <= job.ended)
    end
  end)

  local asking = mix.new { jobs = 4, kinds = { a = { http = 2 }, b = { http = 1 } } }

  local function ask(start)
    local r = start { mix = asking }
    require("heddle.http").close_idle()
    return r
  end

  -- What a thread opens once for its first wait for a descriptor stays.
  ask(function(options) return run { model = "sequential", workers = 1, mix = options.mix } end)

  each("asks a local server", function(start)
    local r = ask(start)
    assert.equal(4, r:totals().done, r:text())
  end)

  each("lets jobs arrive when they are due", function(start)
    local r = start { mix = mix.new { jobs = 4, arrivals = mix.every(0.03), kinds = { a = {} } } }
    for i, job in ipairs(r.jobs) do
      assert.equal(0.03 * (i - 1), job.due)
      assert.is_true(job.queued >= job.due and job.started >= job.queued)
    end
    assert.is_true(r:totals().wall >= 0.09)
  end)

  each("begins a job after the one it comes after, and skips it when that fails", function(start)
    local r = start { seed = 2, mix = mix.new { jobs = 18, arrivals = mix.poisson(1000), kinds = {
      good = { io = 0.002 }, second = { after = "good", cpu = 0.0005 },
      bad = { run = function() error "no" end }, never = { after = "bad", io = 0 },
      nor = { after = "never", io = 0 },
    } } }
    local lists = by_kind(r)
    for k, job in ipairs(lists.second) do
      assert.equal("done", job.status)
      assert.is_true(job.started >= lists.good[k].ended)
      assert.is_true(job.due >= lists.good[k].ended)
    end
    for _, kind in ipairs { "never", "nor" } do
      for _, job in ipairs(lists[kind]) do
        assert.equal("skipped", job.status)
        assert.is_nil(job.started)
      end
    end
    assert.equal(#lists.never + #lists.nor, r:totals().skipped)
    assert.equal(#lists.bad, r:totals().failed)
  end)

  each("cancels a job at its time limit, where it waits and where it computes", function(start)
    local r = start { mix = mix.new { jobs = 6, kinds = {
      waits = { timeout = 0.02, io = 30 }, spins = { timeout = 0.02, cpu = 30 },
      loops = { timeout = 0.02, run = function() while true do pcall(string.rep, "x", 3) end end },
      hashes = { timeout = 0.02, sha3 = 1e9 },
      native = { timeout = 0.02, run = function() require("heddle.work").spin(0.05) end },
      quick = { timeout = 20, io = 0.001 },
    } }, seed = 5 }
    for _, job in ipairs(r.jobs) do
      assert.equal(job.kind == "quick" and "done" or "timeout", job.status, job.kind)
      assert.equal(job.kind ~= "quick" and "timeout" or nil, job.error)
      assert.equal(1, job.attempts)
    end
  end)

  each("tries again as often as it may", function(start)
    local shared = require "heddle.shared"
    local tries = shared.value("int", 0)
    local function third() assert(tries:add(1) >= 3, "not yet") end
    local r = start { mix = mix.new { jobs = 1, kinds = { a = { retries = 5, run = third } } } }
    assert.equal("done", r.jobs[1].status)
    assert.equal(3, r.jobs[1].attempts)
    r = start { mix = mix.new { jobs = 2, kinds = {
      a = { retries = 2, run = function() error "never" end },
    } } }
    assert.equal(2, r:totals().failed)
    assert.equal(3, r.jobs[2].attempts)
    assert.matches("never", r.jobs[1].error)
    local limited = { retries = 1, timeout = 0.01, io = 9 }
    r = start { mix = mix.new { jobs = 1, kinds = { a = limited } } }
    assert.same({ "timeout", 2 }, { r.jobs[1].status, r.jobs[1].attempts })
  end)

  helper.each_model("gives a report that can be sent away", function(M)
    local function measure()
      local made = require("heddle.mix").new { jobs = 3, kinds = { a = { cpu = 0 } } }
      return require("heddle.service").new {
        model = "process", workers = 2, seed = 1, quiet = true, mix = made,
      }:run()
    end
    local r = M.start(measure):result()
    assert.equal(3, r:totals().done)
    assert.equal(2, #r:workers())
    assert.equal("done", r.jobs[3].status)
    assert.matches("^processes: 3 jobs, 2 workers, seed 1\n", r:text())
  end)

  each("tries nothing again once the time is up", function(start)
    local function fail()
      require("heddle").sleep(0.005)
      error "never"
    end
    local kinds = { a = { retries = 1000000, run = fail } }
    local r = start { mix = mix.new { jobs = 1, kinds = kinds }, time = 0.2 }
    assert.equal("failed", r.jobs[1].status)
    assert.is_true(r.jobs[1].attempts < 1000)
  end)

  each("gives a job with a time limit of nothing no time to wait", function(start)
    local r = start { mix = mix.new { jobs = 2, kinds = { a = { timeout = 0, io = 30 } } } }
    assert.equal(2, r:totals().timeout)
  end)

  each("holds a lock while a job or a step runs", function(start, model)
    local value = require("heddle.shared").value("int", 0)
    local there = require("heddle.sync").latch(model == "sequential" and 1 or 3)
    -- All workers are there, before the first of them takes the lock.
    local function meet()
      there:count_down()
      there:wait()
    end
    local function count_up()
      local seen = value:get()
      require("heddle").sleep(0.005)
      value:set(seen + 1)
    end
    local r = start { workers = 3, seed = 1, mix = mix.new { jobs = 10, kinds = {
      a = { { run = meet }, { lock = "x", run = count_up } },
    } } }
    assert.equal(10, value:get())
    local waited = 0
    for _, worker in ipairs(r:workers()) do waited = waited + worker.lock_wait end
    assert.equal(model ~= "sequential", waited > 0)
    local whole = { lock = "y", run = count_up }
    start { workers = 3, mix = mix.new { jobs = 5, kinds = { a = whole } } }
    assert.equal(15, value:get())
  end)

  each("leaves what it had no time for", function(start)
    local r = start { time = 0.1, mix = mix.new { jobs = 20, arrivals = mix.every(0.03), kinds = {
      a = { io = 0.001 }, b = { after = "a", io = 0.001 },
    } } }
    local t = r:totals()
    assert.is_true(t.left >= 1)
    assert.equal(20, t.done + t.left)
  end)

  each("runs nothing of nothing", function(start)
    assert.equal(0, start({ mix = mix.new { jobs = 0, kinds = { a = { io = 1 } } } }):totals().done)
  end)

  each("does the jobs that a mix has drawn, as a list", function(start)
    local jobs = mix.new({ jobs = 9, kinds = {
      a = { io = mix.exponential(0.001) }, b = { after = "a", cpu = 0.001 },
    } }):jobs(7)
    local r = start { jobs = jobs }
    assert.equal(9, r:totals().done)
    for i, job in ipairs(r.jobs) do
      assert.equal(jobs[i].size, job.size)
      if jobs[i].after then assert.is_true(job.started >= r.jobs[jobs[i].after + 1].ended) end
    end
  end)

  -- The jobs' table without its times, a line each.
  local function job_table(r)
    local lines = {}
    for i, job in ipairs(r.jobs) do
      lines[i] = ("%d %s %.17g %s x%d %s %s"):format(job.number, job.kind, job.size, job.status,
        job.attempts, job.kind == "next" and "" or job.due, job.error)
    end
    return lines
  end

  local varied = mix.new { jobs = 24, arrivals = mix.poisson(2000), kinds = {
    cpu = { cpu = mix.lognormal(0.0002, 0.5) }, io = { io = mix.exponential(0.0003) },
    drawn = { retries = 2, run = function(r, job) error(job.number .. " " .. r(), 0) end },
    late = { timeout = 0.002, retries = 1, io = 30 }, hash = { sha3 = mix.uniform(10, 50) },
    next = { after = "drawn", disk = 1000 },
    held = { lock = "l", memory = mix.empirical { 1000, 20000 } },
  } }

  it("does the same jobs for the same seed under each model and number of workers", function()
    local expected = job_table(run { model = "sequential", workers = 1, mix = varied, seed = 11 })
    local other = job_table(run { model = "sequential", workers = 1, mix = varied, seed = 12 })
    assert.not_same(expected, other)
    for _, model in ipairs(helper.models) do
      for _, workers in ipairs { 1, 3 } do
        local r = run { model = model, workers = workers, mix = varied, seed = 11 }
        assert.same(expected, job_table(r), model .. " x" .. workers)
        assert.equal(11, r.seed)
      end
    end
    local list = varied:jobs(11)
    for i, line in ipairs(expected) do
      local number, kind, size = line:match "^(%d+) (%l+) (%S+)"
      assert.same({ list[i].number, list[i].kind, list[i].size },
        { math.tointeger(number), kind, tonumber(size) })
    end
  end)

  it("takes many tiny jobs", function()
    for _, model in ipairs(ALL) do
      local r = service.new { model = model, quiet = true, mix = mix.new {
        jobs = 3000, kinds = { a = {} },
      } }:run()
      assert.equal(3000, r:totals().done, model)
    end
  end)

  it("can be sent as functions that say what can't be sent", function()
    local file = io.stdout
    helper.raises("can't copy .*: userdata", run, { model = "isolate", mix = mix.new {
      kinds = { a = { run = function() return file end } },
    } })
  end)
end)
