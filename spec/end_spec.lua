-- The end of a program: who is waited for, who is cancelled, the exit status, Ctrl-C.

local helper = require "spec.helper"

helper.case_limit = 30

-- The keyword of a worker's body in scripts: `%s` is the model.
local function script(text, model, options)
  return helper.script(text:gsub("MODEL", model or ""), options)
end

-- The processes whose numbers were printed, `n` of them, do not go on.
local function expect_gone(n, printed)
  local found = 0
  for pid in printed:gmatch "%d+" do
    found = found + 1
    helper.wait_for(function()
      local state = helper.slurp("/proc/" .. pid .. "/stat"):match "%) (%a)"
      return state == nil or state == "Z"
    end)
  end
  assert.equal(n, found)
end

describe("when the main script returns", function()
  helper.each_model("workers are waited for", function(_, model)
    local run = script([[
      require("heddle.MODEL").start(function()
        require("heddle").sleep(0.05)
        print "worker"
      end)
      print "main"
    ]], model)
    assert.equal("main\nworker\n", run.out)
    assert.equal("", run.err)
    assert.equal(0, run.code)
  end)

  helper.each_model("workers that they start then are waited for as well", function(_, model)
    local run = script([[
      local M = require "heddle.MODEL"
      M.start(function(name)
        require("heddle").sleep(0.02)
        require("heddle." .. name).start(function()
          require("heddle").sleep(0.02)
          print "second"
        end)
        print "first"
      end, "MODEL")
    ]], model)
    assert.equal("first\nsecond\n", run.out)
    assert.equal(0, run.code)
  end)

  helper.each_model("daemons are stopped", function(_, model)
    local run = script([[
      require("heddle.MODEL").start({ daemon = true }, function()
        require("heddle").sleep(30)
        print "never"
      end)
      require("heddle").sleep(0.02)
      print "main"
    ]], model)
    assert.equal("main\n", run.out)
    assert.equal("", run.err)
    assert.equal(0, run.code)
    assert.is_true(run.wall < 10 * helper.slack)
  end)

  helper.each_model("daemons in a tight loop are stopped, too", function(_, model)
    local run = script([[
      require("heddle.MODEL").start({ daemon = true }, function()
        while true do pcall(function() while true do end end) end
      end)
      require("heddle").sleep(0.02)
      print "main"
    ]], model)
    assert.equal("main\n", run.out)
    assert.equal(0, run.code)
    assert.is_true(run.wall < 10 * helper.slack)
  end, { "thread", "isolate", "process" })

  helper.each_model("daemons run their clean-up", function(_, model)
    local run = script([[
      require("heddle.MODEL").start({ daemon = true }, function()
        local _ <close> = setmetatable({}, { __close = function() print "cleaned" end })
        require("heddle").sleep(30)
      end)
      require("heddle").sleep(0.02)
    ]], model)
    assert.equal("cleaned\n", run.out)
    assert.equal(0, run.code)
  end, { "task", "thread", "isolate" })

  it("daemons are stopped only after the others have ended", function()
    local run = script [[
      local q = require("heddle.queue").new()
      require("heddle.thread").start({ daemon = true }, function()
        for item in q:items() do print("daemon got " .. item) end
      end)
      require("heddle.thread").start(function()
        require("heddle").sleep(0.03)
        q:put "it"
        require("heddle").sleep(0.03)
      end)
    ]]
    assert.equal("daemon got it\n", run.out)
  end)

  helper.each_model("daemons go on while tasks of the main thread do", function(_, model)
    local run = script([[
      local heddle = require "heddle"
      local up, done = require("heddle.sync").event(), require("heddle.sync").event()
      require("heddle.MODEL").start({ daemon = true }, function()
        up:wait()
        print "daemon"
        done:set()
      end)
      heddle.spawn(function()
        heddle.sleep(0.02)
        up:set()
        done:wait()
        print "task"
      end)
    ]], model)
    assert.equal("daemon\ntask\n", run.out)
  end)

  it("a task that is no daemon keeps the daemon workers, too", function()
    for _, started in ipairs { "%s", 'require("heddle.isolate").start(function() %s end)' } do
      local run = helper.script(started:format [[
        local heddle, task = require "heddle", require "heddle.task"
        local thread, said = require "heddle.thread", require("heddle.queue").new()
        task.start(function()
          said:get()
          heddle.sleep(0.05)
          print "task"
        end)
        local h = thread.start({ daemon = true }, function()
          require("heddle").sleep(0.05)
          print "daemon"
          said:put(true)
          require("heddle").sleep(60)
        end)
        h:on_done(function() print "daemon's end" end)
      ]])
      assert.equal("daemon\ntask\ndaemon's end\n", run.out)
      assert.equal("", run.err)
    end
  end)

  it("handles made with new and never started hold nothing up", function()
    local run = script [[
      for _, model in ipairs { "task", "thread", "isolate", "process" } do
        require("heddle." .. model).new(print, "never")
      end
    ]]
    assert.equal("", run.all)
    assert.equal(0, run.code)
  end)

  it("global objects are finalized and closed", function()
    local run = script [[
      kept = setmetatable({}, { __gc = function() print "finalized" end })
      local f = io.open(os.tmpname(), "w")
      f:write "x"
    ]]
    assert.equal("finalized\n", run.out)
  end)
end)

