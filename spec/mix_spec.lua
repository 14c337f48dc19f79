-- Job mixes: what is drawn from a seed, what is refused, and the mixes that come along.

local helper = require "spec.helper"
local draw = require "heddle.mix_draw"
local mix = require "heddle.mix"
local mix_load = require "heddle.mix_load"

local function fields(jobs, ...)
  local names, list = { ... }, {}
  for i, job in ipairs(jobs) do
    local row = {}
    for k, name in ipairs(names) do row[k] = job[name] or false end
    list[i] = row
  end
  return list
end

local function count(jobs)
  local counts = {}
  for _, job in ipairs(jobs) do counts[job.kind] = (counts[job.kind] or 0) + 1 end
  return counts
end

-- The mean of what a distribution gives over many jobs.
local function mean(distribution, jobs)
  local sum = 0
  for _, job in ipairs(mix.new({ jobs = jobs, kinds = { a = { io = distribution } } }):jobs(1)) do
    sum = sum + job.size
  end
  return sum / jobs
end

local function near(expected, got, share)
  assert.is_true(math.abs(got / expected - 1) < (share or 0.05),
    ("%g expected, got %g"):format(expected, got))
end

local function example(changes)
  local kinds = {
    parse = { weight = 3, cpu = mix.lognormal(0.008, 0.5) },
    fetch = { weight = 6, io = mix.exponential(0.040) },
    page = { weight = 2, { io = 0.01 }, { cpu = 0.002 }, { io = 0.01 } },
    sha3 = { weight = 2, sha3 = mix.uniform(0.5e6, 1.5e6) },
    index = { after = "parse", cpu = 0.001, timeout = 1, retries = 2 },
    report = { weight = 1, run = function() end },
  }
  for key, value in pairs(changes or {}) do kinds[key] = value end
  return mix.new { jobs = 200, arrivals = mix.poisson(50), kinds = kinds }
end

