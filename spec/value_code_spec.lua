-- Functions and modules in messages: as code with their upvalues, or by name.

local value = require "heddle.native.value"

local function copy(...) return value.decode(value.encode(...)) end

describe("functions", function()
  it("come along with their upvalues", function()
    local k, s, t = 10, "x", { 5 }
    local f = copy(function(a, ...) return a + k, s, t[1], select("#", ...) end)
    assert.same({ 11, "x", 5, 2 }, { f(1, nil, nil) })
  end)

  it("keep sharing a variable, and are not shared with the original", function()
    local n = 0
    local got = copy { inc = function() n = n + 1 end, get = function() return n end,
      all = { function() return n end } }
    got.inc()
    got.inc()
    assert.equal(2, got.get())
    assert.equal(2, got.all[1]())
    assert.equal(0, n)
  end)

  it("may be recursive, mutually too, and hang in what they refer to", function()
    local even, odd
    local function factorial(n) return n <= 1 and 1 or n * factorial(n - 1) end
    function even(n) return n == 0 or odd(n - 1) end
    function odd(n) return n ~= 0 and even(n - 1) end
    local object = { n = 5 }
    function object.get() return object.n end
    local got_factorial, got_even, got_object = copy(factorial, even, object)
    assert.equal(3628800, got_factorial(10))
    assert.is_true(got_even(10))
    got_object.n = 6
    assert.equal(6, got_object.get())
  end)

  it("may form a chain of 20,000", function()
    local f = function() return 0 end
    for i = 1, 20000 do
      local inner = f
      f = function(depth) return depth == 0 and i or inner(depth - 1) end
    end
    assert.equal(19900, copy(f)(100))
  end)

  it("are one where they were one", function()
    local function f() end
    local a, b = copy(f, { f })
    assert.equal(a, b[1])
  end)

  it("may have many upvalues and varargs", function()
    local names, uses = {}, {}
    for i = 1, 100 do
      names[i] = ("local v%d = %d\n"):format(i, i)
      uses[i] = "v" .. i
    end
    local sum = load(table.concat(names) .. "return function(...) return select('#', ...) + " ..
      table.concat(uses, " + ") .. " end")()
    assert.equal(5052, copy(sum)(nil, nil))
  end)

  it("may be stripped, with globals and upvalues", function()
    local plain = load(string.dump(function(x) return tostring(x) .. "!" end, true), "s", "b")
    assert.equal("1!", copy(plain)(1))
  end)

  it("use the receiver's globals, and _G is those", function()
    local globals, name = _G, function() return tostring end
    assert.equal(tostring, copy(name)())
    local got, in_table, as_upvalue = copy(_G, { g = _G }, function() return globals end)
    assert.equal(_G, got)
    assert.equal(_G, in_table.g)
    assert.equal(_G, as_upvalue())
  end)

  it("name file and line in their errors", function()
    local ok, err = pcall(copy(function() error("located") end))
    assert.is_false(ok)
    assert.matches("value_code_spec%.lua:%d+: located", err)
  end)
end)

describe("modules", function()
  local mine = { name = "mine" }
  function mine.twice(x) return 2 * x end

  before_each(function()
    package.preload["spec.mine"] = function() return mine end
    require "spec.mine"
    value.modules_changed()
  end)

  after_each(function()
    package.preload["spec.mine"], package.loaded["spec.mine"] = nil, nil
    value.modules_changed()
  end)

  it("of Lua and their functions cross by name", function()
    local got = copy { print, string.format, table.concat, string, math, p = pcall }
    for i, expected in ipairs { print, string.format, table.concat, string, math } do
      assert.equal(expected, got[i])
    end
    assert.equal(pcall, got.p)
  end)

  it("of one's own too, as values, keys, upvalues and metatables", function()
    local f, t, o = copy(function() return mine end, { [mine] = mine.twice },
      setmetatable({}, mine))
    assert.equal(mine, f())
    assert.equal(mine.twice, t[mine])
    assert.equal(mine, getmetatable(o))
  end)

  it("are loaded where they are not", function()
    local message = value.encode(mine, mine.twice)
    package.loaded["spec.mine"] = nil
    local got, twice = value.decode(message)
    assert.equal(mine, got)
    assert.equal(mine, package.loaded["spec.mine"])
    assert.equal(mine.twice, twice)
  end)

  it("that are not to be had say so", function()
    local message = value.encode(mine)
    package.loaded["spec.mine"], package.preload["spec.mine"] = nil, nil
    assert.error_matches(function() value.decode(message) end, "module 'spec%.mine' not found")
  end)

  it("cross as tables and functions once they are no longer loaded", function()
    value.encode(mine)
    package.loaded["spec.mine"] = nil
    local got, twice = copy(mine, mine.twice)
    assert.are_not.equal(mine, got)
    assert.equal("mine", got.name)
    assert.equal(4, twice(2))
  end)

  it("do not make the script's own global functions theirs", function()
    _G.value_spec_function = function() return 1 end
    value.modules_changed()
    local got = copy(_G.value_spec_function)
    assert.are_not.equal(_G.value_spec_function, got)
    _G.value_spec_function = nil
  end)

  it("whose name was damaged are not loaded", function()
    local message = value.encode(mine)
    local loads = 0
    package.preload["spec.mink"] = function() loads = loads + 1 return {} end
    assert.error_matches(function() value.decode((message:gsub("spec%.mine", "spec.mink"))) end,
      "damaged message")
    package.preload["spec.mink"] = nil
    assert.equal(0, loads)
  end)
end)
