-- The chart of lanes, from a timeline that is written down by hand and from real runs.

local helper = require "spec.helper"
local trace_chart = require "heddle.trace_chart"
local timeline_lanes = require "heddle.timeline_lanes"

local MS = 1000000

-- A lane from "state until, state until, …", times in milliseconds.
local function lane(name, thread, begun, slices)
  local self = { name = name, thread = thread, task = #name, n = 0, state = {}, at = {}, till = {},
    what = {}, holder = {}, waker = {}, main = true }
  for i = 1, #slices, 2 do
    self.n = self.n + 1
    self.state[self.n], self.at[self.n] = slices[i], begun * MS
    begun = slices[i + 1]
    self.till[self.n] = begun * MS
  end
  return self
end

local function sample()
  local a = { seat = 0, order = 0, tid = 1, pid = 7, name = "a" }
  local b = { seat = 1, order = 1, tid = 2, pid = 8, name = "b" }
  return { from = 0, to = 100 * MS, lost = 0, by_task = {}, jobs = {}, depths = {},
    kills = { { thread = b, at = 80 * MS, status = -9 } },
    lanes = {
      lane("first", a, 0, { 1, 20, 2, 40, 3, 60, 4, 80, 5, 100 }),
      lane("second one", b, 20, { 1, 80 }),
    } }
end

