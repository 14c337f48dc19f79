-- Shared data: numbers that every model changes in one step.

local helper = require "spec.helper"
local shared = require "heddle.shared"

describe("shared.value", function()
  it("keeps an int, a float or a bool", function()
    local int, float = shared.value("int", 3), shared.value("float", 3)
    local bool = shared.value("bool", true)
    assert.equal("integer", math.type(int:get()))
    assert.equal("float", math.type(float:get()))
    assert.is_true(bool:get())
    int:set(math.mininteger)
    float:set(-0.5)
    bool:set(false)
    assert.equal(math.mininteger, int:get())
    assert.equal(-0.5, float:get())
    assert.is_false(bool:get())
  end)

  it("begins at 0 or false", function()
    assert.equal(0, shared.value("int"):get())
    assert.equal(0.0, shared.value("float"):get())
    assert.is_false(shared.value("bool"):get())
  end)

  it("adds and returns the new number; an int wraps", function()
    local int, float = shared.value("int", 40), shared.value("float", 1)
    assert.equal(42, int:add(2))
    assert.equal(1.25, float:add(0.25))
    int:set(math.maxinteger)
    assert.equal(math.mininteger, int:add(1))
  end)

  it("changes only what it is expected to be", function()
    local int, float = shared.value("int", 1), shared.value("float", 0.0)
    local bool = shared.value("bool")
    assert.is_true(int:cas(1, 5))
    assert.is_false(int:cas(1, 6))
    assert.equal(5, int:get())
    assert.is_true(float:cas(-0.0, 2.5), "-0.0 equals 0.0")
    assert.is_false(float:cas(0 / 0, 1))
    assert.is_true(bool:cas(false, true))
    assert.is_false(bool:cas(false, true))
  end)

  it("takes an int where a float is wanted, and a whole float where an int is", function()
    local int, float = shared.value("int", 2.0), shared.value("float", 2)
    assert.equal(5, int:add(3.0))
    assert.equal(5.0, float:add(3))
  end)

  it("shows what it is", function()
    assert.matches("%(int 7, 0 waiting%)$", tostring(shared.value("int", 7)))
    assert.matches("%(float 0.5, 0 waiting%)$", tostring(shared.value("float", 0.5)))
    assert.matches("%(true, 0 waiting%)$", tostring(shared.value("bool", true)))
  end)

  it("refuses bad arguments by name", function()
    local int, bool = shared.value("int"), shared.value("bool")
    helper.raises("shared.value: kind: .*\"long\" %[bad%-kind%]$", shared.value, "long")
    helper.raises("shared.value: kind: .*nothing %[bad%-kind%]$", shared.value)
    helper.raises("shared.value: init: .*1.5 ", shared.value, "int", 1.5)
    helper.raises("value:set: v: a whole number expected, got string", int.set, int, "1")
    helper.raises("value:set: v: .*nothing", int.set, int)
    helper.raises("value:cas: new: .*nothing", int.cas, int, 1)
    helper.raises("value:add: .*%[not%-a%-number%]$", bool.add, bool, 1)
    helper.raises("value:set: v: true or false", bool.set, bool, 1)
  end)

  helper.each_model("loses no update of add", function(model)
    local int, float, workers = shared.value("int"), shared.value("float"), {}
    for i = 1, 3 do
      workers[i] = model.start(function(a, b)
        for _ = 1, 3000 do
          a:add(1)
          b:add(0.5)
        end
      end, int, float)
    end
    for i = 1, 3 do workers[i]:result() end
    assert.equal(9000, int:get())
    assert.equal(4500.0, float:get())
  end)
end)

local start = helper.start

-- Deposits and withdrawals of two processes over one balance; returns what is left of 0.
local function move_money(locked)
  local balance, go = shared.value("int"), require("heddle.sync").event()
  local function work(value, event, amount, with_lock)
    local data = require "heddle.shared"
    event:wait()
    for _ = 1, 20000 do
      local guard = with_lock and data.lock(value)
      value:set(value:get() + amount)
      if guard then guard:release() end
    end
  end
  local a = start("process", work, balance, go, 1, locked)
  local b = start("process", work, balance, go, -1, locked)
  go:set()
  a:result(20)
  b:result(20)
  return balance:get()
end

