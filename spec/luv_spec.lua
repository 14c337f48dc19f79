-- luv on the loop of each OS thread: callbacks are tasks, uv.run waits as one, forked children and
-- ending threads let go of what is open.

local helper = require "spec.helper"
local heddle = require "heddle"
local loop = require "heddle.loop"
local sync = require "heddle.sync"
local task = require "heddle.task"
local thread = require "heddle.thread"
local process = require "heddle.process"
local uv = require "luv"

helper.case_limit = 20

local each = helper.each_model

-- A server that echoes and a client that sends so many messages to it; each callback may wait.
-- Returns how many came back.
local function echo(count)
  local got = 0
  local server = uv.new_tcp()
  assert(server:bind("127.0.0.1", 0))
  assert(server:listen(16, function()
    local peer = uv.new_tcp()
    server:accept(peer)
    peer:read_start(function(_, data)
      if data then peer:write(data) else peer:close() end
    end)
  end))
  local client = uv.new_tcp()
  client:connect("127.0.0.1", server:getsockname().port, function(err)
    assert(not err, err)
    client:read_start(function(_, data)
      if not data then return end
      got = got + #data
      if got % 4 == 0 then heddle.yield() end
      if got < count then
        client:write "x"
      else
        client:close()
        server:close()
      end
    end)
    client:write "x"
  end)
  uv.run()
  return got
end

-- Tasks that close handles leave nothing when libuv has run once more.
local function settle()
  uv.run "nowait"
  uv.run "nowait"
end

-- What a process makes once and keeps: this OS thread's loop, libuv's threads.
uv.fs_stat(".", function() end)
echo(1)

