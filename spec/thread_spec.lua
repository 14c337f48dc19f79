-- Threads: one interpreter under a GIL that is taken away where another thread waits for it.

local helper = require "spec.helper"
local heddle = require "heddle"
local thread = require "heddle.thread"
local queue = require "heddle.queue"
local sync = require "heddle.sync"

helper.case_limit = 30

thread.current() -- the main one's handle is made once, and kept

-- Runs `fn` under another switch interval.
local function with_interval(seconds, fn)
  local before = thread.switch_interval()
  thread.switch_interval(seconds)
  local ok, err = pcall(fn)
  thread.switch_interval(before)
  if not ok then error(err, 0) end
end

describe("preemption", function()
  it("a tight loop is made to give way", function()
    local stop, rounds = false, 0
    local h = thread.start(function() while not stop do rounds = rounds + 1 end end)
    helper.wait_for(function() return rounds > 0 end)
    stop = true
    assert.is_true(h:join(10))
  end)

  it("an empty loop is, too", function()
    local h = thread.start(function() while true do end end)
    heddle.sleep(0.02)
    h:cancel { hard = true }
    assert.is_true(h:join(10))
  end)

  it("four loops all get on", function()
    local stop, counts, handles = false, { 0, 0, 0, 0 }, {}
    with_interval(1e-3, function()
      for i = 1, 4 do
        handles[i] = thread.start(function() while not stop do counts[i] = counts[i] + 1 end end)
      end
      helper.wait_for(function()
        return counts[1] > 0 and counts[2] > 0 and counts[3] > 0 and counts[4] > 0
      end, 10, "progress of all four")
      stop = true
      for _, h in ipairs(handles) do h:join() end
    end)
  end)

  it("comes inside coroutines, pcalls and metamethods", function()
    local stop = false
    local loops = {
      function() coroutine.wrap(function() while not stop do end end)() end,
      function() pcall(function() while not stop do end end) end,
      function()
        local t = setmetatable({}, { __index = function() while not stop do end end })
        return t.x
      end,
      function() table.sort({ 1, 2 }, function() while not stop do end end) end,
    }
    local handles = {}
    for i, loop in ipairs(loops) do handles[i] = thread.start(loop) end
    heddle.sleep(0.05)
    stop = true
    for _, h in ipairs(handles) do h:result(10) end
  end)

  it("leaves results of calculations alone", function()
    local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
    with_interval(1e-4, function()
      local handles = {}
      for i = 1, 4 do handles[i] = thread.start(fib, 19) end
      for _, h in ipairs(handles) do assert.equal(4181, h:result()) end
    end)
  end)

  it("keeps tables and strings whole under a collector at work", function()
    with_interval(1e-4, function()
      local shared, handles = {}, {}
      for i = 1, 4 do
        handles[i] = thread.start(function()
          for k = 1, 5000 do shared[("%d-%d"):format(i, k)] = { k } end
        end)
      end
      for _, h in ipairs(handles) do h:result() end
      local n = 0
      for _, v in pairs(shared) do n = n + #v end
      assert.equal(20000, n)
    end)
  end)

  it("does not come inside a finalizer", function()
    local stop, count, before, after = false, 0, nil, nil
    with_interval(1e-4, function()
      local rival = thread.start(function() while not stop do count = count + 1 end end)
      helper.wait_for(function() return count > 0 end)
      setmetatable({}, { __gc = function()
        before = count
        local begun = heddle.now()
        while heddle.now() - begun < 0.02 do end
        after = count
      end })
      collectgarbage()
      collectgarbage()
      stop = true
      rival:join()
    end)
    assert.is_number(before)
    assert.equal(before, after)
  end)
end)

describe("switch_interval", function()
  it("is 5 ms by default", function()
    local run = helper.script "print(require('heddle.thread').switch_interval())"
    assert.equal("0.005\n", run.out)
  end)

  it("is set and read", function()
    with_interval(0.25, function() assert.equal(0.25, thread.switch_interval()) end)
    assert.equal(0.001, thread.switch_interval(0.001))
    thread.switch_interval(0.005)
  end)

  it("may be longer than any run", function()
    with_interval(math.huge, function() assert.is_true(thread.switch_interval() >= 3e9) end)
  end)

  it("refuses what is no interval", function()
    for _, bad in ipairs { 0, -1, 0 / 0, "x", {} } do
      helper.raises("thread%.switch_interval: seconds: .*%[bad%-time%]$", thread.switch_interval,
        bad)
    end
    assert.equal(0.005, thread.switch_interval())
  end)
end)

