-- Pools of processes whose workers are killed at random: every job is returned once or reported
-- failed, none is lost, none runs to its end twice unless that was asked for.
local helper = require "spec.helper"
local pool = require "heddle.pool"
local process = require "heddle.process"
local shared = require "heddle.shared"
local task = require "heddle.task"

local quick = helper.flavour == "release"
local JOBS, KILLS = quick and 10000 or 400, quick and 200 or 8


-- Kills the worker with that pid, if it still lives. What a process holds that is killed while it
-- receives its start message may stay behind; so those that have done a job are killed.
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


-- A job that counts how often it ran to its end, and tells which worker was at work last.
local function counting(runs, latest)
  return function(i)
    latest:set(require("heddle.process").current().pid)
    runs:add(i, 1)
    return i
  end
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
    local p <close> = pool.new("processes", 2, { name = "mill" })
    local runs, latest = shared.array("int", JOBS), shared.value("int")
    local step, _, _, whole <close> = p:imap(counting(runs, latest), range(JOBS))
    judge(p, runs, latest, function()
      local ok, place, value = pcall(step)
      if not ok then return false, place end
      return true, value
    end)
    assert.is_nil(step())
    assert.is_truthy(whole)
  end)

  it("fail their own job only [futures]", function()
    local p <close> = pool.new("processes", 2, { name = "mill" })
    local runs, latest, fs = shared.array("int", JOBS), shared.value("int"), {}
    local job = counting(runs, latest)
    judge(p, runs, latest, function(i)
      while #fs < math.min(JOBS, i + 50) do fs[#fs + 1] = p:submit(job, #fs + 1) end
      return pcall(fs[i].result, fs[i])
    end)
  end)

  it("have their jobs run again [map, retry]", function()
    local p <close> = pool.new("processes", 2, { name = "mill", retry = KILLS })
    local runs, latest = shared.array("int", JOBS), shared.value("int")
    local killer = task.start(function()
      for _ = 1, KILLS do
        require("heddle").sleep(0.001)
        kill_worker(latest:get())
      end
    end)
    for _, chunk in ipairs { 1, 7 } do
      assert.same(range(JOBS), p:map(counting(runs, latest), range(JOBS), { chunk = chunk }))
    end
    killer:join()
    for i = 1, JOBS do assert.is_true(runs[i] >= 2) end
    assert.equal(2 * JOBS, p:stats().done)
    assert.equal(0, p:stats().failed)
  end)
end)
