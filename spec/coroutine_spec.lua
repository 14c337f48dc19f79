-- No colours: blocking works inside pcall, metamethods, iterators and the user's own coroutines,
-- and where Lua forbids suspension the error says so.

local helper = require "spec.helper"
local heddle = require "heddle"
local task = require "heddle.task"
local sync = require "heddle.sync"

helper.case_limit = 15

local function nap() heddle.sleep(0.001) end

describe("blocking works inside", function()
  it("pcall and xpcall", function()
    assert.same({ true, 1, 2 }, { pcall(function()
      nap()
      return 1, 2
    end) })
    local ok, err = pcall(function()
      nap()
      error({ "kept" })
    end)
    assert.is_false(ok)
    assert.equal("kept", err[1])
    assert.same({ false, "handled broken" }, { xpcall(function()
      nap()
      error("broken", 0)
    end, function(e) return "handled " .. e end) })
    assert.same({ true, "a" }, { xpcall(function(...)
      nap()
      return ...
    end, print, "a") })
  end)

  it("pcalls nested two hundred deep, 100 of them after a wait", function()
    local function nest(n)
      if n == 0 then
        nap()
        error "bottom"
      end
      local ok, err = pcall(nest, n - 1)
      if n > 100 then nap() end
      assert(not ok)
      error(err, 0)
    end
    local ok, err = pcall(nest, 150)
    assert.is_false(ok)
    assert.matches("bottom", err)
  end)

  it("metamethods", function()
    local object = setmetatable({}, {
      __index = function(_, k) nap() return k .. "!" end,
      __newindex = function(t, k, v) nap() rawset(t, k, v) end,
      __call = function(_, x) nap() return x + 1 end,
      __add = function(_, x) nap() return x end,
      __concat = function(_, x) nap() return "c" .. x end,
      __eq = function() nap() return true end,
      __lt = function() nap() return true end,
      __le = function() nap() return false end,
      __len = function() nap() return 42 end,
      __unm = function() nap() return "minus" end,
    })
    assert.equal("x!", object.x)
    object.y = 5
    assert.equal(5, rawget(object, "y"))
    assert.equal(3, object(2))
    assert.equal(7, object + 7)
    assert.equal("cd", object .. "d")
    assert.is_true(object == setmetatable({}, getmetatable(object)))
    assert.is_true(object < 1)
    assert.is_false(object <= 1)
    assert.equal(42, #object)
    assert.equal("minus", -object)
  end)

  it("iterators, __pairs and __close", function()
    local seen = {}
    local function iterate(n, i)
      nap()
      if i < n then return i + 1 end
    end
    for i in iterate, 3, 0 do seen[#seen + 1] = i end
    local object = setmetatable({}, { __pairs = function()
      nap()
      return iterate, 5, 3
    end })
    for i in pairs(object) do seen[#seen + 1] = i end
    do
      local _ <close> = setmetatable({}, { __close = function()
        nap()
        seen[#seen + 1] = "closed"
      end })
    end
    assert.same({ 1, 2, 3, 4, 5, "closed" }, seen)
  end)

  it("chunks from load", function()
    assert.equal(3, load("require('heddle').sleep(0.001) return 3")())
  end)

  it("select, tail calls and varargs", function()
    local function tail(n, ...)
      if n == 0 then
        nap()
        return ...
      end
      return tail(n - 1, ...)
    end
    assert.same({ 1, nil, 3, n = 3 }, table.pack(tail(1000, 1, nil, 3)))
  end)
end)

describe("the user's own coroutines", function()
  it("a generator that sleeps suspends the task around it", function()
    local log = {}
    local other = task.start(function()
      for i = 1, 3 do
        log[#log + 1] = "other " .. i
        task.yield()
      end
    end)
    local generator = coroutine.wrap(function()
      for i = 1, 3 do
        nap()
        coroutine.yield(i)
      end
    end)
    local got = {}
    for i in generator do got[#got + 1] = i end
    other:join()
    assert.same({ 1, 2, 3 }, got)
    assert.equal(3, #log)
  end)

  it("nested five deep, with values passed through both ways", function()
    local function layer(depth)
      return coroutine.wrap(function(x)
        local inner = depth > 0 and layer(depth - 1)
        while true do
          nap()
          local y = inner and inner(x) or x * 2
          x = coroutine.yield(y)
        end
      end)
    end
    local outer = layer(5)
    assert.equal(4, outer(2))
    assert.equal(10, outer(5))
  end)

  it("errors pass out of one that has waited", function()
    local co = coroutine.create(function()
      nap()
      error "after a nap"
    end)
    local ok, err = coroutine.resume(co)
    assert.is_false(ok)
    assert.matches("after a nap", err)
    assert.equal("dead", coroutine.status(co))
    helper.raises("wrapped", coroutine.wrap(function()
      nap()
      error "wrapped"
    end))
  end)

  it("one that waits in the engine can't be resumed by another task", function()
    local event = sync.event()
    local co = coroutine.create(function()
      event:wait()
      return "own"
    end)
    local owner = task.start(function() return coroutine.resume(co) end)
    task.yield()
    assert.equal("normal", coroutine.status(co))
    assert.same({ false, "cannot resume non-suspended coroutine" }, { coroutine.resume(co) })
    helper.raises("cannot close", coroutine.close, co)
    event:set()
    assert.same({ true, "own" }, { owner:result() })
    assert.equal("dead", coroutine.status(co))
  end)

  it("the one of a task can't be resumed either", function()
    local own, event = nil, sync.event()
    local h = task.start(function()
      own = coroutine.running()
      event:wait()
      return 1
    end)
    task.yield()
    assert.is_false((coroutine.resume(own)))
    event:set()
    assert.equal(1, h:result())
  end)

  helper.each_model("may be passed from one to the next between their yields", function(M)
    local co = coroutine.wrap(function()
      for i = 1, 4 do
        nap()
        coroutine.yield(i)
      end
    end)
    local got = {}
    for i = 1, 4 do got[i] = M.start(co):result() end
    assert.same({ 1, 2, 3, 4 }, got)
  end, { "task", "thread" })

  it("a cancel is raised inside the innermost", function()
    local where
    local h = task.start(function()
      local co = coroutine.wrap(function()
        local ok, err = pcall(heddle.sleep, 60)
        where = { ok, err.code }
        coroutine.yield()
      end)
      co()
      return "went on"
    end)
    task.yield()
    h:cancel()
    assert.equal("went on", h:result())
    assert.same({ false, "cancelled" }, where)
  end)

  it("yielding from a task's own function is refused", function()
    local h = task.start(function() return pcall(coroutine.yield, 1) end)
    local ok, err = h:result()
    assert.is_false(ok)
    assert.matches("outside a coroutine", err)
  end)
end)

describe("coroutine.*", function()
  it("running and isyieldable tell a task's function from a coroutine", function()
    local h = task.start(function()
      local co, main = coroutine.running()
      return type(co), main, coroutine.isyieldable()
    end)
    assert.same({ "thread", true, false }, { h:result() })
    coroutine.wrap(function()
      local _, main = coroutine.running()
      assert.is_false(main)
      assert.is_true(coroutine.isyieldable())
    end)()
  end)

  it("status goes through its words", function()
    local seen = {}
    local outer
    local inner = coroutine.create(function() seen[#seen + 1] = coroutine.status(outer) end)
    outer = coroutine.create(function()
      seen[#seen + 1] = coroutine.status(outer)
      coroutine.resume(inner)
      coroutine.yield()
    end)
    seen[#seen + 1] = coroutine.status(outer)
    coroutine.resume(outer)
    seen[#seen + 1] = coroutine.status(outer)
    coroutine.resume(outer)
    seen[#seen + 1] = coroutine.status(outer)
    assert.same({ "suspended", "running", "normal", "suspended", "dead" }, seen)
  end)

  it("close runs __close and returns errors", function()
    local closed = false
    local co = coroutine.create(function()
      local _ <close> = setmetatable({}, { __close = function() closed = true end })
      nap()
      coroutine.yield()
    end)
    coroutine.resume(co)
    assert.is_true(coroutine.close(co))
    assert.is_true(closed)
    local bad = coroutine.create(function()
      local _ <close> = setmetatable({}, { __close = function() error("bad", 0) end })
      coroutine.yield()
    end)
    coroutine.resume(bad)
    assert.same({ false, "bad" }, { coroutine.close(bad) })
  end)

  it("close inside close, deeply, is an error and no crash", function()
    local run = helper.script [[
      local function chain(n)
        local co = coroutine.create(function()
          local _ <close> = setmetatable({}, { __close = function() chain(n + 1) end })
          coroutine.yield()
        end)
        coroutine.resume(co)
        local ok, err = coroutine.close(co)
        if not ok then error(err, 0) end
      end
      print(pcall(chain, 1))
    ]]
    assert.equal(0, run.code)
    assert.matches("^false\t.*overflow", run.out)
  end)

  it("close refuses a running one, resume a dead one", function()
    helper.raises("cannot close a running coroutine", function()
      coroutine.close(coroutine.running())
    end)
    local co = coroutine.create(function() end)
    coroutine.resume(co)
    assert.same({ false, "cannot resume dead coroutine" }, { coroutine.resume(co) })
    helper.raises("cannot resume dead coroutine", (function()
      local f = coroutine.wrap(function() end)
      f()
      return f
    end)())
  end)

  it("resume passes many values", function()
    local list = {}
    for i = 1, 200 do list[i] = i end
    local co = coroutine.wrap(function(...)
      nap()
      local n = select("#", coroutine.yield(...))
      return n
    end)
    assert.equal(200, select("#", co(table.unpack(list))))
    assert.equal(200, co(table.unpack(list)))
  end)

  it("a stack overflow by nesting is an error", function()
    local function nest(n) return coroutine.wrap(function() return nest(n + 1) end)() end
    local ok, err = pcall(nest, 1)
    assert.is_false(ok)
    assert.matches("overflow", tostring(err))
    nap()
  end)

  it("a thousand generators that wait", function()
    local sum = 0
    for i = 1, 1000 do
      for v in coroutine.wrap(function()
        task.yield()
        coroutine.yield(i)
      end) do sum = sum + v end
    end
    assert.equal(500500, sum)
  end)
end)
