-- Isolates: interpreters of their own in OS threads of this process, with nothing in common but
-- what is handed over.

local helper = require "spec.helper"
local heddle = require "heddle"
local isolate = require "heddle.isolate"
local queue = require "heddle.queue"
local thread = require "heddle.thread"

helper.case_limit = 15

describe("an isolate", function()
  it("has a heap of its own", function()
    local t = { 1 }
    local h = isolate.start(function(x)
      t[1] = t[1] + 1
      x[1] = x[1] + 1
      return t, x
    end, t)
    local a, b = h:result()
    assert.equal(1, t[1])
    assert.equal(3, a[1])
    assert.equal(a, b)
    assert.not_equal(t, a)
  end)

  it("has globals and loaded modules of its own", function()
    _G.isolate_spec = 1
    local h = isolate.start(function()
      local before = rawget(_G, "isolate_spec")
      _G.isolate_spec = 2
      return before, package.loaded["busted"]
    end)
    assert.same({ n = 2 }, table.pack(h:result()))
    assert.equal(1, _G.isolate_spec)
    _G.isolate_spec = nil
  end)

  it("begins with Lua's globals only", function()
    local names = isolate.start(function()
      local names = {}
      for name in pairs(_G) do names[#names + 1] = name end
      table.sort(names)
      return names
    end):result()
    local run = helper.script [[
      local names = {}
      for name in pairs(_G) do if name ~= "arg" then names[#names + 1] = name end end
      table.sort(names)
      io.write(table.concat(names, " "))
    ]]
    assert.equal(run.out, table.concat(names, " "))
  end)

  it("finds modules where its starter finds them", function()
    local path, cpath = isolate.start(function() return package.path, package.cpath end):result()
    assert.equal(package.path, path)
    local kept = package.path
    package.path = {}
    helper.raises("'package%.path' must be a string", isolate.start, function(x) return x end, 1)
    package.path = kept
    assert.equal(2, isolate.start(function(x) return x end, 2):result())
    assert.equal(package.cpath, cpath)
  end)

  it("a loaded module crosses by name, with a state of its own", function()
    helper.isolate_spec = "here"
    local there, same = isolate.start(function()
      return helper.isolate_spec, helper == require "spec.helper"
    end):result()
    helper.isolate_spec = nil
    assert.is_nil(there)
    assert.is_true(same)
  end)

  it("runs beside its starter, without its GIL", function()
    local go, up = queue.new(0, { shared = true }), queue.new(0, { shared = true })
    local h = isolate.start(function(from, to)
      to:put(1)
      while from:empty() do end
      return "beside"
    end, go, up)
    while up:empty() do end -- never gives the GIL up
    go:put(1)
    assert.equal("beside", h:result(10))
  end)

  it("two dozen at once", function()
    local handles = {}
    for i = 1, 24 do
      handles[i] = isolate.start(function(n)
        local s = 0
        for k = 1, 1000 do s = s + k * n end
        return s
      end, i)
    end
    for i, h in ipairs(handles) do assert.equal(500500 * i, h:result()) end
  end)

  it("runs threads of its own under its own GIL", function()
    local total = isolate.start(function()
      local threads = require "heddle.thread"
      local sum, handles = 0, {}
      for i = 1, 4 do handles[i] = threads.start(function() sum = sum + i end) end
      for _, h in ipairs(handles) do h:join() end
      return sum
    end):result()
    assert.equal(10, total)
  end)

  it("is waited for by its handle alone: tasks inside end first", function()
    local q = queue.new()
    local h = isolate.start(function(out)
      require("heddle.task").start(function()
        require("heddle").sleep(0.01)
        out:put "task"
      end)
      return "early"
    end, q)
    assert.is_true(h:join(5))
    assert.equal("task", q:get(0))
    assert.equal("early", h:result())
  end)

  it("waits for the workers it started", function()
    local q = queue.new()
    local h = isolate.start(function(out)
      require("heddle.thread").start(function()
        require("heddle").sleep(0.01)
        out:put "thread"
      end)
    end, q)
    assert.is_true(h:join(5))
    assert.equal("thread", q:get(0))
  end)

  it("os.exit in one ends the process", function()
    local run = helper.script [[
      local isolate = require "heddle.isolate"
      isolate.start(function() os.exit(9) end)
      isolate.start(function() while true do end end)
      require("heddle").sleep(60)
    ]]
    assert.equal(9, run.code)
  end)

  it("its current thread is its main one", function()
    assert.equal("main", isolate.start(function()
      return require("heddle.thread").current().name
    end):result())
  end)
end)

describe("memory=", function()
  it("caps the interpreter: more is an error of that isolate only", function()
    local h = isolate.start({ memory = 4e6 }, function()
      local t = {}
      for i = 1, 1e7 do t[i] = { i } end
      return #t
    end)
    helper.raises("not enough memory", h.result, h)
    assert.equal("failed", h:status())
    assert.equal(1, isolate.start(function() return 1 end):result())
  end)

  it("leaves what fits alone", function()
    assert.equal(1000, isolate.start({ memory = 8e6 }, function()
      return #string.rep("x", 1000)
    end):result())
  end)

  it("too little to begin with is an error, no crash", function()
    local h = isolate.start({ memory = 1000 }, function() end)
    h:join(5)
    assert.equal("failed", h:status())
    helper.raises("memory", h.result, h)
  end)

  it("an error that was caught leaves it usable", function()
    local ok, n = isolate.start({ memory = 6e6 }, function()
      local ok = pcall(string.rep, "x", 1e8)
      return ok, #string.rep("y", 100)
    end):result()
    assert.is_false(ok)
    assert.equal(100, n)
  end)
end)

describe("a failing isolate", function()
  it("whose results can't be copied says which", function()
    local h = isolate.start(function() return 1, io.stdout end)
    helper.raises("can't copy results%[2%]: userdata", h.result, h)
    assert.equal("failed", h:status())
  end)

  it("whose arguments can't be copied is not started", function()
    local before = #isolate.list()
    helper.raises("can't copy args%[1%]%.f: userdata", isolate.start, print, { f = io.stdout })
    assert.equal(before, #isolate.list())
  end)

  it("leaves its lock held, as a thread does", function()
    local lock = require("heddle.sync").lock()
    isolate.start(function(l) l:acquire() end, lock):join()
    assert.is_true(lock:locked())
    assert.is_nil((lock:acquire(0.01)))
    lock:release()
  end)

  it("with a runaway recursion or string fails alone", function()
    local h = isolate.start(function()
      local function f() return f() + 1 end
      return f()
    end)
    helper.raises("stack overflow", h.result, h)
    h = isolate.start(function() return ("x"):rep(-1 >> 1) end)
    helper.raises("too large", h.result, h)
  end)
end)

describe("handles of isolates", function()
  it("may be joined from any thread", function()
    local go = queue.new()
    local h = isolate.start(function(q) return q:get() end, go)
    local t = thread.start(function() return h:result() end)
    heddle.sleep(0.005)
    go:put "x"
    assert.equal("x", t:result(5))
  end)

  it("started from several threads at once", function()
    local handles = {}
    for i = 1, 4 do
      handles[i] = thread.start(function()
        local sum = 0
        for k = 1, 5 do sum = sum + isolate.start(function(x) return x end, k):result() end
        return sum
      end)
    end
    for _, h in ipairs(handles) do assert.equal(15, h:result()) end
  end)
end)

describe("isolates one after the other", function()
  local function os_threads()
    local names = {}
    for id in require("lfs").dir "/proc/self/task" do
      if id:find "%d" then
        names[#names + 1] = (helper.slurp("/proc/self/task/" .. id .. "/comm"):gsub("%s", ""))
      end
    end
    return table.concat(names, " ")
  end

  it("find nothing of the one before", function()
    local function look(burn)
      local native, work = require "heddle.native.work", require "heddle.work"
      local before = native.usage()
      work.spin(burn)
      local seen = rawget(_G, "seen")
      _G.seen = true
      collectgarbage "stop"
      package.loaded["string"].dump = nil
      isolate.locals().seen = true
      return before, seen, collectgarbage "isrunning", native.cpu()
    end
    isolate.start(look, 0.2):join()
    for _ = 1, 3 do
      local h = isolate.start(function(f)
        return string.dump ~= nil, isolate.locals().seen, isolate.current().name,
          require("spec.helper").slurp("/proc/thread-self/comm"), f(0)
      end, look)
      local dumps, mine, name, os_name, used, seen, _, cpu = h:result()
      assert.is_true(dumps)
      assert.is_nil(mine)
      assert.is_nil(seen)
      assert.equal(h.name, name)
      assert.equal(h.name .. "\n", os_name)
      assert.is_true(used < 0.2 and cpu < 0.2, ("%g, %g"):format(used, cpu))
    end
  end)

  it("a stop meant for one does not reach the next", function()
    for _ = 1, 3 do
      local h = isolate.start(function() while true do end end)
      helper.wait_for(function() return h:status() == "running" end, 5, "it does not run")
      h:cancel { hard = true }
      h:join()
      assert.equal("cancelled", h:status())
      local n = isolate.start(function()
        local n = 0
        for _ = 1, 10000 do n = n + 1 end
        return n
      end):result()
      assert.equal(10000, n)
    end
  end)

  it("keep no OS thread for longer than a moment", function()
    isolate.start(function() end):join()
    helper.wait_for(function()
      return not os_threads():find "resting" and not os_threads():find "Isolate"
    end, 5, "an OS thread stayed")
  end)

  it("a fork beside a resting OS thread works, and so do isolates in the child", function()
    local process = require "heddle.process"
    for i = 1, 3 do
      assert.equal(i, isolate.start(function(x) return x end, i):result())
      local h = process.start({ method = "fork" }, function(x)
        local sum = 0
        for k = 1, 3 do sum = sum + isolate.start(function(y) return y + x end, k):result() end
        return sum
      end, i)
      assert.equal(6 + 3 * i, h:result())
    end
  end)
end)