describe("count = count + 1", function()
  local function race(rounds, guarded)
    local count, handles = 0, {}
    local lock = sync.lock()
    for i = 1, 4 do
      handles[i] = thread.start(function()
        for _ = 1, rounds do
          if guarded then
            local _ <close> = lock:hold()
            count = count + 1
          else
            count = count + 1
          end
        end
      end)
    end
    for _, h in ipairs(handles) do h:result() end
    return 4 * rounds - count
  end

  it("loses updates at a small interval", function()
    with_interval(1e-4, function()
      local lost, tries
      tries = 0
      repeat
        lost = race(100000)
        tries = tries + 1
      until lost > 0 or tries == 100
      assert.is_true(lost > 0)
    end)
  end)

  it("loses none under a lock", function()
    with_interval(1e-4, function() assert.equal(0, race(3000, true)) end)
  end)
end)

describe("gil()", function()
  it("counts switches, forced ones, waiting and holding, per thread and in total", function()
    local before = thread.gil()
    local stop = false
    with_interval(1e-3, function()
      local h = thread.start(function() while not stop do end end)
      local now
      helper.wait_for(function()
        local begun = heddle.now()
        while heddle.now() - begun < 0.004 do end
        now = thread.gil()
        local own = now.threads[h.id]
        return own and own.switches >= 1 and own.forced >= 1 and own.held > 0
      end)
      stop = true
      h:join()
      assert.is_true(now.switches > before.switches)
      assert.is_true(now.forced > before.forced)
      assert.is_true(now.wait > before.wait)
      assert.is_true(now.held > before.held)
      local count, switches = 0, 0
      for id, figures in pairs(now.threads) do
        assert.equal("integer", math.type(id))
        count, switches = count + 1, switches + figures.switches
      end
      assert.is_true(count >= 2)
      assert.is_true(switches <= now.switches)
    end)
  end)

  it("the main thread stands under its own id", function()
    local run = helper.script [[
      local thread = require "heddle.thread"
      local gil = thread.gil()
      print(gil.threads[thread.current().id] ~= nil, next(gil.threads, next(gil.threads)))
    ]]
    assert.equal("true\tnil\n", run.out)
  end)

  it("costs no switch while nobody else is there", function()
    local run = helper.script [[
      local thread = require "heddle.thread"
      local before = thread.gil().switches
      for _ = 1, 1e6 do end
      print(thread.gil().switches - before, thread.gil().forced)
    ]]
    assert.equal("0\t0\n", run.out)
  end)
end)

describe("waiting gives the GIL up", function()
  it("a sleeping thread lets the others run", function()
    local count = 0
    local h = thread.start(heddle.sleep, 60)
    while h:alive() and count < 1000 do count = count + 1 end
    assert.equal(1000, count)
    h:cancel()
    h:join()
  end)

  it("a thread that waits for input lets the others run", function()
    local script, mark = os.tmpname(), os.tmpname()
    os.remove(mark)
    helper.spit(script, [[
      local heddle = require "heddle"
      local thread = require "heddle.thread"
      local line
      local reader = thread.start(function() line = heddle.input() end)
      local count = 0
      while not line do
        count = count + 1
        if count == 1000 then io.open(arg[1], "w"):close() end
      end
      print(line)
    ]])
    local run = helper.command { "sh", "-c", helper.line_after(mark, "hello")
      .. ("%s %s %s"):format(helper.absolute_executable(), script, mark) }
    os.remove(script)
    os.remove(mark)
    assert.equal("hello\n", run.out)
    assert.equal("", run.err)
  end)

  it("a thread that waits for a lock, a queue or an end lets the others run", function()
    local lock, q = sync.lock(), queue.new()
    lock:acquire()
    local sleeper = thread.start(function() q:get() end)
    local handles = {
      thread.start(function() lock:acquire() end), thread.start(function() q:get() end),
      thread.start(function() sleeper:join() end),
    }
    local give_up, count = heddle.now() + 5 * helper.slack, 0
    while heddle.now() < give_up and count < 1000 do count = count + 1 end
    assert.equal(1000, count)
    lock:release()
    q:put(1)
    q:put(2)
    for _, h in ipairs(handles) do assert.is_true(h:join(5)) end
  end)

  it("a kernel asked to release it lets the others run", function()
    local work = require "heddle.work"
    local h = thread.start(function() work.spin(0.05, { release = true }) end)
    local count = 0
    while h:alive() do count = count + 1 end
    assert.is_true(count > 100)
  end)
end)

