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
