-- heddle.greenlet, after the greenlet library's own tests.

local helper = require "spec.helper"
local heddle = require "heddle"
local task = require "heddle.task"
local thread = require "heddle.thread"
local sync = require "heddle.sync"
local greenlet = require "heddle.greenlet"
local raises = helper.raises

local function to_parent(...) return greenlet.current().parent:switch(...) end

describe("a greenlet", function()
  it("runs when it is switched to, and goes on where it left", function()
    local log = {}
    local g = greenlet.new(function()
      log[#log + 1] = 1
      to_parent()
      log[#log + 1] = 3
    end)
    log[#log + 1] = 0
    g:switch()
    log[#log + 1] = 2
    g:switch()
    log[#log + 1] = 4
    assert.same({ 0, 1, 2, 3, 4 }, log)
    assert.is_true(g.dead)
  end)

  it("hands values over both ways, nils included", function()
    local g = greenlet.new(function(...)
      local got = table.pack(to_parent(select("#", ...), ...))
      return got.n, got[1], got[3]
    end)
    assert.same({ 3, nil, "x", nil, n = 4 }, table.pack(g:switch(nil, "x", nil)))
    assert.same({ 3, "a", "c", n = 3 }, table.pack(g:switch("a", nil, "c")))
    assert.same({ n = 0 }, table.pack(g:switch()))
  end)

  it("switches to another one, and both end in their parent", function()
    local main, log = greenlet.current(), {}
    local a, b
    a = greenlet.new(function(x)
      log[#log + 1] = "a " .. x
      local back = b:switch("from a")
      log[#log + 1] = "a again " .. back
      return "a's end"
    end)
    b = greenlet.new(function(x)
      log[#log + 1] = "b " .. x
      a:switch("from b")
      log[#log + 1] = "never"
    end)
    assert.equal("a's end", a:switch("main"))
    assert.same({ "a main", "b from a", "a again from b" }, log)
    assert.is_true(a.dead)
    assert.is_false(b.dead)
    assert.equal(main, b.parent)
    assert.equal(main, greenlet.current())
  end)

  it("has as parent the one that made it", function()
    local inner, outer
    outer = greenlet.new(function()
      inner = greenlet.new(function() return greenlet.current() end)
      return inner:switch()
    end)
    assert.equal(inner, nil)
    local current = outer:switch()
    assert.equal(inner, current)
    assert.equal(outer, inner.parent)
    assert.is_nil(greenlet.current().parent)
  end)

  it("ends in a parent that has not begun, which takes its results as arguments", function()
    local parent = greenlet.new(function(x) return x, 24 end)
    local child = greenlet.new(function() return 42 end, parent)
    assert.same({ 42, 24 }, { child:switch() })
    assert.is_true(parent.dead)
  end)

  it("that is dead passes a switch on to its parent", function()
    local seen = {}
    local parent = greenlet.new(function(...)
      seen[#seen + 1] = ...
      seen[#seen + 1] = to_parent("first")
      return "second"
    end)
    local child = greenlet.new(function() return "begin" end, parent)
    assert.equal("first", child:switch())
    assert.is_true(child.dead)
    assert.equal("second", child:switch("on"))
    assert.same({ "begin", "on" }, seen)
    assert.same({ 1, nil, 3, n = 3 }, table.pack(child:switch(1, nil, 3)))
  end)

  it("may be given another parent, but no circle", function()
    local main = greenlet.current()
    local a = greenlet.new(function() return "a" end)
    local b = greenlet.new(function(x) return "b" .. x end)
    a.parent = b
    assert.equal("ba", a:switch())
    local c, d = greenlet.new(print), greenlet.new(print)
    c.parent = d
    raises("%[greenlet%-cycle%]$", function() d.parent = c end)
    raises("%[greenlet%-cycle%]$", function() d.parent = d end)
    raises("%[greenlet%-main%]$", function() main.parent = d end)
    raises("parent: a greenlet expected, got a number %[bad%-argument%]$",
      function() d.parent = 1 end)
    raises("field 'colour'.*%[no%-field%]$", function() d.colour = 1 end)
  end)

  it("switched to by itself goes on with what it gave", function()
    local g = greenlet.new(function() return greenlet.current():switch(1, 2) end)
    assert.same({ 1, 2 }, { g:switch() })
    assert.same({ 7 }, { greenlet.current():switch(7) })
  end)

  it("switches from inside the user's coroutines", function()
    local main = greenlet.current()
    local g = greenlet.new(function()
      local generate = coroutine.wrap(function()
        for i = 1, 3 do coroutine.yield(main:switch(i)) end
      end)
      return generate() .. generate() .. generate()
    end)
    assert.equal(1, g:switch())
    local back = coroutine.wrap(function() return g:switch("a") end)
    assert.equal(2, back())
    assert.equal(3, g:switch("b"))
    assert.equal("abc", g:switch("c"))
  end)

  it("has no consumer to yield to, and can't be resumed by hand", function()
    local co
    local g = greenlet.new(function()
      local main
      co, main = coroutine.running()
      assert.is_true(main)
      assert.is_false(coroutine.isyieldable())
      raises("outside a coroutine", coroutine.yield)
      to_parent()
    end)
    g:switch()
    assert.equal("normal", coroutine.status(co))
    assert.is_false(coroutine.resume(co))
    assert.is_false(pcall(coroutine.close, co))
    g:switch()
    assert.is_true(g.dead)
  end)

  it("runs deep chains without depth", function()
    local count, g = 0, nil
    local other = greenlet.new(function() while true do g:switch() end end)
    g = greenlet.new(function()
      for _ = 1, 10000 do
        other:switch()
        count = count + 1
      end
    end)
    g:switch()
    assert.equal(10000, count)
  end)

  it("prints its state", function()
    local g = greenlet.new(function() to_parent() end)
    assert.matches("^greenlet .*%(pending%)$", tostring(g))
    assert.matches("%(main, current%)$", tostring(greenlet.current()))
    g:switch()
    assert.matches("%(suspended%)$", tostring(g))
    g:switch()
    assert.matches("%(dead%)$", tostring(g))
  end)
end)

describe("an error in a greenlet", function()
  it("is its parent's", function()
    local g = greenlet.new(function() error("boom", 0) end)
    raises("^boom$", g.switch, g)
    assert.is_true(g.dead)
    local parent = greenlet.new(function(child)
      local ok, err = pcall(child.switch, child)
      return ok, err
    end)
    local child = greenlet.new(function() error({ code = 7 }) end, parent)
    local ok, err = parent:switch(child)
    assert.is_false(ok)
    assert.equal(7, err.code)
  end)

  it("keeps where it was raised", function()
    local h = task.start(function()
      local function deep() error("here", 0) end
      greenlet.new(function() deep() end):switch()
    end)
    h:join()
    assert.matches("greenlet_spec.lua:%d+: in .*deep", h:traceback())
  end)

  it("runs __close, which may wait", function()
    local closed
    local g = greenlet.new(function()
      local _ <close> = setmetatable({}, { __close = function()
        heddle.sleep(0.001)
        closed = true
      end })
      error "x"
    end)
    raises("x", g.switch, g)
    assert.is_true(closed)
  end)

  it("thrown is raised where it waits, and it may go on", function()
    local g = greenlet.new(function()
      local _, err = pcall(to_parent, "ok")
      to_parent("caught " .. err)
      return "end"
    end)
    assert.equal("ok", g:switch())
    assert.equal("caught ciao", g:throw("ciao"))
    assert.equal("end", g:switch())
  end)

  it("thrown at one that has not begun kills it and goes to its parent", function()
    local ran
    local parent = greenlet.new(function()
      local _, err = pcall(greenlet.current().parent.switch, greenlet.current().parent, "ready")
      return "caught " .. err
    end)
    local child = greenlet.new(function() ran = true end, parent)
    raises("^early$", child.throw, child, "early")
    assert.is_true(child.dead)
    assert.is_true(parent.dead)
    assert.is_nil(ran)
    parent = greenlet.new(function()
      local _, err = pcall(to_parent, "ready")
      return "caught " .. err
    end)
    child = greenlet.new(function() end, parent)
    assert.equal("ready", parent:switch())
    assert.equal("caught it", child:throw("it"))
  end)

  it("that means its end is handed to the parent as a value", function()
    local g = greenlet.new(function() to_parent("ok") end)
    assert.equal("ok", g:switch())
    assert.equal(greenlet.EXIT, g:throw())
    assert.is_true(g.dead)
    assert.equal(greenlet.EXIT, g:throw())
    assert.equal(greenlet.EXIT, greenlet.new(print):throw())
    raises("other", g.throw, g, "other")
    assert.equal("greenlet exit", tostring(greenlet.EXIT))
    assert.equal("greenlet-exit", greenlet.EXIT.code)
  end)
end)

describe("a greenlet that blocks", function()
  it("suspends its task, and no other", function()
    local log = {}
    local other = task.start(function()
      for i = 1, 3 do
        log[#log + 1] = i
        task.yield()
      end
    end)
    local g = greenlet.new(function()
      heddle.sleep(0.005)
      return to_parent("slept") .. heddle.now() * 0
    end)
    assert.equal("slept", g:switch())
    other:join()
    assert.same({ 1, 2, 3 }, log)
    assert.matches("^on", g:switch("on"))
  end)

  it("owns what its task owns", function()
    local lock = sync.rlock()
    local g = greenlet.new(function()
      lock:acquire()
      to_parent()
      lock:release()
    end)
    lock:acquire()
    g:switch()
    local stranger = task.start(function() return lock:acquire(0) end)
    assert.is_nil((stranger:result()))
    g:switch()
    lock:release()
    assert.is_false(lock:locked())
  end)

  it("is cancelled with its task; the error comes up through the tree", function()
    local reached, event = {}, sync.event()
    local h = task.start(function()
      local g = greenlet.new(function()
        local _ <close> = setmetatable({}, { __close = function() reached.close = true end })
        event:wait()
      end)
      local ok, err = pcall(g.switch, g)
      reached.caught = not ok and err == heddle.CANCELLED
      error(err, 0)
    end)
    helper.wait_for(function() return h:status() == "blocked" end)
    h:cancel()
    h:join()
    assert.equal("cancelled", h:status())
    assert.same({ close = true, caught = true }, reached)
  end)

  it("can't swallow a stop for good", function()
    local h = task.start(function()
      local function stubborn()
        while true do pcall(heddle.sleep, 0.001) end
      end
      local inner = greenlet.new(function() greenlet.new(stubborn):switch() end)
      while true do pcall(inner.switch, inner) end
    end)
    helper.wait_for(function() return h:status() == "blocked" end)
    h:cancel { hard = true }
    assert.is_true(h:join(5 * helper.slack))
    assert.equal("cancelled", h:status())
  end)

  it("is preempted like any code: two threads with greenlets of their own", function()
    local function count()
      local main, n = greenlet.current(), 0
      local g = greenlet.new(function() while true do main:switch(1) end end)
      for _ = 1, 20000 do n = n + g:switch() end
      return n
    end
    local a, b = thread.start(count), thread.start(count)
    assert.equal(40000, a:result() + b:result())
  end)
end)

describe("greenlets", function()
  it("stay in their task", function()
    local g = greenlet.new(function() end)
    local h = task.start(function()
      raises("^[^\n]*greenlet:switch: .*another task.*%[greenlet%-foreign%]$", g.switch, g)
      raises("%[greenlet%-foreign%]$", g.throw, g)
      raises("%[greenlet%-foreign%]$", greenlet.new, print, g)
      return greenlet.current()
    end)
    local main = h:result()
    assert.is_true(main.dead)
    raises("%[greenlet%-foreign%]$", main.switch, main)
    g:switch()
  end)

  it("can't be copied", function()
    local isolate = require "heddle.isolate"
    raises("can't copy args%[1%]: ", isolate.start, print, greenlet.new(print))
    raises("can't copy args%[1%].g: ", isolate.start, print, { g = greenlet.current() })
  end)

  it("don't switch where nothing can be suspended", function()
    local main = greenlet.current()
    local g = greenlet.new(function() main:switch() end)
    raises("greenlet:switch: can't block here.*%[cannot%-block%]$", table.sort, { 2, 1 },
      function() g:switch() end)
    g:switch()
    g:switch()
  end)

  it("collected unfinished close what they left open", function()
    local closed = 0
    local mark = { __close = function() closed = closed + 1 end }
    do
      local g = greenlet.new(function()
        local _ <close> = setmetatable({}, mark)
        local me <const> = greenlet.current()
        to_parent()
        return me
      end)
      g:switch()
      greenlet.new(function() error "never begun" end)
    end
    collectgarbage()
    collectgarbage()
    assert.equal(1, closed)
  end)

  it("refuse wrong arguments", function()
    raises("^[^\n]*greenlet.new: fn: a function expected, got nothing %[bad%-argument%]$",
      greenlet.new)
    raises("greenlet.new: fn: a function expected, got a number", greenlet.new, 1)
    raises("greenlet.new: parent: a greenlet expected, got table %[bad%-argument%]$", greenlet.new,
      print, {})
    raises("greenlet:switch: self: a greenlet expected, got nothing.*%[bad%-self%]$",
      greenlet.current().switch)
    raises("greenlet:throw: self: a greenlet expected, got table.*%[bad%-self%]$",
      greenlet.current().throw, {})
  end)
end)
