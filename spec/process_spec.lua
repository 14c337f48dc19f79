-- Processes by fork, spawn and forkserver: how they start, end, are limited and killed.

local helper = require "spec.helper"
local heddle = require "heddle"
local process = require "heddle.process"
local queue = require "heddle.queue"

helper.case_limit = 20

local each, exists = helper.each_method, helper.exists

local function own_pid() return tonumber(helper.slurp("/proc/self/stat"):match "^%d+") end

describe("a process", function()
  each("runs a function and returns its results", function(start)
    local h = start(function(...) return select("#", ...), ... end, 1, nil, "x")
    local r = table.pack(h:result())
    assert.same({ 3, 1, nil, "x", n = 4 }, r)
  end)

  each("has a pid of its own, which the handle knows", function(start)
    local h = start(own_pid)
    local pid = h:result()
    assert.equal(pid, h.pid)
    assert.not_equal(own_pid(), pid)
    local other = start(heddle.sleep, 60)
    assert.is_true(exists(other.pid)) -- at once
    other:kill()
    other:join()
    pcall(other.result, other)
  end)

  each("has a heap of its own", function(start)
    local t = { 1 }
    assert.equal(2, start(function()
      t[1] = t[1] + 1
      return t[1]
    end):result())
    assert.equal(1, t[1])
  end)

  each("carries its name", function(start)
    local comm = start({ name = "weaver" }, function()
      return (require("spec.helper").slurp("/proc/self/comm"))
    end):result()
    assert.equal("weaver\n", comm)
  end)

  each("finds modules where its starter finds them", function(start)
    assert.equal(package.path, start(function() return package.path end):result())
  end)

  each("raises its errors with the traceback", function(_, method)
    local h = process.start({ method = method }, function() error "far away" end)
    local err = helper.raises("process_spec%.lua:%d+: far away\nstack traceback:", h.result, h)
    assert.matches("started at [^\n]*process_spec%.lua:%d+", err)
    assert.equal(1, h:exitcode())
  end)

  each("starts processes, threads and isolates of its own", function(start)
    local list = start(function(methods_of)
      local results = {}
      for _, method in ipairs(methods_of) do
        results[#results + 1] = require("heddle.process").start({ method = method },
          function() return method end):result()
      end
      for _, model in ipairs { "thread", "isolate", "task" } do
        results[#results + 1] = require("heddle." .. model).start(function()
          return model
        end):result()
      end
      return results
    end, helper.start_methods):result()
    assert.same({ "fork", "spawn", "forkserver", "thread", "isolate", "task" }, list)
  end)

  each("ten at once", function(start, method)
    local handles, n = {}, method == "spawn" and 4 or 10
    for i = 1, n do handles[i] = start(function(x) return x * 2 end, i) end
    for i, h in ipairs(handles) do assert.equal(2 * i, h:result()) end
  end)

  each("waits for its tasks and workers before it ends", function(start)
    local q = queue.new()
    start(function(out)
      require("heddle.task").start(function()
        require("heddle").sleep(0.01)
        out:put "task"
      end)
      require("heddle.thread").start(function()
        require("heddle").sleep(0.02)
        out:put "thread"
      end)
    end, q):join()
    local ended = q:get_many(5, 0)
    table.sort(ended)
    assert.same({ "task", "thread" }, ended)
  end)

  each("runs no code of its parent's after its function", function(start)
    local q = queue.new()
    start(function() end):join()
    assert.equal(0, q:size())
  end)
end)

describe("exitcode", function()
  each("is nil while it lives, then 0", function(start)
    local q = queue.new()
    local h = start(function(go) go:get() end, q)
    assert.is_nil(h:exitcode())
    assert.is_true(h:alive())
    q:put(1)
    h:join()
    assert.equal(0, h:exitcode())
  end)

  each("is 1 after an error, the argument of os.exit otherwise", function(start)
    local failed = start(function() error "x" end)
    failed:join()
    assert.equal(1, failed:exitcode())
    pcall(failed.result, failed)
    for argument, code in pairs { [0] = 0, [3] = 3, [255] = 255 } do
      local h = start(function(n) os.exit(n) end, argument)
      h:join()
      assert.equal(code, h:exitcode())
      pcall(h.result, h)
    end
    local yes, no = start(function() os.exit(true) end), start(function() os.exit(false) end)
    yes:join()
    no:join()
    assert.equal(0, yes:exitcode())
    assert.equal(1, no:exitcode())
    pcall(yes.result, yes)
    pcall(no.result, no)
  end)

  each("os.exit gives result an error that says so", function(start)
    local h = start(function() os.exit(3) end)
    helper.raises("worker died: exit status 3", h.result, h)
    assert.equal("failed", h:status())
  end)

  each("os.exit in a task or thread of it ends it", function(start)
    for _, model in ipairs { "task", "thread", "isolate" } do
      local h = start(function(name)
        require("heddle." .. name).start(function() os.exit(4) end)
        require("heddle").sleep(60)
      end, model)
      assert.is_true(h:join(10))
      assert.equal(4, h:exitcode())
      pcall(h.result, h)
    end
  end)

  each("is minus the signal that killed it", function(start)
    local h = start(heddle.sleep, 60)
    assert.is_true(h:kill())
    h:join()
    assert.equal(-9, h:exitcode())
    assert.equal("failed", h:status())
    helper.raises("worker died: signal 9", h.result, h)
  end)
end)