describe("luv", function()
  it("is heddle.loop.uv", function() assert.equal(uv, loop.uv) end)

  each("works in every model", function(M)
    assert.equal(20, M.start(echo, 20):result())
  end)

  it("works in several threads while another computes", function()
    local stop, n = false, 0
    local busy = thread.start(function()
      while not stop do n = n + 1 end
    end)
    helper.wait_for(function() return n > 0 end)
    local a, b = thread.start(echo, 20), thread.start(echo, 20)
    assert.equal(20, a:result())
    assert.equal(20, b:result())
    stop = true
    busy:join()
  end)

  it("lets callbacks wait for what other tasks do", function()
    local event, got = sync.event(), nil
    local timer = uv.new_timer()
    timer:start(1, 0, function()
      got = event:wait(10)
      timer:close()
    end)
    task.start(function()
      heddle.sleep(0.01)
      event:set()
    end)
    uv.run()
    assert.is_true(got)
  end)

  it("reaches the file system and its thread pool", function()
    local size
    uv.fs_stat("spec/luv_spec.lua", function(_, stat) size = stat.size end)
    uv.run()
    assert.is_true(size > 100)
    local run = helper.script [[
      local uv = require "luv"
      local work = uv.new_work(function(a, b) return a + b end, print)
      work:queue(2, 3)
      uv.run()
    ]]
    assert.equal("5.0\n", run.all)
  end)

  it("runs pieces of work, and leaves the program's own values alone", function()
    local run = helper.script [[
      local uv = require "luv"
      local count = 0
      local work
      work = uv.new_work(function(n) return n, require("luv").thread_self() end, function()
        count = count + 1
        if count <= 20 then work:queue(1) end
      end)
      for _ = 1, 4 do work:queue(1) end
      uv.run()
      print(count)
    ]]
    assert.equal("24\n", run.all)
    assert.equal(0, run.code)
    run = helper.script [[
      local uv = require "luv"
      uv.new_work(function() end, function() print "done" end):queue()
      collectgarbage()
    ]]
    assert.equal("done\n", run.all)
    assert.equal(0, run.code)
  end)

  it("runs programs", function()
    local code
    local child, pid = uv.spawn("sh", { args = { "-c", "exit 7" } }, function(status)
      code = status
    end)
    assert.is_true(pid > 0)
    uv.run()
    assert.equal(7, code)
    child:close()
    settle()
  end)

  it("walks over handles at once", function()
    local timer = uv.new_timer()
    local seen = {}
    uv.walk(function(handle) seen[#seen + 1] = tostring(handle) end)
    assert.same({ tostring(timer) }, seen)
    timer:close()
    settle()
  end)
end)

describe("a callback of luv", function()
  it("is called no more once it has stopped its handle", function()
    local idle, prepare, timer = uv.new_idle(), uv.new_prepare(), uv.new_timer()
    local calls = { idle = 0, prepare = 0, timer = 0 }
    idle:start(function()
      calls.idle = calls.idle + 1
      idle:close()
    end)
    prepare:start(function()
      calls.prepare = calls.prepare + 1
      prepare:stop()
      prepare:close()
    end)
    timer:start(0, 1, function()
      calls.timer = calls.timer + 1
      timer:stop()
      local stop = heddle.now() + 0.005
      while heddle.now() < stop do heddle.yield() end
      timer:close()
    end)
    uv.run()
    assert.same({ idle = 1, prepare = 1, timer = 1 }, calls)
  end)

  it("that closes its socket gets nothing more from it", function()
    local server, client, got = uv.new_udp(), uv.new_udp(), {}
    assert(server:bind("127.0.0.1", 0))
    server:recv_start(function(_, data)
      got[#got + 1] = data or "nothing"
      server:close()
    end)
    client:send("ping", "127.0.0.1", server:getsockname().port, function() client:close() end)
    uv.run()
    assert.same({ "ping" }, got)
  end)

  it("may start and fork workers, and end the program", function()
    local run = helper.script [[
      local uv, process, thread = require "luv", require "heddle.process", require "heddle.thread"
      local timer = uv.new_timer()
      timer:start(1, 0, function()
        timer:close()
        local child = process.start({ method = "fork" }, function()
          local own, fired = require("luv").new_timer(), nil
          own:start(1, 0, function() fired = true own:close() end)
          require("luv").run()
          return fired
        end)
        local other = thread.start(function() return "thread" end)
        print(child:result(), other:result())
        os.exit(7)
      end)
    ]]
    assert.equal("true\tthread\n", run.all)
    assert.equal(7, run.code)
  end)
end)

describe("uv.run", function()
  it("waits until no handle is active, and tells whether one is", function()
    local fired = false
    local timer = uv.new_timer()
    local function fire()
      heddle.sleep(0.005)
      fired = true
      timer:close()
    end
    timer:start(60000, 0, fire)
    assert.is_true(uv.run "nowait")
    timer:start(5, 0, fire)
    assert.is_false(uv.run())
    assert.is_true(fired)
  end)

  it("waits for one round of callbacks", function()
    local calls = 0
    local timer = uv.new_timer()
    timer:start(1, 1, function() calls = calls + 1 end)
    assert.is_true(uv.run "once")
    assert.is_true(calls >= 1)
    timer:close()
    settle()
  end)

  it("ends by uv.stop", function()
    local timer = uv.new_timer()
    timer:start(1, 60000, function() uv.stop() end)
    assert.is_true(uv.run())
    timer:close()
    settle()
  end)

  it("suspends its task only, and is not for two at once", function()
    local ticks = 0
    local timer = uv.new_timer()
    timer:start(60000, 0, function() end)
    local other = task.start(function()
      for _ = 1, 3 do
        heddle.sleep(0.001)
        ticks = ticks + 1
      end
      local ran, why = uv.run()
      timer:close()
      return ran, why
    end)
    uv.run()
    local ran, why = other:result()
    assert.is_nil(ran)
    assert.equal("loop already running", why)
    assert.equal(3, ticks)
  end)

  it("is cancelled with its task", function()
    local timer = uv.new_timer()
    timer:start(60000, 0, function() end)
    local ran, why = task.timeout(0.01, uv.run)
    assert.is_nil(ran)
    assert.equal("timeout", why)
    timer:close()
    assert.is_false(uv.run())
  end)

  it("is refused where nothing can wait", function()
    local timer = uv.new_timer()
    timer:start(60000, 0, function() end)
    helper.raises("can't block here", function() table.sort({ 1, 2 }, function() uv.run() end) end)
    timer:close()
    settle()
  end)
end)

describe("uv.sleep and uv.loop_close", function()
  it("suspend the task, and leave the OS thread's loop alone", function()
    local ticks = 0
    local other = task.start(function()
      for _ = 1, 3 do
        heddle.sleep(0.001)
        ticks = ticks + 1
      end
    end)
    while ticks < 3 do uv.sleep(1) end
    other:join()
    local timer = uv.new_timer()
    timer:start(60000, 0, function() end)
    local closed, message, code = uv.loop_close()
    assert.is_nil(closed)
    assert.equal("EBUSY: resource busy or locked", message)
    assert.equal("EBUSY", code)
    timer:close()
    settle()
    assert.equal(0, uv.loop_close())
  end)
end)

describe("an error in a callback of luv", function()
  it("goes to stderr with its traceback, and the program goes on", function()
    local run = helper.script [[
      local uv = require "luv"
      local function deep() error "boom" end
      local timer = uv.new_timer()
      timer:start(1, 0, function() deep() end)
      uv.run()
      uv.walk(function() error "in walk" end)
      timer:close()
      print(uv.run())
    ]]
    assert.equal("false\n", run.out)
    assert.equal(0, run.code)
    assert.truthy(run.err:find "error in a callback of luv: [^\n]*boom\nstack traceback:")
    assert.truthy(run.err:find "in walk")
  end)
end)

describe("active handles", function()
  each("keep their OS thread", function(_, model)
    local run = helper.script((([[
      require("heddle.MODEL").start(function()
        local uv = require "luv"
        local timer = uv.new_timer()
        timer:start(20, 0, function()
          print "timer"
          timer:close()
        end)
        local unref = uv.new_timer()
        unref:start(60000, 0, function() print "never" end)
        unref:unref()
        print "function"
      end)
    ]]):gsub("MODEL", model)))
    assert.equal("function\ntimer\n", run.out)
    assert.equal("", run.err)
    assert.equal(0, run.code)
  end)

  it("can wake a task: no deadlock is reported", function()
    local run = helper.script [[
      local uv = require "luv"
      local event = require("heddle.sync").event()
      local timer = uv.new_timer()
      timer:start(100, 0, function() event:set() timer:close() end)
      print(event:wait())
      event:clear()
      event:wait()
    ]]
    assert.equal("true\n", run.out)
    assert.equal(3, run.code)
  end)

  it("of another OS thread may be changed", function()
    local event = sync.event()
    local timer = uv.new_timer()
    timer:start(60000, 0, function() event:set() end)
    thread.start(function()
      heddle.sleep(0.01)
      timer:stop()
      timer:start(1, 0, function() event:set() end)
    end)
    assert.is_true(event:wait(10 * helper.slack))
    timer:close()
    settle()
  end)

  each("that a worker leaves are closed with it", function(M)
    assert.equal(1, M.start(function()
      local function leave(handle) handle:unref() end
      local timer, server, signal = uv.new_timer(), uv.new_tcp(), uv.new_signal()
      timer:start(60000, 60000, function() end)
      server:bind("127.0.0.1", 0)
      server:listen(5, function() end)
      signal:start("sigusr1", function() end)
      leave(timer)
      leave(server)
      leave(signal)
      return 1
    end):result())
  end, { "thread", "isolate", "process" })
end)

describe("a forked child", function()
  it("has a loop of its own, and leaves its parent's alone", function()
    local ticks, got = 0, 0
    local timer = uv.new_timer()
    timer:start(1, 1, function() ticks = ticks + 1 end)
    local server, client = uv.new_tcp(), uv.new_tcp()
    server:bind("127.0.0.1", 0)
    server:listen(5, function()
      local peer = uv.new_tcp()
      server:accept(peer)
      peer:read_start(function(_, data)
        if data then peer:write(data) else peer:close() end
      end)
    end)
    client:connect("127.0.0.1", server:getsockname().port, function()
      client:read_start(function(_, data) got = got + #(data or "") end)
      client:write "x"
    end)
    helper.wait_for(function() return got == 1 end)
    for _ = 1, 3 do
      local h = process.start({ method = "fork" }, function()
        collectgarbage() -- the parent's handles, among others
        return echo(5)
      end)
      assert.equal(5, h:result())
    end
    local before = ticks
    client:write "x"
    helper.wait_for(function() return ticks > before + 2 and got == 2 end)
    timer:close()
    client:close()
    server:close()
    uv.run()
  end)
end)