describe("heddle.mix", function()
  it("keeps what it was made of, whatever becomes of the tables", function()
    local spec = { jobs = 3, kinds = { a = { { cpu = 0.5 } } } }
    local made = mix.new(spec)
    local before = made:jobs(1)
    spec.kinds.a[1].cpu, spec.kinds.b = 9, { cpu = 1 }
    assert.same(before, made:jobs(1))
  end)

  it("draws the same jobs from the same seed", function()
    local a, b = example():jobs(42), example():jobs(42)
    assert.equal(200, #a)
    assert.same(fields(a, "number", "kind", "size", "at", "after"),
      fields(b, "number", "kind", "size", "at", "after"))
    assert.not_same(fields(a, "kind", "size"), fields(example():jobs(43), "kind", "size"))
    for i, job in ipairs(a) do assert.equal(i - 1, job.number) end
  end)

  it("draws the same numbers on every machine", function()
    local jobs = example():jobs(42)
    local text = {}
    for i = 1, 4 do
      text[i] = ("%d %s %.17g %.17g"):format(jobs[i].number, jobs[i].kind, jobs[i].size, jobs[i].at)
    end
    assert.same({
      "0 fetch 0.011809370779923474 0.0010169560011860856",
      "1 parse 0.0070318110851628488 0.014603315433865475",
      "2 index 0.001 0.014603315433865475",
      "3 fetch 0.069041425338775719 0.0158505474801773",
    }, text)
  end)

  it("gives each purpose numbers of its own", function()
    local a = example():jobs(7)
    local parse = { weight = 3, cpu = mix.lognormal(0.008, 0.5), io = 0.01 }
    local b = example({ parse = parse }):jobs(7)
    assert.same(fields(a, "kind", "at"), fields(b, "kind", "at"))
    local c = example({ fetch = { weight = 6, io = mix.uniform(0, 1) } }):jobs(7)
    for i, job in ipairs(c) do
      if job.kind ~= "fetch" then assert.equal(a[i].size, job.size) end
    end
  end)

  it("follows the weights", function()
    local jobs = mix.new({ jobs = 4000, kinds = {
      a = { weight = 3, io = 0 }, b = { weight = 1, io = 0 }, c = { weight = 0, io = 0 },
    } }):jobs(1)
    local counts = count(jobs)
    near(3000, counts.a)
    near(1000, counts.b, 0.1)
    assert.is_nil(counts.c)
  end)

  it("has the distributions it names", function()
    assert.equal(0.25, mean(0.25, 10))
    near(2, mean(mix.uniform(1, 3), 4000))
    near(0.04, mean(mix.exponential(0.04), 8000))
    near(2 * math.exp(0.125), mean(mix.lognormal(2, 0.5), 8000))
    near(20, mean(mix.empirical { 10, 20, 20, 30 }, 4000))
    assert.equal(3, mean(mix.lognormal(3, 0), 10))
  end)

  it("has a logarithm and an exponential of its own", function()
    local r = require("heddle.rng")(1)
    for _ = 1, 2000 do
      local x = (r() - 0.5) * 600
      assert.is_true(math.abs(draw.exp(x) / math.exp(x) - 1) < 1e-14)
      assert.is_true(math.abs(draw.log(math.exp(x)) - x) < 1e-12 * math.max(1, math.abs(x)))
    end
    assert.same({ 1.0, 0.0, 0.0, math.huge },
      { draw.exp(0), draw.log(1.0), draw.exp(-1e3), draw.exp(1e3) })
  end)

  it("lets jobs arrive as it is told", function()
    local function arrivals(a, jobs)
      local made, list = mix.new { jobs = jobs, arrivals = a, kinds = { a = { io = 0 } } }, {}
      for i, job in ipairs(made:jobs(1)) do list[i] = job.at end
      return list
    end
    assert.same({ 0.0, 0.0, 0.0 }, arrivals(nil, 3))
    assert.same({ 0.0, 0.0, 0.0 }, arrivals(mix.burst(), 3))
    assert.same({ 0.0, 0.5, 1.0 }, arrivals(mix.every(0.5), 3))
    assert.same({ 1.0, 2.0, 3.0 }, arrivals(mix.trace { 3, 1, 2 }))
    local poisson = arrivals(mix.poisson(50), 4000)
    near(80, poisson[4000])
    for i = 2, 4000 do assert.is_true(poisson[i] >= poisson[i - 1]) end
  end)

  it("reads numbers from files", function()
    local path = os.tmpname()
    helper.spit(path, "1\n2\n\n3\n")
    near(2, mean(mix.empirical { file = path }, 3000))
    assert.equal(3, #mix.new({ arrivals = mix.trace(path), kinds = { a = {} } }):jobs(1))
    helper.spit(path, "when,seconds\n0.5,7\n0.25,7\n")
    assert.equal(7, mean(mix.empirical { file = path, column = "seconds" }, 5))
    assert.equal(7, mean(mix.empirical { file = path, column = 2 }, 5))
    assert.equal(0.5, mix.new({ arrivals = mix.trace { file = path, column = "when" },
      kinds = { a = {} } }):jobs(1)[2].at)
    helper.raises("mix%.empirical: column: one of when, seconds expected, got 'second': "
      .. "did you mean 'seconds'%? %[bad%-argument%]$", mix.empirical,
      { file = path, column = "second" })
    helper.spit(path, "1\nx\n")
    helper.raises(":2: a number expected in column 1, got 'x'", mix.empirical, { file = path })
    os.remove(path)
    helper.raises("can't read .*No such file", mix.trace, path)
  end)

  it("puts one job after each of the kind it comes after", function()
    local jobs = example():jobs(5)
    local counts, parses, k = count(jobs), {}, 0
    for _, job in ipairs(jobs) do
      if job.kind == "parse" then parses[#parses + 1] = job.number end
      if job.kind == "index" then
        k = k + 1
        assert.equal(parses[k], job.after)
        assert.equal(jobs[job.after + 1].at, job.at)
      end
    end
    assert.is_true(counts.parse - counts.index <= 1 and counts.index > 10)
  end)

  it("never draws more weighted ones than there are to come after", function()
    local jobs = mix.new({ jobs = 60, kinds = {
      a = { weight = 1, io = 0 }, b = { weight = 5, after = "a", io = 0 },
      c = { after = "b", io = 0 },
    } }):jobs(3)
    local counts = count(jobs)
    assert.is_true(counts.a >= counts.b and counts.b >= counts.c)
    for _, job in ipairs(jobs) do
      if job.kind ~= "a" then
        assert.equal(job.kind == "b" and "a" or "b", jobs[job.after + 1].kind)
      end
    end
  end)

  it("has steps with locks, whole rounds and bytes", function()
    local job = mix.new({ jobs = 1, kinds = {
      a = { lock = "outer", cpu = 0.5, io = 0.25, release = true, timeout = 2, retries = 1,
        { lock = "inner", disk = 10.7 }, { sha3 = mix.uniform(5, 5), memory = 3 } },
    } }):jobs(1)[1]
    assert.same({
      { cpu = 0.5, io = 0.25, release = true }, { lock = "inner", disk = 10 },
      { sha3 = 5, memory = 3 },
    }, job.steps)
    assert.equal("outer", job.lock)
    assert.equal(2, job.timeout)
    assert.equal(1, job.retries)
    assert.equal(0.75, job.size)
  end)

  it("has the reference demo's jobs", function()
    local jobs = mix.reference(4):jobs(42)
    assert.same({ 1.1394267984578836, 0.5250107552226669, 0.7750293183691193, 0.7232107381488228 },
      { jobs[1].size, jobs[2].size, jobs[3].size, jobs[4].size })
    assert.equal(1139426, jobs[1].steps[1].sha3)
    assert.same(fields(jobs, "size"), fields(mix.reference(4):jobs(-42), "size"))
  end)

  it("refuses a broken mix, naming the key and what was expected", function()
    local function refuses(pattern, spec)
      pattern = "^spec/mix_spec%.lua:%d+: mix%.new: " .. pattern .. ".* %[bad%-mix%]$"
      helper.raises(pattern, function()
        local made = mix.new(spec)
        return made
      end)
    end
    refuses("mix: a table expected, got 5", 5)
    refuses("kinds: a table of kinds expected, got nil", {})
    refuses("kinds: at least one kind expected", { kinds = {} })
    refuses("job: there is no such key: did you mean 'jobs'%?", { job = 5, kinds = { a = {} } })
    refuses("jobs: a whole number >= 0 expected, got 1%.5", { jobs = 1.5, kinds = { a = {} } })
    refuses("jobs: at most 10000000 expected", { jobs = 1e8, kinds = { a = {} } })
    refuses("arrivals: mix%.burst%(%), .* expected, got 5", { arrivals = 5, kinds = { a = {} } })
    refuses("arrivals: a trace of at least 3 times expected, got 1",
      { jobs = 3, arrivals = mix.trace { 1 }, kinds = { a = {} } })
    local function refuses_kind(pattern, kind)
      refuses("kinds%.parse" .. pattern, { kinds = { parse = kind, index = { io = 1 } } })
    end
    refuses_kind(": a table of costs and steps expected, got 7", 7)
    refuses_kind('%.cpu: a number >= 0 or a distribution expected, got "fast"', { cpu = "fast" })
    refuses_kind("%.io: a number >= 0 or a distribution expected, got %-1", { io = -1 })
    refuses_kind("%.io: .* expected, got inf", { io = math.huge })
    refuses_kind("%.cpus: there is no such key: did you mean 'cpu'%?", { cpus = 1 })
    refuses_kind("%.weight: a number >= 0 expected, got %-1", { weight = -1 })
    refuses_kind("%.timeout: seconds >= 0 expected, got %-1", { timeout = -1 })
    refuses_kind("%.retries: a whole number >= 0 expected, got 0%.5", { retries = 0.5 })
    refuses_kind("%.lock: the name of a lock expected, got 5", { lock = 5 })
    refuses_kind("%.release: true or false expected, got 1", { release = 1 })
    refuses_kind("%.run: a function .* expected, got 5", { run = 5 })
    refuses_kind("%.after: the name of a kind expected, got \"indx\": did you mean 'index'%?",
      { after = "indx" })
    refuses_kind("%.after: .* got the circle parse after parse", { after = "parse" })
    refuses_kind("%[1%]: a step, a table of costs, expected, got 5", { 5 })
    refuses_kind("%[2%]%.weight: it belongs to the kind", { { io = 1 }, { weight = 1 } })
    refuses_kind("%[1%]%.wait: there is no such key", { { wait = 1 } })
    refuses_kind("%[2%]: a step, a table of costs, expected, got nil",
      { { io = 1 }, nil, { io = 1 } })
    refuses_kind("%.cpu: a number >= 0 or a distribution expected, got nan", { cpu = 0 / 0 })
    refuses_kind("%.cpu: .* got a function", { cpu = function() return 1 end })
    refuses_kind("%.cpu: .* got a table", { cpu = mix.poisson(1) })
    refuses_kind("%.disk: at most 1000000000000 expected, got 1e%+18", { disk = 1e18 })
    refuses_kind("%.io: at most 1000000000 expected", { io = mix.uniform(0, 1e10) })
    refuses_kind("%.memory: at most .*", { memory = mix.empirical { 5, 1e15 } })
    refuses_kind("%.weight: at most 1000000000 expected", { weight = 1e300 })
    refuses_kind("%.retries: at most 1000000 expected", { retries = 1e9 })
    refuses_kind('%[1%]%.lock: another lock than the kind\'s expected, got "x"',
      { lock = "x", { lock = "x", io = 1 } })
    refuses_kind("%[1%]%.after: it belongs to the kind", { { after = "index" } })
    refuses("kinds%.a%.after: .* the circle a after c after b after a",
      { kinds = { a = { after = "c" }, b = { after = "a" }, c = { after = "b" }, d = {} } })
    refuses("kinds: at least one with a weight > 0", { kinds = { a = { weight = 0 } } })
  end)

  it("refuses wrong arguments", function()
    local function refuses(pattern, fn, ...)
      helper.raises("mix[.:]" .. pattern .. ".* %[bad%-argument%]$", fn, ...)
    end
    refuses("uniform: high: a number >= 5 expected, got 3", mix.uniform, 5, 3)
    refuses("uniform: low: a number >= 0 expected, got nil", mix.uniform)
    refuses("exponential: mean: .* got %-1", mix.exponential, -1)
    refuses("lognormal: sigma: .* got nil", mix.lognormal, 1)
    refuses("poisson: rate: a number > 0 expected, got 0", mix.poisson, 0)
    refuses("poisson: rate: a number > 0 expected, got nan", mix.poisson, 0 / 0)
    refuses("poisson: seconds between two jobs: at most 1e%+09 expected", mix.poisson, 1e-12)
    refuses("every: seconds: at most 1e%+09 expected", mix.every, 1e12)
    refuses("trace: the last: at most 1e%+09 expected", mix.trace, { 0, 1e12 })
    refuses("lognormal: sigma: at most 10 expected, got 1000", mix.lognormal, 1, 1000)
    refuses("every: seconds: .* got \"x\"", mix.every, "x")
    refuses("trace%[2%]: a number >= 0 expected, got %-5", mix.trace, { 1, -5 })
    refuses("empirical: at least one number expected", mix.empirical, {})
    refuses("empirical: a list of numbers or {file=, column=} expected", mix.empirical, 5)
    refuses("empirical: there is no option 'colum'", mix.empirical, { file = "x", colum = 1 })
    refuses("jobs: seed: a whole number expected, got x", example().jobs, example(), "x")
  end)
end)

describe("the mixes that come along", function()
  local names = mix_load.known()

  it("are ten", function()
    assert.same({ "bursty", "cpu_bound", "etl", "io_bound", "lock_heavy", "memory_heavy",
      "reference", "slow_tail", "tiny_jobs", "web_service" }, names)
  end)

  for _, name in ipairs(names) do
    it("draw their jobs: " .. name, function()
      local made = mix_load.load(name)
      local jobs = made:jobs(1)
      assert.equal(made.count, #jobs)
      assert.equal(name, made.name)
      for _, kind in ipairs(made.names) do assert.is_truthy(count(jobs)[kind], kind) end
    end)
  end

  it("are read from files, too, and refused with the file and the line or key", function()
    local stem = os.tmpname()
    local path = stem .. ".lua"
    local function load_text(text)
      helper.spit(path, text)
      local ok, value = pcall(mix_load.load, path)
      return ok and value or tostring(value.failed or value)
    end
    local head = "local mix = require 'heddle.mix'\n"
    assert.equal(3, load_text(head .. "return mix.new { jobs = 3, kinds = { a = {} } }").count)
    local function refuses(pattern, text)
      assert.matches("^" .. path:gsub("%p", "%%%0") .. pattern, load_text(text))
    end
    refuses(":2: .*expected", head .. "return mix.new {")
    refuses(": mix%.new: kinds%.a%.cpu: a number >= 0", head
      .. "return mix.new { kinds = { a = { cpu = -1 } } }")
    refuses(":3: mix%.uniform: high: a number >= 5 expected", head
      .. "return mix.new { kinds = { a = {\n cpu = mix.uniform(5, 1) } } }")
    refuses(":2: .*'lognromal'.*: did you mean 'lognormal'%?", head
      .. "return mix.new { kinds = { a = { cpu = mix.lognromal(5, 1) } } }")
    refuses(": a mix expected, as in `return mix%.new { … }`, got nothing", head)
    refuses(": a mix expected, .* got a table", "return { jobs = 1 }")
    refuses(": %(error object is a table value%)$", "error {}")
    refuses(":2: attempt to index a nil value", head .. "return mix.new(nothing.at_all)")
    refuses(": [^\n]*bad binary format[^\n]*$", "\27Lua")
    os.remove(path)
    os.remove(stem)
    assert.matches("there is no such file", load_text and
      select(2, pcall(mix_load.load, "no/such.lua")).failed)
    local _, err = pcall(mix_load.load, "cpu_bond")
    assert.matches("unknown mix 'cpu_bond': did you mean 'cpu_bound'%?", err.usage)
  end)
end)