local function lines_of(text)
  local lines = {}
  for line in text:gmatch "[^\n]*" do lines[#lines + 1] = line end
  return lines
end

describe("the chart of lanes", function()
  it("has five states, each with its character", function()
    local lines = lines_of(trace_chart.text(sample(), { width = 69, color = false, utf8 = true }))
    assert.equal("timeline: 100 ms, one character is 2 ms, % is the share of running", lines[1])
    assert.equal("first      ██████████░░░░░░░░░░XXXXXXXXXX~~~~~~~~~~··········  20 %", lines[2])
    assert.equal("second one           ██████████████████████████████            60 %", lines[3])
    assert(lines[4]:find "^ +%+%-+%+", lines[4])
    assert(lines[5]:find "^ +0 +50 ms$", lines[5])
    assert.equal(" █ running ░ GIL X lock ~ I/O · idle", lines[6])
    assert.equal("  b (process 8) was killed by signal 9 at 80 ms", lines[7])
  end)

  it("goes without UTF-8", function()
    local text = trace_chart.text(sample(), { width = 69, color = false, utf8 = false })
    assert(not text:find "[\x80-\xff]")
    assert(text:find("first      ##########::::::::::XXXXXXXXXX~~~~~~~~~~.....", 1, true), text)
  end)

  it("has the same colours always, and the same text under them", function()
    local plain = trace_chart.text(sample(), { width = 120, color = false, utf8 = true })
    local coloured = trace_chart.text(sample(), { width = 120, color = true, utf8 = true })
    assert.equal(plain, (coloured:gsub("\27%[[%d;]*m", "")))
    for _, code in ipairs { 32, 208, 175, 36, 245 } do
      assert(coloured:find("\27[38;5;" .. code .. "m", 1, true), code)
    end
    assert(coloured:find "waiting for the GIL") -- there is room for the long legend
  end)

  it("is as wide as asked for", function()
    for _, width in ipairs { 40, 60, 100, 200 } do
      local text = trace_chart.text(sample(), { width = width, color = false, utf8 = true })
      for i, line in ipairs(lines_of(text)) do
        assert(i == 1 or i == 7 or utf8.len(line) <= width, ("%d: %s"):format(width, line))
      end
    end
  end)

  it("cuts long names", function()
    local t = sample()
    t.lanes[1].name = ("ü"):rep(50)
    local text = trace_chart.text(t, { width = 80, color = false, utf8 = true })
    assert(text:find(("ü"):rep(23) .. "… █", 1, true), text)
  end)

  -- A lane as it comes out: its states and when each ends, in milliseconds.
  local function states(l)
    local out = {}
    for i = 1, l.n do
      out[2 * i - 1], out[2 * i] = l.state[i], l.till[i] // MS
    end
    return out
  end

  it("draws short tasks and the library's own in the lane of their thread", function()
    local t = sample()
    local thread = t.lanes[1].thread
    t.lanes[1] = lane("first", thread, 0, { 1, 20, 5, 100 })
    t.lanes[3] = lane("Task-9", thread, 29, { 1, 30 })
    t.lanes[4] = lane("do_job", thread, 40, { 2, 50, 1, 60, 5, 70 })
    t.lanes[3].main, t.lanes[4].main, t.lanes[4].internal = false, false, true
    local shown, hidden = timeline_lanes.shown(t)
    assert.equal(2, #shown)
    assert.equal(1, hidden) -- of the program's own
    assert.same({ 1, 20, 5, 29, 1, 30, 5, 40, 2, 50, 1, 60, 5, 100 }, states(shown[1]))
    assert.same({ 5, 6, 6 }, shown[1].members)
    assert(trace_chart.text(t, { width = 80 }):find "; 1 short task in its thread's lane")
  end)

  it("draws tasks of one name that follow each other in one lane", function()
    local t = sample()
    for k = 1, 3 do
      local l = lane("Pool-1-1", t.lanes[1].thread, 10 * k, { 1, 10 * k + 5 })
      l.main, l.named, l.internal = false, true, true
      t.lanes[2 + k] = l
    end
    local shown = timeline_lanes.shown(t)
    assert.equal(3, #shown)
    assert.same({ 1, 15, 1, 25, 1, 35 }, states(shown[3]))
    assert.equal(20 * MS, shown[3].at[2])
  end)

  it("says so when there is nothing to draw", function()
    local t = sample()
    t.lanes = {}
    assert.equal("timeline: nothing was recorded", trace_chart.text(t))
  end)

  it("refuses options that it does not know", function()
    helper.raises("trace.chart: options: unknown option 'size'.*unknown%-option", function()
      trace_chart.text(sample(), { size = 1 })
    end)
  end)
end)

describe("--timeline", function()
  local SCRIPT = [[
    local thread, work = require "heddle.thread", require "heddle.work"
    for i = 1, 2 do thread.start({ name = "spinner " .. i }, work.spin, 0.03) end
  ]]

  it("draws the workers of a script, to their ends", function()
    local result = helper.script(SCRIPT, { before = { "--timeline" }, env = { LC_ALL = "C" } })
    assert.equal(0, result.code)
    assert(result.out:find "timeline: %d+", result.out)
    assert(result.out:find "\nspinner 1 [^\n]*#+", result.out)
    assert(result.out:find "\nspinner 2 [^\n]*#+", result.out)
    assert(not result.out:find "\27", result.out)
  end)

  it("draws code and scenarios", function()
    local code = helper.heddle { "--timeline", "-e", "require('heddle').sleep(0.02)" }
    assert(code.out:find "main [^\n]*~~~", code.all)
    local scenario = helper.heddle { "run", "lanes", "--timeline" }
    assert.equal(0, scenario.code, scenario.all)
    assert(scenario.out:find "\nIsolate%-1 ", scenario.out)
  end)

  it("draws how a deadlock came about", function()
    local result = helper.script([[
      local task, sync = require "heddle.task", require "heddle.sync"
      local a, b = sync.lock(), sync.lock()
      local function both(x, y)
        x:acquire()
        task.sleep(0.02)
        y:acquire()
      end
      task.start({ name = "left" }, both, a, b)
      task.start({ name = "right" }, both, b, a)
    ]], { before = { "--timeline" }, env = { LC_ALL = "C" } })
    assert.equal(3, result.code)
    assert(result.err:find "deadlock", result.err)
    assert(result.out:find "\nleft [^\n]*~", result.out)
    assert(result.out:find "\nright [^\n]*~", result.out)
  end)

  it("draws what there was until os.exit", function()
    local result = helper.heddle {
      "--timeline", "-e", "require('heddle').sleep(0.01) os.exit(5)",
    }
    assert.equal(5, result.code)
    assert(result.out:find "main [^\n]*~~~", result.all)
  end)

  it("draws what there was of a script that failed", function()
    local result = helper.heddle { "--timeline", "-e", "require('heddle').sleep(0.01) error 'no'" }
    assert.equal(1, result.code)
    assert(result.out:find "main [^\n]*~~~", result.all)
  end)
end)

describe("--trace", function()
  it("writes what happened in a script", function()
    local path = os.tmpname() .. ".json"
    local result = helper.heddle { "--trace=" .. path, "-e", "require('heddle').sleep(0.01)" }
    assert.equal(0, result.code, result.all)
    local found = require("spec.trace_check").check(helper.slurp(path))
    os.remove(path)
    assert(found.slices >= 2)
  end)

  it("that can't be written is said before anything runs", function()
    local result = helper.heddle { "--trace=/nonexistent/x.json", "-e", "print 'ran'" }
    assert.equal(1, result.code)
    assert.equal("", result.out)
    assert.equal("heddle: --trace: can't write /nonexistent/x.json: No such file or directory\n",
      result.err)
  end)

  it("that can't be written in the end is status 1, too", function()
    local result = helper.heddle { "--trace=/dev/full", "-e", "print 'ran'" }
    assert.equal(1, result.code)
    assert.equal("ran\n", result.out)
    assert(result.err:find "^heddle: %-%-trace: can't write /dev/full: No space left", result.err)
  end)
end)