describe("shared.lock", function()
  it("is re-entrant, one for each object, and not taken by its operations", function()
    local a, b = shared.value("int"), shared.array("int", 3)
    local outer, inner = a:lock(), shared.lock(a)
    local other = require("heddle.task").start(function()
      a:add(1)
      local _ <close> = b:lock()
      return select(2, shared.lock(a, 0.01))
    end)
    assert.equal("timeout", other:result())
    inner:release()
    outer:release()
    assert.equal(1, a:get())
    do local _ <close> = shared.lock(shared.dict(), 0) end
  end)

  it("keeps a balance right between two processes, which without it loses updates", function()
    assert.equal(0, move_money(true))
    local rounds, lost = 0, 0
    while lost == 0 and rounds < 200 do
      rounds = rounds + 1
      lost = move_money(false)
    end
    assert.not_equal(0, lost, "no update was lost in 200 rounds of 40,000")
  end)

  it("comes back from a process that dies", function()
    local value = shared.value("int")
    start("process", function(v) v:lock() end, value):join()
    local guard, word = value:lock(5)
    assert.equal("abandoned", word)
    guard:release()
  end)

  it("refuses bad arguments by name", function()
    helper.raises("shared.lock: x: .*got table %[bad%-argument%]$", shared.lock, {})
    helper.raises("shared.lock: timeout: .*%[bad%-time%]$", shared.lock, shared.dict(), -1)
  end)
end)

