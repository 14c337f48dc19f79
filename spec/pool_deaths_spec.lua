-- Pools of processes whose workers are killed at random: every job is returned once or reported
-- failed, none is lost, none runs to its end twice unless that was asked for.
local helper = require "spec.helper"
local jobs = require "heddle.native.jobs"
local pool = require "heddle.pool"
local process = require "heddle.process"
local queue = require "heddle.queue"
local shared = require "heddle.shared"
local task = require "heddle.task"

local quick = helper.flavour == "release"
local JOBS, KILLS = quick and 10000 or 400, quick and 200 or 8


-- Kills the worker with that pid, if it still lives.
local function kill_worker(pid)
  for _, h in ipairs(process.list()) do
    if h.pid == pid then return h:kill() end
  end
end


local function range(n)
  local list = {}
  for i = 1, n do list[i] = i end
  return list
end


-- The initializer of the workers: what the jobs need waits in a global, so that no message of a job
-- holds references, which may stay behind when its receiver is killed.
local function prepare(runs, latest)
  _G.mill = { runs = runs, latest = latest, pid = require("heddle.process").current().pid }
end


-- Counts how often a job ran to its end, and tells which worker was at work last.
local function job(i)
  local mill = _G.mill
  mill.latest:set(mill.pid)
  mill.runs:add(i, 1)
  return i
end


-- A pool, how often each job ran, and the pid of the worker that was at work last.
local function mill(options)
  local runs, latest = shared.array("int", JOBS), shared.value("int")
  options.name, options.initializer, options.args = "mill", prepare, { runs, latest }
  return pool.new("processes", 2, options), runs, latest
end


describe("pool workers killed at random", function()
  -- Takes the outcome of each job from `step` (ok, value), killing on the way.
  local function judge(p, runs, latest, step)
    local returned, failed, killed = 0, 0, 0
    for i = 1, JOBS do
      local ok, value = step(i)
      if i % (JOBS // KILLS) == 0 and kill_worker(latest:get()) then killed = killed + 1 end
      if ok then
        assert.equal(i, value)
        assert.equal(1, runs[i])
        returned = returned + 1
      else
        assert.matches("^worker died: signal 9", value)
        assert.is_true(runs[i] <= 1)
        failed = failed + 1
      end
    end
    assert.equal(JOBS, returned + failed)
    assert.is_true(killed >= KILLS // 2)
    assert.is_true(failed <= killed)
    local stats = p:stats()
    assert.same({ returned, failed }, { stats.done, stats.failed })
  end

  it("fail their own job only [imap]", function()
    local p <close>, runs, latest = mill {}
    local step, _, _, whole <close> = p:imap(job, range(JOBS))
    judge(p, runs, latest, function()
      local ok, place, value = pcall(step)
      if not ok then return false, place end
      return true, value
    end)
    assert.is_nil(step())
    assert.is_truthy(whole)
  end)

  it("fail their own job only [futures]", function()
    local p <close>, runs, latest = mill {}
    local fs = {}
    judge(p, runs, latest, function(i)
      while #fs < math.min(JOBS, i + 50) do fs[#fs + 1] = p:submit(job, #fs + 1) end
      return pcall(fs[i].result, fs[i])
    end)
  end)

  it("have their jobs run again [map, retry]", function()
    local p <close>, runs, latest = mill { retry = KILLS }
    local killer = task.start(function()
      for _ = 1, KILLS do
        require("heddle").sleep(0.001)
        kill_worker(latest:get())
      end
    end)
    for _, chunk in ipairs { 1, 7 } do
      assert.same(range(JOBS), p:map(job, range(JOBS), { chunk = chunk }))
    end
    killer:join()
    for i = 1, JOBS do assert.is_true(runs[i] >= 2) end
    assert.equal(2 * JOBS, p:stats().done)
    assert.equal(0, p:stats().failed)
  end)
end)


-- A process dies after its Nth store into shared memory while it takes a job or answers one.
describe("the line of jobs, killed at each store of", function()
  local stress = require("heddle.native.sync").die_after ~= nil
  local reason = "only the stress build can die at a chosen store"
  local MOST = 500 -- stores that no operation comes near

  -- Calls act(line, claims) in a process that dies at its Nth store, for each N, then check(line,
  -- claims, whether it died).
  local function steps(act, check)
    for n = 0, MOST do
      local line = queue.new(0, { shared = true })
      local claims = shared.array("int", 1)
      for i = 1, 3 do jobs.post(line, true, {}, {}, true, i, "job", i) end
      local h = process.start({ method = "forkserver" }, function()
        local die_after = require("heddle.native.sync").die_after
        act(line, claims, function() die_after(n) end)
        die_after(-1)
      end)
      h:join()
      h:traceback()
      check(line, claims, h:exitcode() == -9)
      if h:exitcode() == 0 then return end
    end
    error("the operation never came to its end")
  end

  it("taking: the claim tells whether the job was taken", function()
    if not stress then pending(reason) end
    steps(function(line, claims, begin)
      local taker = require("heddle.native.jobs").taker(line, claims, 1)
      begin()
      taker:take(0)
    end, function(line, claims)
      local taken = jobs.taken(line)
      assert.equal(3, taken + line:size())
      assert.equal(taken > 0, claims[1] > 0 and claims[1] <= taken)
      assert.same({ taken + 1, "job", taken + 1 }, { jobs.taker(line):take(0) })
    end)
  end)

  it("answering: the answer is there or not", function()
    if not stress then pending(reason) end
    for _, quiet in ipairs { true, false } do
      steps(function(line, _, begin)
        local answer = require("heddle.native.jobs").answer
        begin()
        answer(line, quiet, 7, true, "result")
      end, function(line, _, died)
        local taker = jobs.taker(line)
        for i = 1, 3 do assert.same({ i, "job", i }, { taker:take(0) }) end
        local answer = table.pack(taker:take(0))
        if answer[1] then
          assert.same({ n = 4, 4, 7, true, "result" }, answer)
        else
          assert.is_true(died)
          assert.same({ n = 2, nil, "timeout" }, answer)
        end
        jobs.answer(line, false, 8)
        assert.equal(8, select(2, taker:take(0)))
      end)
    end
  end)
end)
