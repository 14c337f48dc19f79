-- heddle.loop: timers, signal handlers, what keeps an OS thread, errors in callbacks.

local helper = require "spec.helper"
local heddle = require "heddle"
local loop = require "heddle.loop"
local sync = require "heddle.sync"
local task = require "heddle.task"

helper.case_limit = 20

local each = helper.each_model
local main = require("heddle.process").current() -- made once, and kept

local function script(text, model) return helper.script((text:gsub("MODEL", model))) end

describe("loop.after", function()
  each("calls once, as a task that may wait", function(M)
    local calls = M.start(function()
      local event = require("heddle.sync").event()
      local calls = 0
      loop.after(0.005, function()
        heddle.sleep(0.001)
        calls = calls + 1
        event:set()
      end)
      event:wait()
      heddle.sleep(0.02)
      return calls
    end):result()
    assert.equal(1, calls)
  end)

  it("calls in the order of the times, and of the orders for the same time", function()
    local order = {}
    loop.after(0.02, function() order[#order + 1] = "later" end)
    loop.after(0, function() order[#order + 1] = "first" end)
    loop.after(0, function() order[#order + 1] = "second" end)
    helper.wait_for(function() return #order == 3 end)
    assert.same({ "first", "second", "later" }, order)
  end)

  it("can be stopped, once", function()
    local called = false
    local timer = loop.after(0.005, function() called = true end)
    assert.is_true(timer:stop())
    assert.is_false(timer:stop())
    heddle.sleep(0.02)
    assert.is_false(called)
  end)

  it("is stopped at the end of its block", function()
    local called = false
    do
      local _ <close> = loop.after(0.001, function() called = true end)
    end
    heddle.sleep(0.01)
    assert.is_false(called)
  end)

  it("has a name and an id, and says what it is", function()
    local timer <close> = loop.after(60, print, { name = "tea" })
    local other <close> = loop.after(60, print)
    assert.equal("tea", timer.name)
    assert.truthy(other.name:find "^Timer%-%d+$")
    assert.are_not.equal(timer.id, other.id)
    assert.equal("timer tea (set)", tostring(timer))
    timer:stop()
    assert.equal("timer tea (stopped)", tostring(timer))
  end)

  it("may be stopped by another OS thread", function()
    local called = false
    local timer = loop.after(60, function() called = true end)
    assert.is_true(require("heddle.thread").start(function() return timer:stop() end):result())
    assert.is_false(called)
  end)
end)

describe("loop.every", function()
  each("calls until it is stopped", function(M)
    local calls = M.start(function()
      local calls, timer = 0, nil
      timer = loop.every(0.001, function()
        calls = calls + 1
        if calls == 3 then timer:stop() end
      end)
      repeat heddle.sleep(0.001) until calls == 3
      heddle.sleep(0.01)
      return calls
    end):result()
    assert.equal(3, calls)
  end)

  it("leaves out what is due while the last call still runs", function()
    local running, most, calls = 0, 0, 0
    local timer <close> = loop.every(0.001, function()
      running = running + 1
      most = math.max(most, running)
      heddle.sleep(0.01)
      running = running - 1
      calls = calls + 1
    end)
    helper.wait_for(function() return calls >= 3 end)
    timer:stop()
    helper.wait_for(function() return running == 0 end)
    assert.equal(1, most)
  end)

  it("comes in between tasks that never wait long", function()
    local calls = 0
    local timer <close> = loop.every(0.001, function() calls = calls + 1 end)
    local give_up = heddle.now() + 5 * helper.slack
    while calls < 5 and heddle.now() < give_up do heddle.yield() end
    timer:stop()
    assert.is_true(calls >= 5)
  end)
end)

describe("an error in a callback", function()
  it("goes to stderr with its traceback, and the program goes on", function()
    local run = helper.script [[
      local loop = require "heddle.loop"
      local function deep() error "boom" end
      loop.after(0.001, function() deep() end, { name = "bad" })
      local n = 0
      local timer
      timer = loop.every(0.001, function()
        n = n + 1
        if n == 2 then timer:stop() end
        error({ "a table" })
      end)
      loop.after(0.05, function() print "goes on" end)
    ]]
    assert.equal("goes on\n", run.out)
    assert.equal(0, run.code)
    assert.truthy(run.err:find "heddle: error in a callback of bad: [^\n]*boom\nstack traceback:")
    assert.truthy(run.err:find "in [^\n]*deep")
    local _, count = run.err:gsub("error in a callback of Timer%-%d+: table:", "")
    assert.equal(2, count)
  end)
end)

describe("what keeps an OS thread", function()
  each("is a timer, as a task", function(_, model)
    local run = script([[
      require("heddle.MODEL").start(function()
        require("heddle.loop").after(0.02, function() print "timer" end)
        print "function"
      end)
    ]], model)
    assert.equal("function\ntimer\n", run.out)
    assert.equal(0, run.code)
  end)

  each("is no daemon timer and no signal handler", function(_, model)
    local run = script([[
      require("heddle.MODEL").start(function()
        local loop = require "heddle.loop"
        loop.every(0.01, function() end, { daemon = true })
        loop.after(60, function() print "never" end, { daemon = true })
        loop.on_signal("SIGUSR2", function() print "never" end)
      end)
    ]], model)
    assert.equal("", run.all)
    assert.equal(0, run.code)
    assert.is_true(run.wall < 10 * helper.slack)
  end)

  it("ends with Ctrl-C", function()
    local run = helper.script('require("heddle.loop").every(0.01, function() end)',
      { interrupt = 0.3 * helper.slack })
    assert.equal(130, run.code)
    assert.is_true(run.wall < 10 * helper.slack)
  end)

  each("ends when a worker is stopped for good", function(M)
    local h = M.start(function()
      require("heddle.loop").every(0.01, function() end)
      require("heddle").sleep(60)
    end)
    heddle.sleep(0.02)
    h:cancel { hard = true }
    if h.model then h:join() end
    assert.is_true(h:join(10 * helper.slack))
  end, { "thread", "isolate", "process" })
end)

describe("loop.on_signal", function()
  it("calls in the order of registration", function()
    local order, all = {}, sync.latch(3)
    local handlers = {}
    for i = 1, 3 do
      handlers[i] = loop.on_signal("SIGUSR1", function()
        order[#order + 1] = i
        all:count_down()
      end)
    end
    handlers[2]:stop()
    handlers[2] = loop.on_signal("SIGUSR1", function()
      order[#order + 1] = 4
      all:count_down()
    end)
    assert.is_true(main:kill "SIGUSR1")
    assert.is_true(all:wait(10))
    for _, handler in ipairs(handlers) do handler:stop() end
    assert.same({ 1, 3, 4 }, order)
  end)

  each("calls as often as the signal comes", function(_, model)
    local run = script([[
      print(require("heddle.MODEL").start(function()
        local heddle, loop = require "heddle", require "heddle.loop"
        local pid = io.open("/proc/self/stat"):read("n")
        local got = {}
        local handler <close> = loop.on_signal("SIGUSR1", function(name)
          heddle.sleep(0.001)
          got[#got + 1] = name
        end)
        for i = 1, 3 do
          os.execute("kill -USR1 " .. pid)
          while #got < i do heddle.sleep(0.001) end
        end
        return table.concat(got, " ")
      end):result())
    ]], model)
    assert.equal("SIGUSR1 SIGUSR1 SIGUSR1\n", run.out)
    assert.equal(0, run.code)
  end)

  it("wakes a task that waits for ever: no deadlock is reported", function()
    local run = helper.script([[
      local event = require("heddle.sync").event()
      require("heddle.loop").on_signal("SIGTERM", function() event:set() end)
      print(event:wait())
    ]], { interrupt = 0.3 * helper.slack, signal = "TERM" })
    assert.equal("true\n", run.out)
    assert.equal("", run.err)
    assert.equal(0, run.code)
  end)

  it("takes Ctrl-C over, and gives it back when it is stopped", function()
    local run = helper.script([[
      local heddle, loop = require "heddle", require "heddle.loop"
      local pid = io.open("/proc/self/stat"):read("n")
      local caught = false
      local handler = loop.on_signal("SIGINT", function() caught = true end)
      io.popen("kill -INT " .. pid):close()
      while not caught do heddle.sleep(0.001) end
      print "caught"
      print(tostring(handler), handler:stop(), handler:stop(), handler)
      io.popen("kill -INT " .. pid):close()
      heddle.sleep(30)
      print "never"
    ]])
    assert.equal("caught\nsignal handler SIGINT (set)\ttrue\tfalse\t"
      .. "signal handler SIGINT (stopped)\n", run.out)
    assert.equal(130, run.code)
  end)

  it("leaves a signal alone that a stopped handler had caught", function()
    local run = helper.script [[
      local loop = require "heddle.loop"
      loop.on_signal("SIGUSR1", print):stop()
      os.execute("kill -USR1 " .. io.open("/proc/self/stat"):read("n"))
      require("heddle").sleep(10)
    ]]
    assert.equal(128 + 10, run.code)
  end)

  it("serves every handler, in every OS thread", function()
    local run = helper.script [[
      local heddle, loop = require "heddle", require "heddle.loop"
      local latch = require("heddle.sync").latch(4)
      local ready = require("heddle.sync").latch(2)
      local function catch()
        local handler <close> = loop.on_signal("SIGHUP", function() latch:count_down() end)
        ready:count_down()
        latch:wait()
      end
      loop.on_signal("SIGHUP", function() latch:count_down() end)
      loop.on_signal("SIGHUP", function() latch:count_down() end)
      require("heddle.thread").start(catch)
      require("heddle.isolate").start(function(latch, ready)
        local loop = require "heddle.loop"
        local handler <close> = loop.on_signal("SIGHUP", function() latch:count_down() end)
        ready:count_down()
        latch:wait()
      end, latch, ready)
      ready:wait()
      os.execute("kill -HUP " .. io.open("/proc/self/stat"):read("n"))
      print(latch:wait(20))
    ]]
    assert.equal("true\n", run.out)
    assert.equal(0, run.code)
  end)

  it("is not inherited by a forked child", function()
    local run = helper.script [[
      local process, loop = require "heddle.process", require "heddle.loop"
      local handler = loop.on_signal("SIGTERM", function() print "parent" end)
      local child = process.start({ method = "fork" }, function()
        require("heddle").sleep(30)
      end)
      require("heddle").sleep(0.05)
      child:terminate()
      child:join()
      print(child:exitcode())
    ]]
    assert.equal("-15\n", run.out)
  end)
end)

describe("bad input", function()
  local refused = helper.refused

  it("is refused by each function", function()
    for name, fn in pairs { after = loop.after, every = loop.every } do
      local whole = "loop%." .. name
      refused(whole .. ": seconds: a number of seconds >= 0 expected, got nil", fn, nil, print)
      refused(whole .. ": seconds: .*, got a negative number", fn, -1, print)
      refused(whole .. ": seconds: .*, got NaN", fn, 0 / 0, print)
      refused(whole .. ": seconds: .*, got string", fn, "1", print)
      refused(whole .. ": fn: a function expected, got nothing", fn, 1)
      refused(whole .. ": options: a table expected, got a number", fn, 1, print, 1)
      refused(whole .. ": options: unknown option 'demon' %(there are: daemon, name%)",
        fn, 1, print, { demon = true })
      refused(whole .. ": daemon: true or false expected, got a number",
        fn, 1, print, { daemon = 1 })
      refused(whole .. ": name: a string expected, got a number", fn, 1, print, { name = 1 })
    end
    refused("loop%.every: seconds: a number of seconds > 0 expected, got 0", loop.every, 0, print)
    refused("loop%.on_signal: signal: .*got 'SIGKILL'", loop.on_signal, "SIGKILL", print)
    refused("loop%.on_signal: signal: .*got 'TERM'", loop.on_signal, "TERM", print)
    refused("loop%.on_signal: signal: .*got nil", loop.on_signal, nil, print)
    refused("loop%.on_signal: fn: a function expected, got table", loop.on_signal, "SIGTERM", {})
    local timer <close> = loop.after(60, print)
    refused("stop: a timer or signal handler expected as self, got nothing", timer.stop)
  end)

  it("is a timer that is sent elsewhere", function()
    local timer <close> = loop.after(60, print)
    helper.raises("can't copy args%[1%]", function()
      require("heddle.isolate").start(function() end, timer)
    end)
  end)

  it("is no place that can't wait: the callbacks come later", function()
    local order = {}
    table.sort({ 2, 1 }, function(a, b)
      if #order == 0 then
        order[1] = "sort"
        loop.after(0, function() order[2] = "callback" end)
      end
      return a < b
    end)
    helper.wait_for(function() return order[2] end)
    assert.same({ "sort", "callback" }, order)
    assert.is_true(sync.event():is_set() == false and task.current() ~= nil)
  end)
end)
