-- The end of a process: what is gone when join returns, and what a dead one leaves.

local helper = require "spec.helper"
local heddle = require "heddle"
local process = require "heddle.process"
local thread = require "heddle.thread"
local queue = require "heddle.queue"
local sync = require "heddle.sync"

helper.case_limit = 20

local each, exists = helper.each_method, helper.exists

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
