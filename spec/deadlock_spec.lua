-- A program in which every task waits for another says so and ends with 3; one that something can
-- still wake does not.

local helper = require "spec.helper"

helper.case_limit = 25

local DEADLOCK = 3

-- What every script begins with.
local HEAD = [[
  local heddle = require "heddle"
  local sync, queue = require "heddle.sync", require "heddle.queue"
  local task, thread = require "heddle.task", require "heddle.thread"
  local isolate, process = require "heddle.isolate", require "heddle.process"
]]

local function script(body, options) return helper.script(HEAD .. body, options) end

local function expect_deadlock(run)
  assert.equal(DEADLOCK, run.code, run.all)
  assert.matches("deadlock", run.err)
  assert.equal(1, select(2, run.err:gsub("deadlock:", "")), run.err)
end

local function expect_fine(run, out)
  assert.equal("", run.err)
  assert.equal(out, run.out)
  assert.equal(0, run.code)
end

describe("a deadlock is told, with exit status 3", function()
  it("of the main task alone", function()
    local run = script [[
      local lock = sync.lock()
      lock.name = "mine"
      lock:acquire()
      lock:acquire()
      print "never"
    ]]
    expect_deadlock(run)
    assert.equal("", run.out)
    assert.matches("main", run.err)
    assert.matches("mine", run.err)
    assert.matches("%.lua:8", run.err) -- where it waits
    assert.matches("held by main", run.err)
  end)

  it("with names and places that are long", function()
    local run = script [[
      local lock = sync.lock()
      local function wait() lock:acquire() end
      load("local lock = ... lock:acquire()", "@a/folder/an_awfully_long_name_of_a_file.lua")(lock)
      local h = thread.start({ name = "philosopher number twelve" }, function()
        task.start({ name = "the second of her two tasks" }, wait):join()
      end)
      h:join()
    ]]
    expect_deadlock(run)
    assert.matches("  main waits for end of philosopher number twelve at lua_%w+%.lua:11\n",
      run.err)
    assert.matches("  philosopher number twelve waits for end of the second of", run.err)
    assert.matches("  the second of her two tasks in philosopher number twelve waits for " ..
      "Lock%-1 %(lua_%w+%.lua:5%) at lua_%w+%.lua:6, held by main\n", run.err)
  end)

  it("with the line of a file whose name is long", function()
    local run = script [[
      load("require('heddle.sync').event():wait()", "@a/an_awfully_long_name_of_a_file.lua")()
    ]]
    expect_deadlock(run)
    assert.matches("for Event%-1 %(%.%.%.[%w_]+file%.lua:1%) at %.%.%.[%w_]+file%.lua:1\n", run.err)
  end)

  it("of an empty queue that nobody fills", function()
    local run = script 'queue.new(0, { name = "never fed" }):get()'
    expect_deadlock(run)
    assert.matches("never fed", run.err)
  end)

  it("of a full queue that nobody drains", function()
    local run = script [[
      local q = queue.new(1, { name = "stuffed" })
      q:put(1)
      q:put(2)
    ]]
    expect_deadlock(run)
    assert.matches("stuffed", run.err)
  end)

  it("of two tasks that take two locks crosswise", function()
    local run = script [[
      local a, b = sync.lock(), sync.lock()
      a.name, b.name = "lock a", "lock b"
      local function take(x, y)
        x:acquire()
        heddle.sleep(0.001)
        y:acquire()
      end
      local h1 = task.start({ name = "Ann" }, take, a, b)
      local h2 = task.start({ name = "Bob" }, take, b, a)
      h1:join()
      h2:join()
    ]]
    expect_deadlock(run)
    assert.matches("Ann[^\n]*lock b[^\n]*%.lua:10[^\n]*held by Bob", run.err)
    assert.matches("Bob[^\n]*lock a[^\n]*%.lua:10[^\n]*held by Ann", run.err)
    assert.matches("main[^\n]*end of", run.err)
  end)

  for _, first in ipairs(helper.models) do
    for _, second in ipairs(helper.models) do
      it(("of two locks crosswise [%s, %s]"):format(first, second), function()
        local run = script(([[
          local a, b, ready = sync.lock(), sync.lock(), queue.new()
          a.name, b.name = "lock a", "lock b"
          local function take(x, y, go, other)
            x:acquire()
            go:put(1)
            other:get()
            y:acquire()
          end
          local other = queue.new()
          local h1 = %s.start({ name = "Ann" }, take, a, b, ready, other)
          local h2 = %s.start({ name = "Bob" }, take, b, a, other, ready)
          h1:join()
          h2:join()
        ]]):format(first, second))
        expect_deadlock(run)
        assert.matches("lock a", run.err)
        assert.matches("lock b", run.err)
        assert.matches("Ann", run.err)
        assert.matches("Bob", run.err)
        assert.matches("held by", run.err)
      end)
    end
  end

  for _, model in ipairs(helper.models) do
    it("of a worker that waits for an item that never comes [" .. model .. "]", function()
      local run = script(([[
        local q = queue.new(0, { name = "orders" })
        local h = %s.start({ name = "waiter" }, function(from) return from:get() end, q)
        h:join()
      ]]):format(model))
      expect_deadlock(run)
      assert.matches("orders", run.err)
      assert.matches("waiter", run.err)
    end)

    it("of a lock kept by one that has ended [" .. model .. "]", function()
      local run = script(([[
        local lock = sync.lock()
        lock.name = "kept"
        %s.start({ name = "keeper" }, function(l) l:acquire() end, lock):join()
        lock:acquire()
        print "abandoned"
      ]]):format(model))
      if model == "process" then
        expect_fine(run, "abandoned\n")
      else
        expect_deadlock(run)
        assert.matches("kept[^\n]*held by[^\n]*ended", run.err)
      end
    end)
  end

  it("of two that join each other", function()
    local run = script [[
      local b
      local a = task.start({ name = "Ann" }, function() heddle.yield() b:join() end)
      b = task.start({ name = "Bob" }, function() a:join() end)
      a:join()
    ]]
    expect_deadlock(run)
  end)

  it("at the end of the script, of what is waited for", function()
    local run = script [[
      local q = queue.new()
      thread.start(function() q:get() end)
      print "main is over"
    ]]
    expect_deadlock(run)
    assert.equal("main is over\n", run.out)
  end)

  it("after a timer has run out", function()
    local run = script [[
      local q = queue.new()
      task.start(function() heddle.sleep(0.05) print "slept" end)
      q:get()
    ]]
    expect_deadlock(run)
    assert.equal("slept\n", run.out)
  end)

  it("after the death of the one that would have woken it", function()
    local run = script [[
      local q = queue.new()
      local h = process.start(function(out) heddle.sleep(60) out:put(1) end, q)
      heddle.sleep(0.02)
      h:kill()
      q:get()
    ]]
    expect_deadlock(run)
  end)

  it("leaves no process behind", function()
    local run = script [[
      local q = queue.new()
      for _, method in ipairs(process.methods()) do
        process.start({ method = method }, function(a, b)
          b:put(io.open("/proc/self/stat"):read "n")
          a:get()
        end, q, q)
      end
      heddle.sleep(0.5)
      for _ = 1, 3 do print(q:get()) end
      q:get()
    ]]
    assert.matches("deadlock", run.err)
    for pid in run.out:gmatch "%d+" do
      helper.wait_for(function()
        local state = helper.slurp("/proc/" .. pid .. "/stat"):match "%) (%a)"
        return state == nil or state == "Z"
      end)
    end
  end)
end)

