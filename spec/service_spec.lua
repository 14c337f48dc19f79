-- The demo's service under every model: each job done once, the time limit, failures, deaths.

local helper = require "spec.helper"
local mix_plan = require "heddle.mix_plan"
local service = require "heddle.service"

local SIZE = 0.002 -- of a small job: 2,000 rounds

require("heddle.thread").current() -- the main thread's handle is made when it is first asked for

local function small_jobs(count)
  local jobs = {}
  for i = 1, count do jobs[i] = { size = SIZE } end
  return jobs
end

local function run(options)
  options.quiet = options.quiet == nil and true or options.quiet
  options.workers = options.workers or 2
  return service.new(options):run()
end

-- Runs the service in a child, so that its log lines can be read.
local function logged(options)
  return helper.script(([[
    local r = require("heddle.service").new { %s }:run()
    print(r:totals().done, r:totals().left)
  ]]):format(options))
end

-- The lines of a log in the order that does not depend on who was faster.
local function count(text, pattern)
  local n = 0
  for _ in text:gmatch(pattern) do n = n + 1 end
  return n
end

describe("heddle.service", function()
  helper.each_model("does each job once", function(_, model)
    local r = run { model = model, workers = 3, jobs = small_jobs(12), seed = 1 }
    local t = r:totals()
    assert.same({ 12, 0, 0 }, { t.done, t.failed, t.left })
    local jobs = 0
    for _, worker in ipairs(r:workers()) do
      jobs = jobs + worker.jobs
      for _, field in ipairs { "voluntary", "involuntary", "memory" } do
        assert.equal("integer", math.type(worker[field]), field)
      end
    end
    assert.equal(12, jobs)
    assert.equal(3, #r:workers())
    assert.is_true(t.cpu > 0 and t.wall > 0)
    assert.equal(require("heddle").model(model).model, r.model)
  end)

  helper.each_model("says which global a job's function was sent without", function(_, model)
    local r = run { model = model, workers = 1, seed = 1,
      jobs = { { run = function() return not_there() end } } } -- luacheck: ignore
    local far = model == "isolate" or model == "process"
    local wanted = far and "global 'not_there' was not sent" or "a nil value %(global 'not_there'%)"
    assert.matches(wanted, r:text())
  end)

  helper.each_model("shares the jobs among its workers", function(_, model)
    local jobs, meet = {}, require("heddle.sync").barrier(3)
    for i = 1, 6 do
      jobs[i] = { run = function() meet:wait() end }
    end
    local r = run { model = model, workers = 3, jobs = jobs }
    for _, worker in ipairs(r:workers()) do assert.equal(2, worker.jobs, worker.name) end
  end)

  it("has the jobs of the Python demo", function()
    local jobs = run({ model = "task", jobs = 4, seed = 42, time = 0 }).jobs
    local sizes = {}
    for i, job in ipairs(jobs) do
      assert.equal(i - 1, job.number)
      sizes[i] = job.size
    end
    assert.same(
      { 1.1394267984578836, 0.5250107552226669, 0.7750293183691193, 0.7232107381488228 }, sizes)
  end)

  it("gives the same jobs for the same seed, and draws one when there is none", function()
    local function sizes(seed)
      local made, list = service.new { model = "task", seed = seed }, {}
      for number = 0, 19 do list[number + 1] = mix_plan.size(made.plan, number) end
      return list, made.seed
    end
    assert.same(sizes(7), sizes(-7))
    local drawn, seed = sizes(nil)
    assert.equal("integer", math.type(seed))
    assert.same(drawn, (sizes(seed)))
  end)

  helper.each_model("leaves what it had no time for", function(_, model)
    local jobs = {}
    for i = 1, 50 do
      jobs[i] = { run = function() require("heddle.work").spin(0.02) end }
    end
    local r = run { model = model, jobs = jobs, time = 0.15 }
    local t = r:totals()
    assert.is_true(t.left >= 1, ("%d done, %d left"):format(t.done, t.left))
    assert.equal(50, t.done + t.left)
    assert.is_true(t.wall < 2 * helper.slack)
  end)

  it("starts nothing it has no time for", function()
    local t = run({ model = "task", jobs = small_jobs(3), time = 0 }):totals()
    assert.equal(3, t.left)
  end)

  it("ends when the jobs are done, and with full_time when the time is up", function()
    local now = require("heddle").now
    local began = now()
    run { model = "thread", jobs = small_jobs(1), time = 200 }
    assert.is_true(now() - began < 5 * helper.slack)
    began = now()
    local r = run { model = "thread", jobs = small_jobs(1), time = 0.3, full_time = true }
    assert.is_true(now() - began >= 0.3)
    assert.equal(1, r:totals().done)
  end)

  helper.each_model("goes on after a job that fails", function(_, model)
    local jobs = small_jobs(4)
    jobs[2] = { kind = "bad", run = function() error "no good" end }
    local r = run { model = model, jobs = jobs }
    local t = r:totals()
    assert.same({ 3, 1, 0 }, { t.done, t.failed, t.left })
    assert.matches("no good", r.jobs[2].error)
    assert.equal(1, r:kinds().bad.failed)
    assert.matches("job 1 failed: .*no good", r:text())
  end)

  it("goes on after a worker that is killed", function()
    local jobs = small_jobs(6)
    jobs[2] = { run = function() require("heddle.process").current():kill(9) end }
    local r = run { model = "process", jobs = jobs, workers = 2 }
    local t = r:totals()
    assert.same({ 5, 1, 0 }, { t.done, t.failed, t.left })
    assert.matches("worker died: signal 9", r.jobs[2].error)
  end)

  it("replaces workers that die, and does all jobs", function()
    local die = { run = function() require("heddle.process").current():kill(9) end }
    local small = { size = SIZE }
    local r = run { model = "process", jobs = { die, die, small, die, small, small }, time = 200 }
    local t = r:totals()
    assert.same({ 3, 3, 0 }, { t.done, t.failed, t.left })
    assert.is_true(#r:workers() >= 4)
  end)

  it("loses no job that travels with a killed worker's", function()
    local mix = require "heddle.mix"
    local tiny = { cpu = 2e-6 }
    local plan = mix.new { jobs = 2000, kinds = { tiny = tiny } }
    local killer = require("heddle.task").start(function()
      for _ = 1, 3 do
        local worker = helper.wait_for(function() return require("heddle.process").list()[1] end)
        worker:kill(9)
        worker:join()
      end
    end)
    local t = run({ model = "process", mix = plan, time = 200 }):totals()
    killer:cancel()
    killer:join()
    assert.equal(2000, t.done + t.failed)
    assert.is_true(t.failed <= 3, t.failed .. " failed")
  end)

  it("gives a job its own generator", function()
    local seen = {}
    local job = { run = function(r, own) table.insert(seen, own.number .. " " .. r()) end }
    for _ = 1, 2 do run { model = "sequential", workers = 1, jobs = { job, job }, seed = 5 } end
    assert.equal(seen[1], seen[3])
    assert.equal(seen[2], seen[4])
    assert.not_equal(seen[1]:match " .*", seen[2]:match " .*")
  end)

  it("starts processes by the method asked for", function()
    for _, method in ipairs { "fork", "spawn", "forkserver" } do
      local r = run { model = "process", method = method, jobs = small_jobs(3) }
      assert.equal(3, r:totals().done)
    end
  end)

  it("logs what the reference logs", function()
    local r = logged "model='threads', workers=2, jobs=3, seed=0, time=200"
    assert.equal("3\t0\n", r.out)
    assert.equal(1, count(r.err, "Starting Service%-1\n"))
    assert.equal(1, count(r.err, "Thread%-1 is starting work\n"))
    assert.equal(1, count(r.err, "Thread%-2 is starting work\n"))
    assert.equal(1, count(r.err,
      "Thread%-%d is processing Job #0 %(type=CPUBoundJob, size=1%.3444218515250481%)\n"))
    assert.equal(3, count(r.err, "Thread%-%d has completed Job #%d "))
    assert.equal(2, count(r.err, "Thread%-%d has no work to do\n"))
    assert.equal(2, count(r.err, "Thread%-%d has finished work\n"))
    assert.matches("Stopping Service%-1\n$", r.err)
    assert.not_matches("seed", r.err)
    r = logged "model='threads', workers=1, jobs=0"
    assert.equal(1, count(r.err, "Starting Service%-1\nService%-1 has drawn seed %d+\n"))
  end)

  it("looks for work again while full_time lasts, and is silent when quiet", function()
    local r = logged "model='coroutines', workers=1, jobs={{size=0.001}}, time=1.3, full_time=true"
    assert.equal(2, count(r.err, "Task%-1 has no work to do\n"))
    r = logged "model='processes', workers=1, jobs={{size=0.001}}, quiet=true"
    assert.equal("", r.err)
  end)

  helper.each_model("stops its workers when its own task is cancelled", function(_, model)
    local heddle, task = require "heddle", require "heddle.task"
    local runner = task.start(function()
      run { model = model, jobs = { { size = 1 }, { size = 1 }, { size = 1 }, { size = 1 } } }
    end)
    heddle.sleep(0.05)
    runner:cancel()
    assert.is_true(runner:join(5 * helper.slack))
    assert.equal("cancelled", runner:status())
  end)

  helper.each_model("runs inside a worker of any model", function(module)
    for _, inner in ipairs(helper.models) do
      local done = module.start(function(name, jobs)
        local made = require("heddle.service").new {
          model = name, jobs = jobs, workers = 2, quiet = true,
        }
        return made:run():totals().done
      end, inner, small_jobs(3)):result()
      assert.equal(3, done, inner)
    end
  end)

  it("tells its progress", function()
    local seen = {}
    run {
      model = "thread", jobs = small_jobs(3),
      progress = function(ledger) seen[#seen + 1] = ledger:counts().done end,
    }
    assert.equal(3, seen[#seen])
    assert.is_true(#seen >= 4)
  end)

  it("measures GIL waits of threads", function()
    local jobs = {}
    for i = 1, 4 do jobs[i] = { size = 0.1 } end
    local r = run { model = "threads", workers = 4, jobs = jobs }
    assert.is_true(r.gil.wait > 0)
    local waited = 0
    for _, worker in ipairs(r:workers()) do waited = waited + worker.gil_wait end
    assert.is_true(waited > 0)
    assert.is_true(r:totals().speedup < 1.5)
  end)

  it("refuses wrong options and starts nothing", function()
    local function refuses(pattern, options)
      helper.raises("service_spec.lua:%d+: service%.new: " .. pattern .. " %[bad%-argument%]$",
        function()
          local made = service.new(options)
          return made
        end)
    end
    refuses("model: coroutines, threads, isolates or processes expected, got nil", {})
    refuses("model: .* got fibers", { model = "fibers" })
    refuses("workers: a whole number >= 1 expected, got 0", { model = "task", workers = 0 })
    refuses("jobs: a whole number >= 0 expected, got %-1", { model = "task", jobs = -1 })
    refuses("seed: a whole number expected, got x", { model = "task", seed = "x" })
    refuses("time: seconds >= 0 expected, got %-?nan", { model = "task", time = 0 / 0 })
    refuses("jobs%[1%]: a table with a size .*", { model = "task", jobs = { 5 } })
    refuses("jobs%[1%]%.size: a number >= 0 expected, got %-2",
      { model = "task", jobs = { { size = -2 } } })
    for pattern, jobs in pairs {
      ["%[1%]%.knd: there is no such key: did you mean 'kind'%?"] = { { size = 1, knd = "x" } },
      ["%[2%]%.run: a function expected, got 5"] = { { size = 1 }, { size = 1, run = 5 } },
      [": a list expected, got the key 'sizes'"] = { sizes = { 1 } },
      [": a number or a list expected, got a mix: say mix="] = require("heddle.mix").reference(1),
    } do
      refuses("jobs" .. pattern, { model = "task", jobs = jobs })
    end
    refuses("quiet: a boolean expected, got 5", { model = "task", quiet = 5 })
    refuses("progress: a function expected, got true", { model = "task", progress = true })
    refuses("method: only processes have one, not threads", { model = "thread", method = "fork" })
    refuses("method: one of .* expected, got vfork", { model = "process", method = "vfork" })
    refuses("full_time: it needs a time", { model = "task", full_time = true })
    refuses("mixx: there is no such option: did you mean 'mix'%?", { model = "task", mixx = 1 })
    refuses("workers: sequential has one, got 2", { model = "sequential", workers = 2 })
    refuses("mix: unknown mix 'cpu_bond': did you mean 'cpu_bound'%?",
      { model = "task", mix = "cpu_bond" })
    refuses("mix: a mix, its name or its file expected, got number", { model = "task", mix = 5 })
    refuses("jobs: a number expected beside a mix", { model = "task", mix = "etl", jobs = {} })
    refuses("options: a table expected, got number", 5)
  end)
end)