describe("shared.array", function()
  it("is read and written by index from 1", function()
    local a = shared.array("int", 3)
    assert.equal(3, #a)
    a[1], a[3] = 10, -5
    local seen = {}
    for i, v in ipairs(a) do seen[i] = v end
    assert.same({ 10, 0, -5 }, seen)
    assert.is_nil(a[0])
    assert.is_nil(a[4])
    assert.is_nil(a[1.5])
    assert.equal(10, a[1.0])
    assert.equal(12, a:add(1, 2))
    assert.equal(0, #shared.array("float", 0))
  end)

  it("begins with one number, or a list", function()
    local a, b = shared.array("float", 2, 0.5), shared.array("int", 3, { 1, 2 })
    assert.same({ 0.5, 0.5 }, { a[1], a[2] })
    assert.same({ 1, 2, 0 }, { b[1], b[2], b[3] })
    local c = shared.array("bool", 2, { true })
    assert.is_true(c[1])
    assert.is_false(c[2])
  end)

  it("has a name beside its elements", function()
    local a = shared.array("int", 2)
    assert.matches("^array Array%-%d+ %(.*%) %(2 int, 0 waiting%)$", tostring(a))
    a.name = "scores"
    assert.equal("scores", a.name)
    assert.equal(0, a[1])
  end)

  helper.each_model("loses no update of add", function(model)
    local a, workers = shared.array("int", 4), {}
    for i = 1, 3 do
      workers[i] = model.start(function(array)
        for n = 1, 2000 do array:add(n % 4 + 1, 1) end
      end, a)
    end
    for i = 1, 3 do workers[i]:result() end
    assert.equal(6000, a[1] + a[2] + a[3] + a[4])
  end)

  it("refuses bad arguments by name", function()
    local a, raises = shared.array("int", 2), helper.raises
    raises("array: i: a whole number from 1 to 2 .*3 %[bad%-index%]$", function() a[3] = 1 end)
    raises("array: element: a whole number expected, got string", function() a[1] = "1" end)
    raises("field 'x' can't be set", function() a.x = 1 end)
    raises("array:add: i: .*%[bad%-index%]$", a.add, a, 0, 1)
    raises("array:add: d: ", a.add, a, 1)
    raises("array:add: .*%[not%-a%-number%]$", function() shared.array("bool", 1):add(1, 1) end)
    raises("shared.array: kind: .*%[bad%-kind%]$", shared.array, "text", 1)
    raises("shared.array: n: .*%-1 %[bad%-argument%]$", shared.array, "int", -1)
    raises("shared.array: init: .*got string", shared.array, "int", 1, "x")
    raises("shared.array: init: at most 1", shared.array, "int", 1, { 1, 2 })
    raises("shared.array: init's element: ", shared.array, "int", 2, { 1, "x" })
  end)
end)

describe("shared.dict", function()
  it("copies values in and out", function()
    local d, inner = shared.dict(), { x = 1, list = { 1, 2 } }
    d.a = inner
    inner.x = 2
    assert.same({ x = 1, list = { 1, 2 } }, d.a)
    d.a.x = 5
    assert.equal(1, d.a.x)
    d.a = nil
    assert.is_nil(d.a)
    d.a = nil
    for _ in pairs(d) do error "it is empty" end
  end)

  it("takes strings, numbers and booleans for keys", function()
    local d = shared.dict()
    d[1], d["1"], d[1.5], d[true], d[""], d.name = "int", "text", "float", "bool", "empty", "name"
    assert.equal("int", d[1.0])
    local seen, n = {}, 0
    for k, v in pairs(d) do
      seen[k] = v
      n = n + 1
    end
    assert.equal(6, n)
    assert.same({ [1] = "int", ["1"] = "text", [1.5] = "float", [true] = "bool", [""] = "empty",
      name = "name" }, seen)
    assert.matches("6 entries", tostring(d))
    assert.is_nil(d[false])
    assert.is_nil(d[{}])
  end)

  it("walks a snapshot", function()
    local d, n = shared.dict(), 0
    for i = 1, 5000 do d[i] = i end
    for k, v in pairs(d) do
      assert(k == v)
      d[k] = nil
      d[k + 10000] = 1
      n = n + 1
    end
    assert.equal(5000, n)
    assert.is_nil(d[1])
  end)

  it("keeps shared objects, each the same when it is read again", function()
    local d, sync = shared.dict(), require "heddle.sync"
    collectgarbage()
    collectgarbage()
    local before = require("heddle.native.sync").objects()
    d.lock = { sync.lock() }
    for _ = 1, 5 do assert.is_false(d.lock[1]:locked()) end
    d.lock[1]:acquire()
    collectgarbage()
    collectgarbage()
    assert.is_true(d.lock[1]:locked())
    for _, v in pairs(d) do v[1]:release() end
    d.lock = nil
    collectgarbage()
    collectgarbage()
    assert.equal(before, require("heddle.native.sync").objects())
  end)

  helper.each_model("is one for all models", function(model)
    local d = shared.dict()
    d.here = { 1 }
    model.start(function(dict)
      dict.there = { dict.here[1] + 1 }
      dict.here = nil
    end, d):result()
    assert.same({ 2 }, d.there)
    assert.is_nil(d.here)
  end)

  it("is updated in one step", function()
    local d, workers = shared.dict(), {}
    for i, model in ipairs(helper.models) do
      workers[i] = start(model, function(dict)
        local data = require "heddle.shared"
        for _ = 1, 200 do
          data.update(dict, "n", function(old) return (old or 0) + 1 end)
        end
      end, d)
    end
    for i = 1, 4 do workers[i]:result(20) end
    assert.equal(800, d.n)
    assert.is_nil(shared.update(d, "n", function() return nil end))
    assert.is_nil(d.n)
  end)

  it("is left alone by an update's function", function()
    local d, other = shared.dict(), shared.dict()
    local touching = "shared%.update: fn: .*%[dict%-in%-update%]$"
    d.n = 1
    for _, touch in ipairs {
      function() return d.n end,
      function() d.m = 1 end,
      function() return (pairs(d)) end,
      function() return shared.update(d, "m", function() return 1 end) end,
      function() return coroutine.wrap(function() return d.n end)() end,
    } do helper.raises(touching, shared.update, d, "n", touch) end
    assert.same({ 1 }, { d.n, d.m })
    assert.equal(3, shared.update(d, "n", function(old)
      other.x = old
      return shared.update(other, "x", function(x) return x + 2 end)
    end))
    local seen = shared.update(d, "n", function()
      return require("heddle.task").start(function() return d.n end):result()
    end)
    assert.equal(3, seen)
  end)

  it("outlives processes that are killed while they change it", function()
    local d = shared.dict()
    for round = 1, 10 do
      local victim = start("process", function(dict)
        for i = 1, math.huge do
          dict[i % 50] = { i, ("x"):rep(i % 100) }
          if i % 7 == 0 then dict[(i * 3) % 50] = nil end
        end
      end, d)
      helper.sleep(0.003 + round * 0.001)
      victim:kill()
      victim:join()
      pcall(victim.result, victim)
      for k, v in pairs(d) do assert(math.type(k) == "integer" and (v == "mine" or #v == 2)) end
      d[round] = "mine"
      assert.equal("mine", d[round])
    end
  end)

  it("refuses bad arguments by name", function()
    local d, raises = shared.dict(), helper.raises
    raises("dict: key: .*got table %[bad%-key%]$", function() d[{}] = 1 end)
    raises("dict: key: .*NaN %[bad%-key%]$", function() d[0 / 0] = 1 end)
    raises("can't copy value: thread", function() d.x = coroutine.create(print) end)
    local _, err = pcall(shared.update, d, 1, function() return coroutine.create(print) end)
    assert.equal("can't copy value: thread", err)
    raises("array:add: i: .*got string %[bad%-index%]$", shared.array("int", 2).add,
      shared.array("int", 2), "1", 1)
    raises("shared.update: d: .*got table", shared.update, {}, 1, print)
    raises("shared.update: k: .*got table", shared.update, d, {}, error)
    raises("shared.update: k: .*got NaN", shared.update, d, 0 / 0, error)
    raises("shared.update: fn: .*got nil", shared.update, d, 1)
  end)
end)
