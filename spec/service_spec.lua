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
    for _, worker in ipairs(r:workers()) do jobs = jobs + worker.jobs end
    assert.equal(12, jobs)
    assert.equal(3, #r:workers())
    assert.is_true(t.cpu > 0 and t.wall > 0)
    assert.equal(require("heddle").model(model).model, r.model)
  end)

  helper.each_model("shares the jobs among its workers", function(_, model)
    local jobs = {}
    for i = 1, 6 do
      jobs[i] = { run = function() require("heddle").sleep(0.05) end }
    end
    local r = run { model = model, workers = 3, jobs = jobs }
    for _, worker in ipairs(r:workers()) do assert.is_true(worker.jobs >= 1, worker.name) end
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
    assert.is_true(t.done >= 1 and t.left >= 1, ("%d done, %d left"):format(t.done, t.left))
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
    run { model = "thread", jobs = small_jobs(1), time = 20 }
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
    local r = run { model = "process", jobs = { die, die, small, die, small, small }, time = 20 }
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
    local t = run({ model = "process", mix = plan, time = 20 }):totals()
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
    local r = logged "model='threads', workers=2, jobs=3, seed=0, time=20"
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
    local r = run { model = "threads", workers = 4, jobs = 4, seed = 1, time = 0.2 }
    assert.is_true(r.gil.wait > 0)
    assert.is_true(r:workers()[1].gil_wait > 0)
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

  each("holds a lock while a job or a step runs", function(start, model)
    local value = require("heddle.shared").value("int", 0)
    local function count_up()
      local seen = value:get()
      require("heddle").sleep(0.002)
      value:set(seen + 1)
    end
    local r = start { workers = 3, mix = mix.new { jobs = 12, kinds = {
      a = { lock = "x", run = count_up }, b = { { lock = "x", run = count_up } },
    } } }
    assert.equal(12, value:get())
    local waited = 0
    for _, worker in ipairs(r:workers()) do waited = waited + worker.lock_wait end
    assert.equal(model ~= "sequential", waited > 0)
  end)

  each("leaves what it had no time for", function(start)
    local r = start { time = 0.1, mix = mix.new { jobs = 20, arrivals = mix.every(0.03), kinds = {
      a = { io = 0.001 }, b = { after = "a", io = 0.001 },
    } } }
    local t = r:totals()
    assert.is_true(t.done >= 1 and t.left >= 1)
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
