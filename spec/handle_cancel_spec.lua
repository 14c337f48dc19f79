-- Cancelling through a handle, softly and hard, under all models.

local helper = require "spec.helper"
local heddle = require "heddle"
local queue = require "heddle.queue"
local thread = require "heddle.thread"

helper.case_limit = 15

local each = helper.each_model
local not_tasks = { "thread", "isolate", "process" }
-- what stands for the main ones is made when it is first asked for, and kept
for _, model in ipairs(helper.models) do require("heddle." .. model).current() end

local function pack_results(h) return table.pack(h:result()) end

local ended = helper.ended

local function blocked(M, ...) return helper.blocked(M.start(...)) end

local function sleep_long() require("heddle").sleep(60) end

describe("cancel", function()
  each("is seen by one whose calls never need to wait", function(M)
    local sync = require "heddle.sync"
    local begun, lock, items = sync.event(), sync.lock(), queue.new(0, { shared = true })
    local h = M.start(function(up, l, q)
      up:set()
      while true do
        l:acquire()
        l:release()
        q:put(1)
        q:get()
      end
    end, begun, lock, items)
    begun:wait()
    assert.is_true(h:cancel())
    assert.is_true(h:join(5 * helper.slack))
    assert.equal("cancelled", h:status())
  end, not_tasks)

  each("raises CANCELLED out of the present wait", function(M)
    local h = blocked(M, sleep_long)
    assert.is_true(h:cancel())
    ended(h)
    assert.equal("cancelled", h:status())
    local err = helper.raises(nil, h.result, h)
    assert.is_true(err == heddle.CANCELLED)
    assert.equal("cancelled", err.code)
    assert.equal("string", type(err.reason))
  end)

  each("raises it out of the next blocking call", function(M, model)
    local h = M.start(function(name)
      require("heddle." .. name).current():cancel()
      local ok, err = pcall(require("heddle").sleep, 60)
      return ok, err == require("heddle").CANCELLED
    end, model)
    assert.same({ false, true, n = 2 }, pack_results(h))
    assert.equal("done", h:status())
  end)

  each("raises it once", function(M)
    local q = queue.new()
    local h = blocked(M, function(go)
      local ok = pcall(go.get, go)
      return ok, go:get()
    end, q)
    h:cancel()
    q:put "later"
    assert.same({ false, "later", n = 2 }, pack_results(h))
  end)

  each("raises it once more when asked twice", function(M)
    local h = blocked(M, function()
      local h_sleep = require("heddle").sleep
      return pcall(h_sleep, 60), pcall(h_sleep, 60), (pcall(h_sleep, 0.001))
    end)
    h:cancel()
    h:cancel()
    local r = pack_results(h)
    assert.is_false(r[1])
    assert.is_false(r[2])
    assert.is_true(r[r.n])
  end)

  each("reaches every kind of wait", function(M)
    local q, full = queue.new(), queue.new(1)
    local lock = require("heddle.sync").lock()
    full:put(1)
    lock:acquire()
    local waits = {
      function(a) a:get() end, function(_, b) b:put(2) end, function(_, b) b:join() end,
      function(_, _, l) l:acquire() end, function(_, _, l) l:hold(30) end, sleep_long,
    }
    local handles = {}
    for i, fn in ipairs(waits) do handles[i] = blocked(M, fn, q, full, lock) end
    for _, h in ipairs(handles) do assert.is_true(h:cancel()) end
    lock:release()
    for i, h in ipairs(handles) do
      ended(h)
      assert.equal("cancelled", h:status(), "wait " .. i)
    end
    assert.is_true(lock:acquire(20))
  end)

  each("runs __close handlers and lets them wait", function(M)
    local q = queue.new()
    local h = blocked(M, function(out)
      local _ <close> = setmetatable({}, { __close = function()
        require("heddle").sleep(0.001)
        out:put "closed"
      end })
      require("heddle").sleep(60)
    end, q)
    h:cancel()
    ended(h)
    assert.equal("closed", q:get(20))
  end)

  each("comes too late after the end", function(M)
    local h = M.start(function() return "kept" end)
    ended(h)
    assert.is_false(h:cancel())
    assert.is_false(h:cancel { hard = true })
    assert.equal("kept", h:result())
  end)

  each("of its own CANCELLED raised by hand gives the status cancelled", function(M)
    local h = M.start(function() error(require("heddle").CANCELLED) end)
    ended(h)
    assert.equal("cancelled", h:status())
  end)

  each("of one that just started never hangs", function(M, model)
    for _ = 1, model == "process" and 5 or 30 do
      local h = M.start(sleep_long)
      assert.is_true(h:cancel())
      ended(h)
      assert.equal("cancelled", h:status())
    end
  end)
end)

describe("cancel{hard=true}", function()
  each("stops a tight loop", function(M)
    local h = M.start(function() while true do end end)
    heddle.sleep(0.01)
    assert.is_true(h:cancel { hard = true })
    ended(h)
    assert.is_true(h:status() == "cancelled" or h:status() == "failed")
    pcall(h.result, h)
  end, not_tasks)

  each("stops a loop that catches every error", function(M)
    local h = M.start(function()
      while true do
        pcall(function() while true do end end)
        xpcall(function() while true do end end, function(e) return e end)
        coroutine.resume(coroutine.create(function() while true do end end))
      end
    end)
    heddle.sleep(0.01)
    h:cancel { hard = true }
    ended(h)
    pcall(h.result, h)
  end, not_tasks)

  each("stops a loop that catches errors of its waits", function(M)
    local h = blocked(M, function()
      while true do pcall(require("heddle").sleep, 60) end
    end)
    h:cancel { hard = true }
    ended(h)
    pcall(h.result, h)
  end)

  each("runs the __close handlers", function(M)
    local q = queue.new(0, { shared = true })
    local h = M.start(function(out)
      local _ <close> = setmetatable({}, { __close = function() out:try_put "closed" end })
      out:put "here"
      while true do end
    end, q)
    q:get()
    h:cancel { hard = true }
    ended(h)
    assert.equal("cancelled", h:status())
    assert.equal("closed", q:get(20))
  end, { "thread", "isolate" })

  each("lets the clean-up of one that waits run, through its coroutines too", function(M)
    local q = queue.new(0, { shared = true })
    local h = blocked(M, function(out)
      local function closing(what)
        return setmetatable({}, { __close = function()
          for _ = 1, 100 do out:try_put(what) end
        end })
      end
      local _ <close> = closing "outer"
      coroutine.wrap(function()
        local _ <close> = closing "inner"
        require("heddle").sleep(60)
      end)()
    end, q)
    h:cancel { hard = true }
    ended(h)
    assert.equal("cancelled", h:status())
    -- what a coroutine that died of an error leaves open is closed by wrap
    local seen = { inner = 0, outer = 0 }
    for _ = 1, q:size() do
      local what = q:get()
      seen[what] = seen[what] + 1
    end
    assert.same({ inner = 100, outer = 100 }, seen)
  end, { "task", "thread", "isolate" })

  it("stops a task's tight loop from another thread", function()
    local h = require("heddle.task").start(function() while true do end end)
    local killer = thread.start(function()
      heddle.sleep(0.02)
      return h:cancel { hard = true }
    end)
    ended(h)
    assert.is_true(killer:result())
    assert.equal("cancelled", h:status())
  end)

  it("is not for the main task", function()
    local run = helper.script [[
      local h = require("heddle.task").current()
      print(h.name, h:cancel{hard=true})
      require("heddle").sleep(0.001)
      print "goes on"
    ]]
    assert.equal("main\tfalse\ngoes on\n", run.out)
  end)
end)
