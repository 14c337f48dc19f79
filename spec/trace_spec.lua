-- The recorder: what its rings hold, through all models, also of what was killed.

local helper = require "spec.helper"
local trace_check = require "spec.trace_check"
local heddle = require "heddle"
local jobs = require "heddle.native.trace"
local process = require "heddle.process"
local queue = require "heddle.queue"
local sync = require "heddle.sync"
local task = require "heddle.task"
local thread = require "heddle.thread"
local timeline = require "heddle.timeline"
local timeline_lanes = require "heddle.timeline_lanes"
local trace = require "heddle.trace"
local work = require "heddle.work"

local RUNNING, RUNNABLE, LOCK, IO, IDLE = 1, 2, 3, 4, 5

local function lane_named(t, name)
  for _, lane in ipairs(t.lanes) do
    if lane.name == name then return lane end
  end
end

local function own_lane(t)
  return t.by_task[task.current().id]
end

local function slices(lane, state, what)
  local list = {}
  for i = 1, lane.n do
    if lane.state[i] == state and (not what or (lane.what[i] or ""):find(what, 1, true)) then
      list[#list + 1] = i
    end
  end
  return list
end

local function saved(name)
  local path = os.tmpname() .. name
  assert(trace.save(path))
  local text = helper.slurp(path)
  os.remove(path)
  return text
end

require("heddle.thread").current() -- the main thread's handle is made when it is first asked for

describe("heddle.trace", function()
  after_each(function() trace.off() end)

  it("records the slices of a task, and what it waited for", function()
    trace.on()
    local lock = sync.lock()
    lock.name = "the till"
    lock:acquire()
    local t = task.start({ name = "cashier" }, function()
      lock:acquire()
      heddle.sleep(0.01)
      lock:release()
    end)
    heddle.sleep(0.01)
    lock:release()
    t:join()
    trace.off()
    local timeline_ = trace.collect()
    local lane, main = lane_named(timeline_, "cashier"), own_lane(timeline_)
    local waits = slices(lane, LOCK, "the till")
    assert.equal(1, #waits)
    assert.equal(main.task, lane.holder[waits[1]])
    assert.equal(main.task, lane.waker[waits[1]])
    local sleeps = slices(lane, IO, "sleep")
    assert.equal(1, #sleeps)
    local slept = lane.till[sleeps[1]] - lane.at[sleeps[1]]
    assert(slept > 0 and slept < 10e9, slept)
    assert.equal("done", lane.outcome)
    assert(#slices(main, IDLE) >= 1)
  end)

  it("has slices that follow each other without a gap", function()
    trace.on()
    local t = task.start(function() for _ = 1, 20 do heddle.yield() end heddle.sleep(0.001) end)
    t:join()
    for _, lane in ipairs(trace.collect().lanes) do
      for i = 2, lane.n do assert.equal(lane.till[i - 1], lane.at[i]) end
      for i = 1, lane.n do assert(lane.till[i] > lane.at[i]) end
    end
  end)

  it("shows threads that wait for the GIL, and who has it", function()
    trace.on()
    local hs = {}
    for i = 1, 2 do hs[i] = thread.start({ name = "spinner " .. i }, work.spin, 0.03) end
    for i = 1, 2 do hs[i]:join() end
    trace.off()
    local t = trace.collect()
    local one, two = lane_named(t, "spinner 1"), lane_named(t, "spinner 2")
    local waits, held_by_other = 0, 0
    for _, pair in ipairs { { one, two }, { two, one } } do
      local lane, other = pair[1], pair[2]
      for _, i in ipairs(slices(lane, RUNNABLE)) do
        waits = waits + lane.till[i] - lane.at[i]
        if lane.holder[i] == other.task then held_by_other = held_by_other + 1 end
      end
      assert(#slices(lane, RUNNING) > 0)
    end
    assert(waits > 0)
    if held_by_other == 0 and helper.flavour == "release" then
      assert(one.at[1] > two.till[two.n] or two.at[1] > one.till[one.n], "nobody held the GIL")
    end
  end)

  helper.each_model("records workers that run before it is turned on", function(M, model)
    local go, ready = sync.event(), sync.event()
    local h = M.start({ name = "early" }, function()
      ready:set()
      go:wait()
      require("heddle").sleep(0.001)
    end)
    ready:wait()
    trace.on()
    go:set()
    h:join()
    trace.off()
    local lane = lane_named(trace.collect(), "early")
    assert(lane, "no lane of " .. model)
    assert.equal(1, #slices(lane, IO, "sleep"))
    assert.equal("done", lane.outcome)
  end)

  for _, method in ipairs { "fork", "spawn", "forkserver" } do
    it("records a process started while it is on [" .. method .. "]", function()
      trace.on()
      local h = process.start({ name = "late", method = method }, function()
        require("heddle").sleep(0.001)
      end)
      h:join()
      trace.off()
      local lane = lane_named(trace.collect(), "late")
      assert.equal(h.pid, lane.thread.pid)
      assert.equal(h.pid, lane.thread.tid)
      assert.equal(1, #slices(lane, IO, "sleep"))
    end)
  end

  it("gives isolates that one OS thread served in turn a lane each", function()
    local isolate = require "heddle.isolate"
    trace.on()
    for i = 1, 3 do
      isolate.start({ name = "turn " .. i }, function() require("heddle").sleep(0.001) end):join()
    end
    trace.off()
    local collected, seen = trace.collect(), {}
    for i = 1, 3 do
      local lane = lane_named(collected, "turn " .. i)
      assert.equal(1, #slices(lane, IO, "sleep"))
      assert.equal("done", lane.outcome)
      assert.is_nil(seen[lane.thread.tid])
      seen[lane.thread.tid] = true
    end
    for i = 1, 3 do
      assert.matches('"thread_name","args":{"name":"turn ' .. i .. '"}', saved ".json", 1, true)
    end
  end)

  it("keeps what a killed process recorded, to the moment it died", function()
    local ready = sync.event()
    trace.on()
    local h = process.start({ name = "victim" }, function()
      ready:set()
      while true do require("heddle.work").spin(0.001) end
    end)
    ready:wait()
    heddle.sleep(0.02)
    h:kill()
    pcall(h.result, h)
    trace.off()
    local t = trace.collect()
    local lane = lane_named(t, "victim")
    assert.equal("killed", lane.outcome)
    assert.equal(1, #t.kills)
    assert.equal(-9, t.kills[1].status)
    assert.equal(lane.thread, t.kills[1].thread)
    assert.equal(RUNNING, lane.state[lane.n])
    assert.equal(t.kills[1].at, lane.till[lane.n])
    assert(saved(".json"):find "killed: signal 9")
  end)

  it("loses the oldest events of a full ring, and counts them", function()
    trace.on { events = 1000 }
    local t = task.start({ name = "busy" }, function() for _ = 1, 2000 do heddle.yield() end end)
    t:join()
    trace.off()
    local timeline_ = trace.collect()
    local lane = lane_named(timeline_, "busy")
    assert(timeline_.lost > 2000, timeline_.lost)
    assert(lane.n > 100 and lane.n < 1100, lane.n)
    assert.equal("done", lane.outcome)
  end)

  it("forgets the last recording when it is turned on again", function()
    trace.on()
    task.start({ name = "first" }, heddle.yield):join()
    trace.off()
    assert(lane_named(trace.collect(), "first"))
    trace.on()
    task.start({ name = "second" }, heddle.yield):join()
    trace.off()
    task.start({ name = "third" }, heddle.yield):join()
    local t = trace.collect()
    assert.is_nil(lane_named(t, "first"))
    assert(lane_named(t, "second"))
    assert.is_nil(lane_named(t, "third"))
  end)

  it("uses the rings of threads that have ended again", function()
    trace.on()
    for i = 1, 10 do
      thread.start({ name = "in turn " .. i }, function() heddle.sleep(0.0001) end):join()
      heddle.sleep(0.002) -- its OS thread is about to end
    end
    trace.off()
    assert(#jobs.rings() < 10, #jobs.rings())
    for i = 1, 10 do assert(lane_named(trace.collect(), "in turn " .. i)) end
  end)

  it("knows how many items a queue held", function()
    trace.on()
    local q = queue.new()
    q.name = "letters"
    for i = 1, 3 do q:put(i) end
    q:get()
    trace.off()
    assert.same({ 1, 2, 3, 2 }, trace.collect().depths.letters.items)
  end)

  it("gives a part of the time", function()
    trace.on()
    heddle.sleep(0.005)
    local from = heddle.now()
    heddle.sleep(0.005)
    local to = heddle.now()
    heddle.sleep(0.005)
    trace.off()
    local part = trace.collect(from, to)
    local lane = own_lane(part)
    assert(lane.at[1] >= part.from and lane.till[lane.n] <= part.to)
    local whole = 0
    for _, share in ipairs(timeline.shares(lane)) do whole = whole + share end
    assert.equal(part.to - part.from, whole)
  end)

  it("refuses what it does not know", function()
    helper.raises("trace.on: events: a whole number .*bad%-argument", function()
      trace.on { events = 0 }
    end)
    helper.raises("unknown option 'size'.*unknown%-option", function() trace.on { size = 1 } end)
    helper.raises("trace.save: path: a string expected", function() trace.save(1) end)
    local result = helper.heddle { "-e", "require('heddle.trace').save('x.json')" }
    assert.equal(1, result.code)
    assert(result.err:find "trace.save: nothing was recorded.*%[not%-recorded%]", result.err)
  end)
end)

describe("the jobs of a pool", function()
  after_each(function() trace.off() end)

  local function work_on(n)
    require("heddle.work").spin(0.0005)
    if n == 2 then error "no" end
    return n
  end

  for _, model in ipairs { "coroutines", "threads", "isolates", "processes" } do
    it("are recorded with their workers [" .. model .. "]", function()
      trace.on()
      local p <close> = require("heddle.pool").new(model, 2, { name = "mill" })
      local fs = {}
      for n = 1, 3 do fs[n] = p:submit(work_on, n) end
      for n = 1, 3 do pcall(fs[n].result, fs[n]) end
      assert.equal(5, #p:map(work_on, { 3, 4, 5, 6, 7 }))
      trace.off()
      local t = trace.collect()
      local statuses = {}
      assert.equal(8, #t.jobs)
      for _, job in ipairs(t.jobs) do
        statuses[job.status] = (statuses[job.status] or 0) + 1
        assert(job.kind:find "^trace_spec%.lua:%d+$", job.kind)
        assert(job.ended > job.started)
        assert(t.by_task[job.worker], "no lane")
      end
      assert.same({ done = 7, failed = 1 }, statuses)
      local shown, at = timeline_lanes.shown(t), {}
      for _, lane in ipairs(shown) do at[lane.name] = timeline.shares(lane)[RUNNING] end
      assert((at["mill-1"] or 0) + (at["mill-2"] or 0) >= 3e6)
    end)
  end
end)

describe("a trace file", function()
  after_each(function() trace.off() end)

  local function serve(group, number, kind)
    jobs.started(group, number)
    work.spin(0.001)
    jobs.ended(group, number, kind == "bad" and "failed" or "done")
  end

  helper.each_model("is what viewers expect", function(M, model)
    trace.on()
    local group, lock = jobs.group(), sync.lock()
    local names = { "good", "bad" }
    for n = 0, 3 do jobs.queued(group, n, names[n % 2 + 1]) end
    local hs = {}
    for i = 1, 2 do
      hs[i] = M.start({ name = "worker " .. i }, function()
        for n = i - 1, 3, 2 do
          local _ <close> = lock:hold()
          serve(group, n, names[n % 2 + 1])
          require("heddle").sleep(0.0005)
        end
      end)
    end
    for i = 1, 2 do hs[i]:join() end
    for n = 0, 3 do jobs.result(group, n) end
    trace.off()
    local found = trace_check.check(saved ".json")
    assert(found.slices > 4)
    assert.equal(4, found.finished)
    local lifetimes, statuses, phases = 0, {}, {}
    for _, e in ipairs(found.events) do
      phases[e.ph] = true
      if e.ph == "e" and e.cat == "job" then
        lifetimes = lifetimes + 1
        statuses[e.args.status] = (statuses[e.args.status] or 0) + 1
      end
    end
    assert.equal(4, lifetimes)
    assert.same({ done = 2, failed = 2 }, statuses)
    for _, ph in ipairs { "M", "X", "b", "n", "e", "s", "t", "f", "C" } do
      assert(phases[ph], "no " .. ph .. " with " .. model)
    end
  end)

  -- Each job that a service has begun has its arrows: submitted by the main task, begun by a
  -- worker, its result taken in by the main task again.
  for _, model in ipairs { "sequential", table.unpack(helper.models) } do
    it(("has a service's jobs from submit to result [%s]"):format(model), function()
      trace.on()
      local r = require("heddle.service").new {
        model = model, workers = model == "sequential" and 1 or 2, seed = 3, quiet = true,
        mix = require("heddle.mix").new { jobs = 12, kinds = {
          a = { cpu = 0.0002, io = 0.0005 }, b = { after = "a", cpu = 0.0001 },
          c = { run = function() error "no" end }, d = { after = "c", io = 0 },
        } },
      }:run()
      trace.off()
      local found, began = trace_check.check(saved ".json"), 0
      for _, job in ipairs(r.jobs) do began = began + (job.started and 1 or 0) end
      assert(began > 0 and began < 12)
      local steps, names = { s = {}, t = {}, f = {} }, {}
      for _, e in ipairs(found.events) do
        if steps[e.ph] then table.insert(steps[e.ph], e) end
      end
      for ph, list in pairs(steps) do
        assert.equal(began, #list, ph)
        names[ph] = found.threads[list[1].pid .. "/" .. list[1].tid]
      end
      assert.same({ "main", "main" }, { names.s, names.f })
    end)
  end

  it("is written by a report, of its run alone", function()
    local path = os.tmpname() .. ".trace.json"
    local function run()
      return require("heddle.service").new {
        model = "isolates", workers = 1, seed = 1, quiet = true, jobs = { { size = 0.001 } },
      }:run()
    end
    local before = run()
    trace.on()
    local r = run()
    assert.is_true(r:write(path))
    assert.equal(1, trace_check.check(helper.slurp(path)).finished)
    assert.is_true(r:write(path .. ".gz"))
    assert.equal("\x1f\x8b", helper.slurp(path .. ".gz"):sub(1, 2))
    os.remove(path)
    os.remove(path .. ".gz")
    os.remove((path:gsub("%.trace%.json$", "")))
    helper.raises("report%.write: nothing was recorded of this run: .* %[not%-recorded%]$",
      before.write, before, path)
  end)

  it("is gzipped by its name", function()
    trace.on()
    heddle.sleep(0.001)
    trace.off()
    local packed = saved ".json.gz"
    assert.equal("\x1f\x8b", packed:sub(1, 2))
    local path = os.tmpname()
    helper.spit(path, packed)
    local result = helper.command { "gzip", "-dc", path }
    os.remove(path)
    assert.equal(0, result.code)
    assert(trace_check.check(result.out).slices > 0)
  end)

  it("that can't be written is nil, message, code", function()
    trace.on()
    trace.off()
    for path, name in pairs {
      ["/nonexistent/x.json"] = "ENOENT", ["/nonexistent/x.json.gz"] = "ENOENT",
      ["/dev/full"] = "ENOSPC",
    } do
      local ok, message, code = trace.save(path)
      assert.is_nil(ok)
      assert.matches("^" .. path:gsub("%p", "%%%0") .. ": [%a ]+$", message)
      assert.equal(name, code)
    end
  end)
end)
