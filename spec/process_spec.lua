-- Processes by fork, spawn and forkserver: how they start, end, are limited and killed.

local helper = require "spec.helper"
local heddle = require "heddle"
local process = require "heddle.process"
local thread = require "heddle.thread"
local queue = require "heddle.queue"
local sync = require "heddle.sync"

helper.case_limit = 20

local methods = { "fork", "spawn", "forkserver" }

-- Defines one case per start method: `fn(start, method)`.
local function each(name, fn)
  for _, method in ipairs(methods) do
    local function start(options, ...)
      if type(options) == "function" then return start({}, options, ...) end
      options.method = method
      return process.start(options, ...)
    end
    it(("%s [%s]"):format(name, method), function() fn(start, method) end)
  end
end

local function own_pid() return tonumber(helper.slurp("/proc/self/stat"):match "^%d+") end

-- Whether it runs; one that nobody reaps, as where process 1 does not, has ended all the same.
local function exists(pid)
  local state = helper.slurp("/proc/" .. pid .. "/stat"):match "%) (%a)"
  return state ~= nil and state ~= "Z"
end

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

  each("raises its errors with the traceback", function(start)
    local h = start(function() error "far away" end)
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
    end, methods):result()
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

describe("the start method", function()
  it("methods and default_method tell and set it", function()
    assert.same(methods, process.methods())
    assert.equal("fork", process.default_method())
    process.default_method "spawn"
    assert.equal("spawn", process.default_method())
    process.default_method "fork"
    helper.raises('process%.default_method: method: .*got "teleport" %[bad%-option%]$',
      process.default_method, "teleport")
    assert.equal("fork", process.default_method())
  end)

  it("is fork, and forkserver while other OS threads run", function()
    local run = helper.script [[
      local process, thread = require "heddle.process", require "heddle.thread"
      io.write(process.default_method(), " ")
      local t = thread.start(require("heddle").sleep, 0.2)
      io.write(process.default_method(), " ")
      print(process.start(function() return "ran" end):result())
      t:join()
    ]]
    assert.equal("fork forkserver ran\n", run.out)
    assert.equal("", run.err)
  end)

  it("fork asked for by name beside threads warns once", function()
    local run = helper.script [[
      local process, thread = require "heddle.process", require "heddle.thread"
      local t = thread.start({ name = "beside" }, require("heddle").sleep, 0.3)
      for _ = 1, 3 do
        print(process.start({ method = "fork" }, function() return "ran" end):result())
      end
      t:join()
    ]]
    assert.equal("ran\nran\nran\n", run.out)
    assert.equal(1, select(2, run.err:gsub("heddle: fork while", "")))
    assert.matches("beside", run.err)
  end)

  it("threads and isolates that were joined do not count", function()
    local r = helper.script [[
      local process = require "heddle.process"
      for _, model in ipairs { "thread", "isolate" } do
        for _ = 1, 40 do
          require("heddle." .. model).start(function() end):join()
          process.start({ method = "fork" }, function() end):join()
        end
      end
    ]]
    assert.equal("", r.all)
    assert.equal(0, r.code)
  end)

  it("a fork beside busy threads works", function()
    local run = helper.script([[
      local process, thread = require "heddle.process", require "heddle.thread"
      local stop = false
      for _ = 1, 3 do
        thread.start(function() while not stop do string.format("%d %s", 1, {}) end end)
      end
      for i = 1, 20 do
        local h = process.start({ method = "fork" }, function()
          local inner = require "heddle.thread"
          return inner.start(function() return #inner.list() end):result()
        end)
        io.write(tostring(h:result(10)), " ")
      end
      stop = true
    ]], { limit = 60 })
    assert.equal(("1 "):rep(20), run.out)
    assert.equal(0, run.code)
  end)

  it("only fn's task lives in a forked child", function()
    local n = 0
    local other = require("heddle.task").start(function()
      for _ = 1, 20 do
        n = n + 1
        heddle.sleep(0.002)
      end
    end)
    heddle.sleep(0.005)
    local seen, tasks = process.start({ method = "fork" }, function()
      local before = n
      require("heddle").sleep(0.02)
      return n - before, #require("heddle.task").list()
    end):result()
    assert.equal(0, seen)
    assert.equal(1, tasks)
    other:join()
    assert.equal(20, n)
  end)
end)

describe("what a forked process inherits", function()
  it("the parent's values and globals", function()
    _G.inherited = { "yes" }
    local value = process.start({ method = "fork" }, function()
      return _G.inherited and _G.inherited[1]
    end):result()
    assert.equal("yes", value)
    _G.inherited = nil
  end)

  it("locks and shared queues work", function()
    _G.inherited = { lock = sync.lock(), q = queue.new(0, { shared = true }) }
    _G.inherited.lock:acquire()
    local h = process.start({ method = "fork" }, function()
      local i = _G.inherited
      i.q:put "waiting"
      i.lock:acquire()
      i.q:put "got it"
      i.lock:release()
    end)
    assert.equal("waiting", _G.inherited.q:get(5))
    _G.inherited.lock:release()
    assert.equal("got it", _G.inherited.q:get(5))
    h:result()
    _G.inherited = nil
  end)

  it("an empty queue works", function()
    _G.inherited = queue.new()
    local h = process.start({ method = "fork" }, function() _G.inherited:put "from the child" end)
    assert.equal("from the child", _G.inherited:get(5))
    h:result()
    _G.inherited = nil
  end)

  it("a queue that holds references raises on use there", function()
    _G.inherited = queue.new()
    _G.inherited:put { "reference" }
    local h = process.start({ method = "fork" }, function()
      local q, errors = _G.inherited, {}
      for i, fn in ipairs { q.get, q.put, q.try_get, q.try_put, q.items } do
        local ok, err = pcall(fn, q, 1)
        errors[i] = not ok and err:match "%[([%w-]+)%]$"
      end
      return errors
    end)
    local expected = {}
    for i = 1, 5 do expected[i] = "queue-not-shared" end
    assert.same(expected, h:result())
    assert.same({ "reference" }, _G.inherited:get(0))
    _G.inherited = nil
  end)

  it("a lock held by the parent is held, and released by anyone", function()
    local lock = sync.lock()
    lock:acquire()
    assert.is_true(process.start({ method = "fork" }, function()
      local held = lock:locked()
      lock:release()
      return held
    end):result())
    assert.is_false(lock:locked())
  end)

  it("what was written before is written once", function()
    local run = helper.script [[
      io.write "before "
      local process = require "heddle.process"
      local h = process.start({ method = "fork" }, function() io.write "child " end)
      h:join()
      io.write "after\n"
    ]]
    assert.equal("before child after\n", run.out)
  end)
end)

describe("when join returns", function()
  each("all that it held is given up", function(start)
    local net, pipe = require "heddle.net", require "heddle.pipe"
    for _ = 1, 3 do
      local lock, rlock, rwlock = sync.lock(), sync.rlock(), sync.rwlock()
      local permits, here, there = sync.semaphore(1), pipe.new()
      local h = start(function(l, r, rw, p, e)
        l:acquire()
        r:acquire()
        local listener = require("heddle.net").listen("127.0.0.1:0", { daemon = true })
        _G.held = { rw:write(), p:hold(), e, listener }
        return listener.port
      end, lock, rlock, rwlock, permits, there)
      h:join()
      assert.same({ true, "abandoned" }, { lock:acquire(0) })
      assert.same({ true, "abandoned" }, { rlock:acquire(0) })
      assert.same("abandoned", (select(2, rwlock:write(0))))
      assert.is_true(permits:acquire(0))
      assert.same({ nil, "closed" }, { here:recv(0) })
      net.listen("127.0.0.1:" .. h:result()):close()
      assert.equal(0, h:exitcode())
    end
  end)

  each("what it printed is there", function(_, method)
    local run = helper.script(([[
      local process = require "heddle.process"
      for i = 1, 3 do
        process.start({ method = %q }, function(n)
          io.stdout:setvbuf "full"
          print("child " .. n)
        end, i):join()
        print("joined " .. i)
      end
    ]]):format(method))
    assert.equal("child 1\njoined 1\nchild 2\njoined 2\nchild 3\njoined 3\n", run.out)
  end)

  it("the processes of many in a row are not far behind", function()
    local function children()
      local n = 0
      for id in require("lfs").dir "/proc/self/task" do
        if id:find "%d" then
          local list = helper.slurp("/proc/self/task/" .. id .. "/children")
          n = n + select(2, list:gsub("%d+", ""))
        end
      end
      return n
    end
    local before = children()
    for _ = 1, 100 do process.start({ method = "fork" }, function() end):join() end
    assert.is_true(children() - before <= 16, "more than 16 processes are left")
    helper.wait_for(function() return children() <= before end, 5, "processes are left")
  end)
end)

describe("a dead one", function()
  each("what it held is abandoned", function(start)
    local lock = sync.lock()
    local h = start(function(l) l:acquire() end, lock)
    h:result()
    assert.same({ true, "abandoned", n = 2 }, table.pack(lock:acquire(5)))
    lock:release()
    assert.same({ true, n = 1 }, table.pack(lock:acquire(5)))
    lock:release()
  end)

  each("killed while it holds: the waiters get it", function(start)
    local lock, q = sync.lock(), queue.new()
    local h = start(function(l, out)
      local guard = l:hold()
      out:put "held"
      require("heddle").sleep(60)
      guard:release()
    end, lock, q)
    q:get(10)
    local waiter = thread.start(function() return lock:acquire() end)
    heddle.sleep(0.01)
    h:kill()
    local got, how = waiter:result(10)
    assert.is_true(got)
    assert.equal("abandoned", how)
    pcall(h.result, h)
    lock:release()
    local guard, state = lock:hold(1)
    assert.is_nil(state)
    guard:release()
  end)

  each("killed while it waits leaves the line whole", function(start)
    local q = queue.new()
    local h = start(function(a) a:get() end, q)
    helper.wait_for(function() return h:status() == "blocked" end)
    local second = thread.start(function() return q:get() end)
    heddle.sleep(0.01)
    h:kill()
    h:join()
    pcall(h.result, h)
    q:put "for the living"
    assert.equal("for the living", second:result(5))
  end)

  it("unread, says so at exit", function()
    local run = helper.script [[
      local h = require("heddle.process").start({ name = "victim" }, require("heddle").sleep, 60)
      h:kill()
      h:join()
    ]]
    assert.equal(0, run.code)
    assert.matches("victim", run.err)
    assert.equal(1, select(2, run.err:gsub("worker died: signal 9", "")))
  end)

  it("the program's: its processes end within a second", function()
    local out = helper.command { "sh", "-c", ([[
      %s -e '
        local process = require "heddle.process"
        for _, m in ipairs(process.methods()) do
          process.start({ method = m }, function()
            io.write(io.open("/proc/self/stat"):read("n"), "\n")
            io.flush()
            require("heddle").sleep(60)
          end)
        end
        require("heddle").sleep(60)' &
      pid=$!
      sleep %g
      kill -9 $pid
      sleep 1
    ]]):format(helper.absolute_executable(), 0.5 * helper.slack) }
    local n = 0
    for pid in out.out:gmatch "%d+" do
      n = n + 1
      assert.is_false(exists(pid))
    end
    assert.equal(3, n)
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
