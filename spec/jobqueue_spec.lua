-- The queues behind a service: both engines by the same cases, the file's survival of a kill, and
-- the service over them.

local helper = require "spec.helper"
local jobqueue = require "heddle.jobqueue"
local mix = require "heddle.mix"
local service = require "heddle.service"

require("heddle.thread").current() -- the main thread's handle is made when it is first asked for

local INFO = { seed = 1, count = 5, what = "a mix", takers = 3 }

-- Calls `fn` with the path of a file that is not there yet, and removes what it leaves.
local function with_path(fn)
  local path = os.tmpname()
  os.remove(path)
  path = path .. ".db"
  local ok, err = pcall(fn, path)
  for _, ending in ipairs { "", "-wal", "-shm", ".log", ".log-wal", ".log-shm" } do
    os.remove(path .. ending)
  end
  if not ok then error(err, 0) end
end

-- One case for each engine.
local function each(name, fn)
  it(name .. " [memory]", function() fn(jobqueue.MEMORY) end)
  it(name .. " [sqlite]", function() with_path(fn) end)
end

local function info(changes)
  return setmetatable(changes, { __index = INFO })
end

-- What a taker gets at once, as a list of first and last numbers.
local function take_all(q, taker)
  local list = {}
  while true do
    local first, last = q:take(taker, 0)
    if not first then return list, last end
    for number = first, last do list[#list + 1] = number end
  end
end

describe("heddle.jobqueue", function()
  each("gives jobs out in order, each once", function(path)
    local q = jobqueue.open(path, INFO)
    assert.same({ nil, "timeout" }, { q:take(1, 0) })
    q:put(0, 2)
    assert.same({ 0, 1, 2 }, take_all(q, 1))
    q:put(3, 3)
    assert.same({ 3 }, take_all(q, 2))
    assert.same({ {}, "timeout" }, { take_all(q, 1) })
    q:close()
  end)

  each("acknowledges a job once", function(path)
    local q = jobqueue.open(path, INFO)
    q:put(0, 1)
    q:take(1, 0)
    assert.is_nil(q:status(0))
    assert.is_true(q:ack(0, "done"))
    assert.is_false(q:ack(0, "done"))
    assert.is_false(q:ack(0, "failed"))
    assert.is_true(q:ack(4, "skipped"))
    assert.same({ "done", "skipped" }, { q:status(0), q:status(4) })
    assert.equal(2, q:stats().acked)
    q:close()
  end)

  each("takes jobs back, and counts", function(path)
    local q = jobqueue.open(path, INFO)
    q:put(0, 0)
    q:put(1, 1)
    q:put(2, 2)
    assert.equal(0, q:take(1, 0))
    assert.equal(1, q:take(2, 0))
    q:ack(0, "done")
    local stats = q:stats()
    assert.same({ 5, 2, 1 }, { stats.total, stats.waiting, stats.acked })
    assert.equal(2, stats.ready + stats.taken)
    assert.is_true(stats.oldest >= 0)
    assert.same({ 1, 1 }, { q:held(2) })
    q:touch(2)
    q:nak(1)
    q:nak(2)
    assert.is_nil(q:held(2))
    local list = take_all(q, 3)
    table.sort(list)
    assert.same({ 1, 2 }, list)
    q:close()
  end)

  each("says when nobody has anything in hand", function(path)
    local q = jobqueue.open(path, INFO)
    assert.is_true(q:at_rest { 1, 2 })
    q:put(0, 1)
    assert.is_false(q:at_rest { 1, 2 })
    local first, last = q:take(1, 0)
    for number = first, last do q:ack(number, "done") end
    assert.is_false(q:at_rest { 1, 2 })
    take_all(q, 1)
    assert.is_true(q:at_rest { 1, 2 })
    q:renew(3)
    assert.is_false(q:at_rest { 1, 2 })
    assert.same({ 3 }, take_all(q, 2))
    q:close()
  end)

  each("is closed for its takers when it is shut, or when all is done", function(path)
    local q = jobqueue.open(path, info { linked = true })
    q:put(0, 4)
    q:finish()
    local list, why = take_all(q, 1)
    assert.same({ { 0, 1, 2, 3, 4 }, "timeout" }, { list, why })
    for number = 0, 4 do q:ack(number, "failed") end
    assert.same({ nil, "closed" }, { q:take(1, 0) })
    q:close()
    q = jobqueue.open(path == jobqueue.MEMORY and path or path .. ".log", info { stays = true })
    q:put(0, 0)
    q:shut()
    assert.equal(0, (q:take(1, 0)))
    assert.same({ nil, "closed" }, { q:take(2, 0) })
    q:close()
  end)

  helper.each_model("hears what takers in other interpreters tell", function(module)
    with_path(function(file)
      for _, path in ipairs { jobqueue.MEMORY, file } do
        local events = require("heddle.queue").new()
        local q = jobqueue.open(path, info { events = events, linked = true })
        q:put(0, 2)
        module.start(function(shared)
          local mine = require("heddle.jobqueue").attach(shared)
          while true do
            local first, last = mine:take(2)
            if not first then break end
            for number = first, last do
              assert(mine:ack(number, number == 1 and "failed" or "done"))
              if number == 0 then mine:put(3, 4) end
            end
            mine:touch(2)
            if mine:stats().acked == 5 then break end
          end
          mine:nak(2)
          events:put { queue = false }
        end, q:share())
        while q:stats().acked < 5 do
          local message = path == file and events:get().queue
          if message then q:hear(message) else require("heddle").sleep(0.001) end
        end
        assert.equal("failed", q:status(1))
        assert.is_false(q:ack(4, "done"))
        helper.wait_for(function() return q:at_rest { 2 } end)
        q:close()
      end
    end)
  end)

  it("keeps in its file what was done, and lets the rest wait", function()
    with_path(function(path)
      assert.is_nil(jobqueue.peek(path))
      local q = jobqueue.open(path, INFO)
      q:put(0, 2)
      q:take(1, 0)
      q:ack(1, "failed")
      q:close()
      assert.same({ seed = 1, count = 5, what = "a mix" }, jobqueue.peek(path))
      q = jobqueue.open(path, INFO)
      assert.same({ [1] = "failed" }, q:ended())
      assert.equal("failed", q:status(1))
      assert.same({ total = 5, waiting = 4, ready = 0, taken = 0, acked = 1 }, q:stats())
      q:put(0, 4)
      assert.same({ 0, 2, 3, 4 }, take_all(q, 1))
      q:close()
    end)
  end)

  it("does several things in one step, and keeps what was done before an error", function()
    with_path(function(path)
      local q = jobqueue.open(path, INFO)
      helper.raises("no", q.batch, q, function()
        q:put(0, 0)
        error("no", 0)
      end)
      assert.equal(4, q:stats().waiting)
      q:close()
    end)
  end)

  it("refuses a file that is in use, is another mix's, or is no queue", function()
    with_path(function(path)
      local q = jobqueue.open(path, INFO)
      helper.raises("^queue: /%S+%.db is in use by process %d+$", jobqueue.open, path, INFO)
      q:close()
      helper.raises("holds 5 jobs of a mix with seed 1, not 5 of a mix with seed 2$", jobqueue.open,
        path, { seed = 2, count = 5, what = "a mix" })
      helper.spit(path, ("no database "):rep(100))
      helper.raises("^queue: .*file is not a database$", jobqueue.peek, path)
    end)
    helper.raises("^queue: /nonexistent/x%.db: .*unable to open", jobqueue.open,
      "/nonexistent/x.db", INFO)
  end)
end)

describe("heddle.service over a queue", function()
  local function run(model, path, made, options)
    options = options or {}
    options.model, options.workers, options.quiet = model, 2, true
    options.queue, options.mix, options.seed = path, made, 3
    return service.new(options):run()
  end

  helper.each_model("does each job once, and nothing at the next start", function(_, model)
    with_path(function(path)
      for _, engine in ipairs { jobqueue.MEMORY, path } do
        local made = mix.new { jobs = 12, kinds = {
          a = { io = 0.001 }, b = { after = "a", cpu = 0.0005 },
          c = { run = function() error "no" end }, d = { after = "c", io = 0 },
        } }
        local r = run(model, engine, made)
        local t = r:totals()
        assert.equal(12, t.done + t.failed + t.skipped, r:text())
        assert.is_true(t.done > 0 and t.failed > 0 and t.skipped > 0)
        assert.equal(0, r.earlier)
        if engine == path then
          r = run(model, engine, made)
          assert.equal(12, r.earlier)
          assert.equal(0, r:totals().done + r:totals().left)
          assert.equal(0, #require("cjson").decode(r:json()).jobs)
        end
      end
    end)
  end)

  it("goes on where the time was up", function()
    with_path(function(path)
      local made = mix.new { jobs = 10, arrivals = mix.every(0.02), kinds = {
        a = { io = 0.001 }, b = { after = "a", io = 0.001 },
      } }
      local r = run("thread", path, made, { time = 0.05 })
      local done = r:totals().done
      assert.is_true(r:totals().left > 0, r:text())
      r = run("isolate", path, made)
      assert.equal(done, r.earlier)
      assert.equal(10 - done, r:totals().done)
      assert.matches((", %d before this start\n"):format(done), r:text())
    end)
  end)

  it("fails the job of a killed worker and goes on", function()
    with_path(function(path)
      local made = mix.new { jobs = 6, kinds = { a = { run = function(_, job)
        if job.number == 1 then require("heddle.process").current():kill(9) end
      end } } }
      local t = run("process", path, made):totals()
      assert.same({ 5, 1, 0 }, { t.done, t.failed, t.left })
    end)
  end)

  helper.each_model("does again what was in hand when the service was stopped", function(_, model)
    with_path(function(path)
      local begun = require("heddle.sync").event()
      local calls = require("heddle.shared").value("int", 0)
      local made = mix.new { jobs = 4, kinds = {
        a = { run = function()
          if calls:add(1) > 2 then return end
          begun:set()
          require("heddle").sleep(math.huge)
        end },
        b = { after = "a", cpu = 0 },
      } }
      local h = require("heddle.task").start(run, model, path, made)
      begun:wait()
      h:cancel()
      h:join()
      assert.equal("cancelled", h:status())
      calls:set(2)
      local r = run(model, path, made)
      assert.equal(0, r.earlier)
      assert.equal(4, r:totals().done)
    end)
  end)

  -- Each job says in a log that it was done; the program is killed again and again.
  it("survives kills of the whole program", function()
    with_path(function(path)
      local code = ([[
        local mix = require "heddle.mix"
        local path = %q
        local made = mix.new { jobs = 60, kinds = { a = { run = function(_, job)
          require("heddle").sleep(0.03) -- 0.6 s in all, more than the first start gets
          local log <close> = io.open(path .. ".log", "a")
          log:write(job.number, "\n")
        end } } }
        local r = require("heddle.service").new {
          model = arg[1], workers = 3, mix = made, seed = 1, queue = path, quiet = true,
        }:run()
        print(r:totals().done, r.earlier, r:totals().left)
      ]]):format(path)
      local starts = 0
      local last
      repeat
        starts = starts + 1
        local model = ({ "isolates", "coroutines", "threads" })[starts % 3 + 1]
        last = helper.script(code, { args = { model }, signal = "KILL",
          interrupt = 0.05 + 0.03 * starts + 0.2 * math.random() })
      until last.code == 0 or starts > 60
      assert.equal(0, last.code, last.all)
      assert.is_true(starts > 1)
      local done, earlier, left = last.out:match "^(%d+)\t(%d+)\t(%d+)\n$"
      assert.equal(60, done + earlier)
      assert.equal("0", left)
      local seen, times = {}, 0
      for number in helper.slurp(path .. ".log"):gmatch "%d+" do
        seen[number], times = true, times + 1
      end
      for number = 0, 59 do assert.is_true(seen[tostring(number)], number .. " was not done") end
      -- Only what a killed program had in hand is done once more.
      assert.is_true(times <= 60 + 3 * starts, times .. " jobs done")
      local twice = require("luasql.sqlite3").sqlite3():connect(path)
      local cursor = twice:execute "SELECT COUNT(*), MAX(acks), MIN(acks) FROM heddle_jobs"
      assert.same({ 60, 1, 1 }, { cursor:fetch() })
      cursor:close()
      twice:close()
    end)
  end)

  it("refuses what is no path", function()
    helper.raises("service%.new: queue: a file's path expected, got 5", service.new,
      { model = "task", queue = 5 })
  end)
end)