describe("the exit status", function()
  it("is 0 when the script returned", function()
    assert.equal(0, script("return 5").code)
    assert.equal(0, script("").code)
  end)

  it("is 1 when it raised, with message and traceback", function()
    local run = script "local function f() error 'broken' end\nf()"
    assert.equal(1, run.code)
    assert.matches("%.lua:1: broken\nstack traceback:", run.err)
    assert.equal("", run.out)
  end)

  it("is 1 after it raised, but its workers are waited for", function()
    local run = script [[
      require("heddle.thread").start(function()
        require("heddle").sleep(0.05)
        print "worker"
      end)
      error "main failed"
    ]]
    assert.equal(1, run.code)
    assert.equal("worker\n", run.out)
    assert.matches("main failed", run.err)
  end)

  helper.each_model("is the script's, not that of a failing worker", function(_, model)
    local run = script([[
      require("heddle.MODEL").start(function() error "worker failed" end)
      print "fine"
    ]], model)
    assert.equal(0, run.code)
    assert.equal("fine\n", run.out)
    assert.equal(1, select(2, run.err:gsub("worker failed", "")))
  end)

  it("is os.exit's argument", function()
    assert.equal(7, script("os.exit(7)").code)
    assert.equal(0, script("os.exit(true)").code)
    assert.equal(1, script("os.exit(false)").code)
    assert.equal(0, script("os.exit()").code)
    assert.equal(8, script("require('heddle.task').start(function() os.exit(8) end)").code)
  end)

  it("os.exit writes out what was written and leaves no process behind", function()
    local run = script [[
      local pids = require("heddle.queue").new()
      for _, method in ipairs(require("heddle.process").methods()) do
        require("heddle.process").start({ method = method }, function(out)
          out:put(io.open("/proc/self/stat"):read "n")
          require("heddle").sleep(60)
        end, pids)
      end
      for _ = 1, 3 do io.write(pids:get(), " ") end
      os.exit(5)
    ]]
    assert.equal(5, run.code)
    expect_gone(3, run.out)
  end)

  it("is 1 for an error object, which prints itself", function()
    local run = script "error(setmetatable({}, { __tostring = function() return 'object!' end }))"
    assert.equal(1, run.code)
    assert.matches("object!", run.err)
    assert.equal(1, script("error()").code)
    assert.equal(1, script("error({})").code)
  end)

  it("is 1 when the script does not compile or does not exist", function()
    local run = script "this is no Lua"
    assert.equal(1, run.code)
    assert.matches("syntax error", run.err)
    run = helper.heddle { "/nowhere/at/all.lua" }
    assert.equal(1, run.code)
    assert.matches("/nowhere/at/all%.lua", run.err)
  end)
end)

