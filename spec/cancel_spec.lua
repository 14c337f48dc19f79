-- Stopping: a cancel raises once, a hard one stops for good; and the joined traceback of an error.

local helper = require "spec.helper"
local heddle = require "heddle"
local task = require "heddle.task"
local thread = require "heddle.thread"
local process = require "heddle.process"
local sync = require "heddle.sync"
local shared = require "heddle.shared"
local each = helper.each_model

helper.case_limit = 20
local SOON = 5 * helper.slack
local in_loops = { "thread", "isolate" }

-- Starts a function with an event that it sets when it runs, and waits for that.
local function start(M, fn, ...)
  local up = sync.event()
  local h = M.start(fn, up, ...)
  up:wait()
  return h
end

local function expect_stopped(h)
  assert.is_true(h:join(SOON))
  assert.equal("cancelled", h:status())
  local ok, err = pcall(h.result, h)
  assert.is_false(ok)
  assert.is_true(err == heddle.CANCELLED)
end

describe("a hard stop", function()
  each("stops a loop that never blocks", function(M)
    local h = start(M, function(up)
      up:set()
      while true do local _ = 1 end
    end)
    assert.is_true(h:cancel { hard = true })
    expect_stopped(h)
  end, in_loops)

  it("stops a task's loop, asked for by another thread", function()
    local h
    local asker = thread.start(function()
      helper.wait_for(function() return h and h:status() == "running" end)
      return h:cancel { hard = true }
    end)
    h = task.start(function()
      while true do pcall(function() while true do local _ = 1 end end) end
    end)
    expect_stopped(h)
    assert.is_true(asker:result())
  end)

  -- The median of several: one start may meet a machine that is busy elsewhere.
  local function stops_soon(seconds)
    table.sort(seconds)
    assert.is_true(seconds[5] <= (thread.switch_interval() + 0.05) * helper.slack, seconds[5])
  end

  each("comes within the switch interval and 50 ms", function(M)
    local seconds = {}
    for i = 1, 9 do
      local h = start(M, function(up)
        up:set()
        while true do pcall(function() while true do local _ = 1 end end) end
      end)
      local asked = heddle.now()
      h:cancel { hard = true }
      expect_stopped(h)
      seconds[i] = heddle.now() - asked
    end
    stops_soon(seconds)
  end, in_loops)

  it("comes as soon in a task that another thread stops", function()
    local seconds = {}
    for i = 1, 9 do
      local h, asked
      local asker = thread.start(function()
        helper.wait_for(function() return h and h:status() == "running" end)
        asked = heddle.now()
        h:cancel { hard = true }
      end)
      h = task.start(function() while true do local _ = 1 end end)
      expect_stopped(h)
      seconds[i] = heddle.now() - asked
      asker:join()
    end
    stops_soon(seconds)
  end)

  each("can't be swallowed", function(M)
    local h = start(M, function(up)
      up:set()
      local function stubborn()
        while true do
          pcall(function() while true do local _ = 1 end end)
          xpcall(function() while true do local _ = 1 end end, function(e) return e end)
          coroutine.resume(coroutine.create(function() while true do local _ = 1 end end))
          pcall(coroutine.wrap(function() while true do local _ = 1 end end))
          pcall(require("heddle").sleep, 0)
        end
      end
      stubborn()
    end)
    h:cancel { hard = true }
    expect_stopped(h)
  end, in_loops)

  each("is not held up by a message handler or a __close that never ends", function(M)
    local h = start(M, function(up)
      local function endless() while true do local _ = 1 end end
      local _ <close> = setmetatable({}, { __close = endless })
      local _ <close> = setmetatable({}, { __close = function()
        coroutine.wrap(endless)()
      end })
      up:set()
      xpcall(endless, endless)
    end)
    h:cancel { hard = true }
    assert.is_true(h:join(SOON))
    assert.is_false(h:alive())
  end, in_loops)

  each("lets __close run, also while another thread wants the GIL", function(M, model)
    local left = shared.value("int", 0)
    local rival, stop
    if model == "thread" then -- switches at every chance
      rival = thread.start(function() while not stop do local _ = 1 end end)
    end
    local h = start(M, function(up, count)
      local _ <close> = setmetatable({}, { __close = function()
        local n = 0
        for i = 1, 100000 do n = n + i % 3 end
        count:add(1)
      end })
      up:set()
      while true do local _ = 1 end
    end, left)
    h:cancel { hard = true }
    expect_stopped(h)
    stop = true
    if rival then rival:join() end
    assert.equal(1, left:get())
  end, in_loops)

  it("disturbs no clean-up that a list of what lives interrupts", function()
    local finished
    local h = start(thread, function(up)
      local _ <close> = setmetatable({}, { __close = function()
        for _ = 1, 5 do heddle.ps() end
        local n = 0
        for i = 1, 50000 do n = n + i end
        finished = n
      end })
      up:set()
      while true do local _ = 1 end
    end)
    h:cancel { hard = true }
    h:cancel { hard = true }
    expect_stopped(h)
    assert.is_truthy(finished)
  end)

  it("of a process kills it, and is no failure to report", function()
    local run = helper.script [[
      local process, heddle = require "heddle.process", require "heddle"
      local h = process.start(heddle.sleep, 60)
      print(h:cancel { hard = true }, h:join(), h:status(), h:exitcode())
    ]]
    assert.equal("true\ttrue\tfailed\t-9\n", run.out)
    assert.equal("", run.err)
  end)
end)