describe("one heap", function()
  it("arguments, results and items are the same objects", function()
    local object, q = {}, queue.new()
    local h = thread.start(function(o)
      q:put(o)
      return o
    end, object)
    assert.equal(object, h:result())
    assert.equal(object, q:get())
  end)

  it("globals and loaded modules are shared", function()
    _G.heddle_thread_spec = 1
    thread.start(function() _G.heddle_thread_spec = _G.heddle_thread_spec + 1 end):join()
    assert.equal(2, _G.heddle_thread_spec)
    _G.heddle_thread_spec = nil
    assert.equal(helper, thread.start(function() return require "spec.helper" end):result())
  end)

  it("userdata and files go along", function()
    assert.equal(io.stdout, thread.start(function(f) return f end, io.stdout):result())
  end)
end)

describe("a thread", function()
  it("keeps what it held when it ended", function()
    local lock = sync.lock()
    thread.start(function() lock:acquire() end):join()
    assert.is_true(lock:locked())
    assert.same({ nil, "timeout", n = 2 }, table.pack(lock:acquire(0.01)))
    lock:release()
    assert.is_true(lock:acquire(0))
  end)

  it("waits for its own tasks before it has ended", function()
    local log = {}
    local h = thread.start(function()
      require("heddle.task").start(function()
        heddle.sleep(0.01)
        log[#log + 1] = "task"
      end)
      return "result"
    end)
    h:join()
    assert.same({ "task" }, log)
    assert.equal("result", h:result())
  end)

  it("cancels its daemon tasks at its end", function()
    local how
    thread.start(function()
      require("heddle.task").start({ daemon = true }, function()
        local _ <close> = setmetatable({}, { __close = function(_, err) how = err.code end })
        heddle.sleep(60)
      end)
      heddle.sleep(0.005)
    end):join()
    assert.equal("cancelled", how)
  end)

  it("may start and join threads", function()
    local function tree(n)
      if n == 0 then return 1 end
      local a, b = thread.start(tree, n - 1), thread.start(tree, n - 1)
      return a:result() + b:result()
    end
    assert.equal(16, tree(4))
  end)

  it("fifty one after the other, and fifty at once", function()
    for i = 1, 50 do assert.equal(i, thread.start(function() return i end):result()) end
    local handles = {}
    for i = 1, 50 do
      handles[i] = thread.start(function()
        heddle.sleep(0.002)
        return i
      end)
    end
    for i, h in ipairs(handles) do assert.equal(i, h:result()) end
  end)

  it("os.exit in one ends the program", function()
    local run = helper.script [[
      require("heddle.thread").start(function() os.exit(7) end)
      require("heddle").sleep(60)
    ]]
    assert.equal(7, run.code)
  end)

  it("os.exit in one ends the program while others compute", function()
    local run = helper.script [[
      local thread = require "heddle.thread"
      thread.start(function() while true do end end)
      thread.start(function() require("heddle").sleep(0.02) print "out" os.exit(true) end)
      while true do end
    ]]
    assert.equal(0, run.code)
    assert.equal("out\n", run.out)
  end)

  it("errors of one leave the others alone", function()
    local go = queue.new()
    local good = thread.start(function() return go:get() end)
    local bad = thread.start(function() error "bad" end)
    helper.raises("bad", bad.result, bad)
    go:put "good"
    assert.equal("good", good:result())
  end)

  it("nests C calls as deeply as the main one", function()
    local function nest(n)
      return n == 0 and "end" or (("a"):gsub("a", function() return nest(n - 1) end))
    end
    local function without_end() return (("a"):gsub("a", without_end)) end
    for _, name in ipairs { "thread", "isolate" } do
      local model = require("heddle." .. name)
      assert.equal("end", model.start(nest, 170):result())
      local ok, err = model.start(pcall, without_end):result()
      assert.is_false(ok)
      assert.matches("stack overflow", err)
    end
  end)
end)