describe("kill and terminate", function()
  each("end it", function(start)
    local a, b = start(heddle.sleep, 60), start(function() while true do end end)
    assert.is_true(a:terminate())
    assert.is_true(b:kill "SIGKILL")
    assert.is_true(a:join(10))
    assert.is_true(b:join(10))
    assert.equal(-15, a:exitcode())
    assert.equal(-9, b:exitcode())
    helper.raises("signal 15", a.result, a)
    helper.raises("signal 9", b.result, b)
    assert.is_false(exists(a.pid))
  end)

  it("take a signal's number or name", function()
    for _, signal in ipairs { 10, "SIGUSR1" } do
      local h = process.start(heddle.sleep, 60)
      helper.wait_for(function() return h:status() == "blocked" end)
      assert.is_true(h:kill(signal))
      h:join()
      assert.equal(-10, h:exitcode())
      pcall(h.result, h)
    end
  end)

  it("come too late after the end", function()
    local h = process.start(function() end)
    h:join()
    assert.is_false(h:kill())
    assert.is_false(h:terminate())
    assert.equal(0, h:exitcode())
  end)

  it("a killed one's children end with it", function()
    local q = queue.new()
    local h = process.start(function(out)
      for _, method in ipairs { "fork", "spawn", "forkserver" } do
        local inner = require("heddle.process").start({ method = method }, function(o)
          o:put(tonumber(require("spec.helper").slurp("/proc/self/stat"):match "^%d+"))
          require("heddle").sleep(60)
        end, out)
        assert(inner)
      end
      require("heddle").sleep(60)
    end, q)
    local pids = { q:get(10), q:get(10), q:get(10) }
    assert.equal(3, #pids)
    h:kill()
    h:join()
    pcall(h.result, h)
    for _, pid in ipairs(pids) do
      helper.wait_for(function() return not exists(pid) end, 5, "the end of " .. pid)
    end
  end)

  each("hard cancel kills", function(start)
    local h = start(function() while true do pcall(heddle.sleep, 1) end end)
    assert.is_true(h:cancel { hard = true })
    assert.is_true(h:join(10))
    assert.equal(-9, h:exitcode())
    pcall(h.result, h)
  end)

  each("a stopped one goes on after SIGCONT", function(start)
    local q = queue.new()
    local h = start(function(go) return go:get() end, q)
    helper.wait_for(function() return h:status() == "blocked" end)
    h:kill "SIGSTOP"
    q:put "x"
    assert.is_nil((h:join(0.05)))
    h:kill "SIGCONT"
    assert.equal("x", h:result(10))
  end)
end)

describe("limits", function()
  each("memory= that is too small to begin says so", function(start)
    local h = start({ memory = 1 }, function() end)
    helper.raises("not enough memory", h.result, h)
    assert.equal("failed", h:status())
    assert.equal(1, h:exitcode())
  end)

  each("memory= makes allocation fail there", function(start)
    if helper.flavour == "asan" or helper.flavour == "tsan" then
      pending "a sanitizer's own memory lies far above any such limit"
    end
    local h = start({ memory = 64e6 }, function()
      local ok, err = pcall(string.rep, "x", 1 << 30)
      return ok, err
    end)
    local ok, err = h:result()
    assert.is_false(ok)
    assert.matches("not enough memory", err)
  end)

  it("cpu= ends a busy one", function()
    local h = process.start({ cpu = 1 }, function() while true do end end)
    assert.is_true(h:join(15))
    assert.equal("failed", h:status())
    assert.is_true(h:exitcode() == -24 or h:exitcode() == -9)
    helper.raises("worker died: signal", h.result, h)
  end)
end)

describe("the handles of many processes, started one after the other,", function()
  it("are collected as they go: each is a shared object", function()
    local run = helper.script [[
      local process = require "heddle.process"
      local memory = require("heddle.native.sync").memory
      local most = 0
      for _ = 1, 600 do
        process.start({ method = "fork" }, math.abs, 1):join()
        most = math.max(most, memory().objects)
      end
      print(most < 200 or most)
    ]]
    assert.equal("", run.err)
    assert.equal("true\n", run.out)
  end)

  it("are left alone while the collector is stopped", function()
    local run = helper.script [[
      local process = require "heddle.process"
      local memory = require("heddle.native.sync").memory
      collectgarbage "stop"
      local before = memory().objects
      for _ = 1, 300 do process.start({ method = "fork" }, math.abs, 1):join() end
      print(memory().objects - before)
    ]]
    assert.equal("", run.err)
    assert.equal("300\n", run.out)
  end)
end)

describe("daemon=true", function()
  each("is killed at the end of the program", function(_, method)
    local run = helper.script(([[
      local h = require("heddle.process").start({ method = "%s", daemon = true }, function()
        require("heddle").sleep(60)
      end)
      print(h.pid > 0)
    ]]):format(method))
    assert.equal("true\n", run.out)
    assert.equal("", run.err)
    assert.equal(0, run.code)
    assert.is_true(run.wall < 15 * helper.slack)
  end)
end)