describe("a cancel", function()
  each("says who asked", function(M)
    local h = start(M, function(up)
      up:set()
      require("heddle").sleep(60)
    end)
    helper.wait_for(function() return h:status() == "blocked" end)
    local asker = task.start({ name = "the asker" }, function() h:cancel() end)
    asker:join()
    h:join()
    local _, err = pcall(h.result, h)
    assert.equal("cancelled", err.code)
    assert.equal("cancel", err.reason)
    assert.equal("the asker", err.by)
    assert.matches("by the asker", tostring(err))
  end)

  each("by a worker's own handle acts on it", function(M)
    local h = M.start(function(model)
      local taken = require("heddle." .. model).current():cancel()
      local ok, err = pcall(require("heddle").sleep, 10)
      return taken, ok, err == require("heddle").CANCELLED
    end, helper.models[({ coroutines = 1, threads = 2, isolates = 3, processes = 4 })[M.model]])
    assert.same({ true, false, true }, { h:result() })
  end)

  each("of what the program began with acts on its main task, a hard one is refused", function(_,
      model)
    local run = helper.script(([[
      local heddle, M = require "heddle", require "heddle.%s"
      local main = M.current()
      print(main:cancel())
      local ok, err = pcall(heddle.sleep, 10)
      print(ok, err == heddle.CANCELLED, err.by)
      print(main:cancel { hard = true })
      heddle.sleep(0.001)
      require("heddle.thread").start(function() main:cancel() end):join()
    ]]):format(model))
    assert.matches("^true\nfalse\ttrue\tmain\n", run.out)
    if model ~= "process" then assert.matches("main\nfalse\n$", run.out) end
    assert.equal(1, run.code)
  end, { "task", "thread", "isolate" })

  it("of the program's process reaches the main task from an isolate", function()
    local run = helper.script [[
      local heddle = require "heddle"
      local h = require("heddle.isolate").start(function()
        return require("heddle.process").current():cancel(),
          require("heddle.process").current():cancel { hard = true }
      end)
      print(pcall(heddle.sleep, 10))
      print(h:result())
    ]]
    assert.matches("^false\tcancelled %(cancel%)\ntrue\tfalse\n$", run.out)
    assert.equal(0, run.code)
  end)
end)

-- The lines of a traceback that match.
local function lines_of(trace, pattern)
  local found = {}
  for line in trace:gmatch "[^\n]+" do
    if line:find(pattern) then found[#found + 1] = line:match "^%s*(.*)" end
  end
  return found
end

describe("a traceback", function()
  each("is joined across workers: raised where, in which, started where", function(M, model)
    local h = M.start({ name = "outer" }, function(inner_model)
      local function deep() error("it broke", 0) end
      local h = require("heddle." .. inner_model).start({ name = "inner" }, function() deep() end)
      h:result()
    end, model)
    h:join()
    local trace = h:traceback()
    assert.equal(1, #lines_of(trace, "stack traceback:"))
    assert.equal(1, #lines_of(trace, "cancel_spec.lua:%d+: in .*deep"))
    local workers = lines_of(trace, "^%s*in %l+ %l+, started at")
    assert.equal(2, #workers)
    assert.matches("^in " .. model .. " inner, started at .*cancel_spec.lua:%d+$", workers[1])
    assert.matches("^in " .. model .. " outer, started at .*cancel_spec.lua:%d+$", workers[2])
    local _, err = pcall(h.result, h)
    assert.equal("it broke\n" .. trace, err)
    assert.equal(err, select(2, pcall(h.result, h)))
  end)

  each("is joined for errors that are no strings, too", function(M, model)
    local h = M.start({ name = "outer" }, function(inner_model)
      local h = require("heddle." .. inner_model).start({ name = "inner" }, function()
        error { code = 7 }
      end)
      h:result()
    end, model)
    local ok, err = pcall(h.result, h)
    assert.is_false(ok)
    assert.equal(7, err.code)
    assert.equal(2, #lines_of(h:traceback(), "^%s*in %l+ %l+, started at"))
  end)

  it("of an error nobody read is reported once, whole", function()
    local run = helper.script [[
      local process, thread = require "heddle.process", require "heddle.thread"
      local h = process.start({ name = "outer" }, function()
        require("heddle.thread").start({ name = "inner" }, function() error "lost" end):result()
      end)
      h:join()
    ]]
    assert.equal(1, select(2, run.err:gsub("lost", "")))
    assert.equal(1, #lines_of(run.err, "stack traceback:"))
    assert.equal(2, #lines_of(run.err, "^%s*in %l+ %l+, started at"))
    assert.matches("^heddle: process outer failed, and nobody asked for its result: ", run.err)
  end)

  it("of the program's own error is one, with the worker's", function()
    local run = helper.script [[
      require("heddle.thread").start(function() error "up it goes" end):result()
    ]]
    assert.equal(1, run.code)
    assert.equal(1, #lines_of(run.err, "stack traceback:"))
    assert.equal(1, select(2, run.err:gsub("up it goes", "")))
  end)
end)

process.current() -- its object stays