describe("Ctrl-C", function()
  local INTERRUPTED = 130
  local after = { interrupt = "ready" }

  local function expect_interrupted(run)
    assert.equal(INTERRUPTED, run.code, run.all)
    assert.is_true(run.wall < 15 * helper.slack)
  end

  it("stops the workers of pools, which begin no more jobs", function()
    for _, model in ipairs { "coroutines", "threads", "isolates", "processes" } do
      local run = script([[
        local p = require("heddle.pool").new("MODEL", 2)
        for i = 1, 6 do
          p:submit(function() if i == 2 then print "ready" end require("heddle").sleep(60) end)
        end
        p:close()
        p:join()
      ]], model, after)
      assert.is_nil(run.err:find "asked")
      expect_interrupted(run)
    end
  end)

  it("ends a sleeping script", function()
    expect_interrupted(script("print 'ready' require('heddle').sleep(30)", nil, after))
  end)

  it("ends a busy script", function()
    expect_interrupted(script("print 'ready' while true do end", nil, after))
  end)

  it("ends a script that is always in C without the GIL", function()
    expect_interrupted(script([[
      print "ready"
      while true do require("heddle.work").spin(0.001, { release = true }) end
    ]], nil, after))
  end)

  it("ends a script that catches every error of its loop, when it comes twice", function()
    local path = os.tmpname()
    local run = helper.command { "sh", "-c", ([[
      %s -e 'io.stderr:write "ready"
        while true do pcall(function() while true do end end) end' 2>$0 &
      until grep -q ready $0; do sleep 0.02; done
      for i in 1 2 3 4; do
        kill -INT $!
        sleep 0.3 # one soon after another is the same
        grep -q ') Z' /proc/$!/stat && break
      done
      wait $!
      echo $?
    ]]):format(helper.absolute_executable()), path }
    os.remove(path)
    assert.equal("130\n", run.out)
  end)

  helper.each_model("ends what waits for a worker, and the worker", function(_, model)
    local run = script([[
      local h = require("heddle.MODEL").start(function()
        local _ <close> = setmetatable({}, { __close = function() print "cleaned" end })
        print "ready"
        require("heddle").sleep(30)
      end)
      h:join()
    ]], model, after)
    expect_interrupted(run)
    assert.equal("ready\ncleaned\n", run.out)
  end)

  helper.each_model("ends busy workers", function(_, model)
    local run = script([[
      local begun = require("heddle.queue").new()
      for _ = 1, 2 do
        require("heddle.MODEL").start(function(q) q:put(1) while true do end end, begun)
      end
      for _ = 1, 2 do begun:get() end
      print "ready"
      require("heddle").sleep(30)
    ]], model, after)
    expect_interrupted(run)
  end, { "thread", "isolate", "process" })

  it("while the end waits for workers", function()
    local run = script([[
      require("heddle.thread").start(function() require("heddle").sleep(30) end)
      print "ready"
    ]], nil, after)
    expect_interrupted(run)
    assert.equal("ready\n", run.out)
  end)

  it("while the end waits for tasks", function()
    local run = script([[
      for _, daemon in ipairs { false, true } do
        require("heddle.task").start({ daemon = daemon }, function()
          local _ <close> = setmetatable({}, { __close = function() print "cleaned" end })
          if daemon then print "ready" end
          require("heddle").sleep(30)
        end)
      end
      print "main is over"
    ]], nil, after)
    expect_interrupted(run)
    assert.equal("main is over\nready\ncleaned\ncleaned\n", run.out)
  end)

  it("runs the main script's clean-up", function()
    local run = script([[
      local _ <close> = setmetatable({}, { __close = function() print "cleaned" end })
      print "ready"
      require("heddle").sleep(30)
    ]], nil, after)
    expect_interrupted(run)
    assert.equal("ready\ncleaned\n", run.out)
  end)

  it("leaves no process behind", function()
    local run = script([[
      local pids = require("heddle.queue").new()
      for _, method in ipairs(require("heddle.process").methods()) do
        require("heddle.process").start({ method = method }, function(out)
          out:put(io.open("/proc/self/stat"):read "n")
          while true do end
        end, pids)
      end
      for _ = 1, 3 do io.write(pids:get(), " ") end
      print "ready"
      require("heddle").sleep(30)
    ]], nil, after)
    expect_interrupted(run)
    expect_gone(3, run.out)
  end)
end)