describe("no deadlock is told", function()
  it("while a timer can wake", function()
    expect_fine(script [[
      local q = queue.new()
      task.start(function() heddle.sleep(0.1) q:put "woken" end)
      print(q:get())
    ]], "woken\n")
  end)

  it("while a time-out can", function()
    expect_fine(script [[
      local lock = sync.lock()
      lock:acquire()
      print(lock:acquire(0.1))
    ]], "nil\ttimeout\n")
  end)

  for _, model in ipairs(helper.models) do
    it("while a worker sleeps or computes [" .. model .. "]", function()
      expect_fine(script(([[
        local q = queue.new()
        local h = %s.start(function(out)
          require("heddle").sleep(0.05)
          local begun = require("heddle").now()
          while require("heddle").now() - begun < 0.05 do end
          out:put "done"
        end, q)
        print(q:get())
        h:join()
      ]]):format(model)), "done\n")
    end)
  end

  for _, method in ipairs { "fork", "spawn", "forkserver" } do
    it("while a process is being started [" .. method .. "]", function()
      expect_fine(script(([[
        local q = queue.new()
        process.start({ method = "%s" }, function(out) out:put "here" end, q)
        print(q:get())
      ]]):format(method)), "here\n")
    end)
  end

  it("while input is being read", function()
    local path = os.tmpname()
    helper.spit(path, HEAD .. [[
      local q = queue.new()
      task.start(function() q:put(heddle.input()) end)
      print(q:get())
    ]])
    local run = helper.command { "sh", "-c",
      ("(sleep 0.2; echo typed) | %s %s"):format(helper.absolute_executable(), path) }
    os.remove(path)
    expect_fine(run, "typed\n")
  end)

  it("while input is being read by another model", function()
    local path = os.tmpname()
    helper.spit(path, HEAD .. [[
      local q = queue.new()
      isolate.start(function(out) out:put(require("heddle").input()) end, q)
      print(q:get())
    ]])
    local run = helper.command { "sh", "-c",
      ("(sleep 0.2; echo typed) | %s %s"):format(helper.absolute_executable(), path) }
    os.remove(path)
    expect_fine(run, "typed\n")
  end)

  it("while a process that waits has been killed and is not dead yet", function()
    local run = helper.script [[
      local process, queue = require "heddle.process", require "heddle.queue"
      local q, up = queue.new(0, { shared = true }), queue.new(0, { shared = true })
      for i = 1, 60 do
        local h = process.start(function() up:put(true) q:get() end)
        up:get()
        if i % 2 == 0 then
          h:kill(i % 4 == 0 and "SIGTERM" or nil)
        else
          os.execute("kill -9 " .. h.pid)
        end
        h:join()
        pcall(h.result, h)
      end
      print "fine"
      os.exit(0)
    ]]
    assert.equal("fine\n", run.all)
  end)

  it("in a storm of hand-overs between all models", function()
    expect_fine(script [[
      local q, back = queue.new(1), queue.new(1)
      local function echo(from, to) for item in from:items() do to:put(item) end end
      for _, M in ipairs { task, thread, isolate, process } do M.start(echo, q, back) end
      local sum = 0
      for i = 1, 500 do
        q:put(i)
        sum = sum + back:get()
      end
      q:close()
      print(sum)
    ]], "125250\n")
  end)

  it("for daemons that wait for ever", function()
    expect_fine(script [[
      local q = queue.new()
      task.start({ daemon = true }, function() q:get() end)
      thread.start({ daemon = true }, function() q:get() end)
      isolate.start({ daemon = true }, function(from) from:get() end, q)
      process.start({ daemon = true }, function(from) from:get() end, q)
      heddle.sleep(0.05)
      print "over"
    ]], "over\n")
  end)
end)

describe("a part that is stuck", function()
  it("in a cycle of held locks is told once, and the rest goes on", function()
    local run = script [[
      local a, b = sync.lock(), sync.lock()
      a.name, b.name = "lock a", "lock b"
      local both = sync.barrier(2)
      local function take(x, y)
        x:acquire()
        both:wait()
        y:acquire()
      end
      local opts = function(name) return { name = name, daemon = true } end
      thread.start(opts "Ann", take, a, b)
      thread.start(opts "Bob", take, b, a)
      for _ = 1, 20 do heddle.sleep(0.02) end
      print "the rest went on"
    ]]
    assert.equal("the rest went on\n", run.out)
    assert.equal(0, run.code)
    assert.equal(1, select(2, run.err:gsub("heddle: ", "")), run.err)
    assert.matches("lock a", run.err)
    assert.matches("lock b", run.err)
  end)
end)
