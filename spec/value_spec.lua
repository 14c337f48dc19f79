-- The codec: what crosses in a message and comes out the same, what crosses by name, what is
-- refused and by which path, and that damaged bytes raise and do nothing else.

local value = require "heddle.native.value"
local sync_ok, sync = pcall(require, "heddle.sync")

local function copy(...) return value.decode(value.encode(...)) end

local function assert_same_number(expected, got)
  assert.equal(math.type(expected), math.type(got))
  assert.equal(("<j"):pack(string.unpack("<j", string.pack("<n", expected))),
    ("<j"):pack(string.unpack("<j", string.pack("<n", got))))
  if math.type(expected) == "integer" then assert.equal(expected, got) end
end

local function assert_refused(path, ...)
  local ok, err = pcall(value.encode, ...)
  assert.is_false(ok)
  assert.equal("can't copy " .. path, err:match "can't copy .*")
end

local conn = io.stdout

describe("a message of plain values", function()
  it("keeps integers", function()
    for _, n in ipairs { 0, 1, -1, 63, 64, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768,
      -32769, 65535, 65536, 2147483647, 2147483648, -2147483648, -2147483649, 4294967295,
      4294967296, 1 << 53, (1 << 53) + 1, math.maxinteger, math.mininteger } do
      assert_same_number(n, copy(n))
      assert_same_number(n, copy({ n })[1])
    end
  end)

  it("keeps floats bit for bit", function()
    for _, x in ipairs { 0.0, -0.0, 1.0, 0.1, 1e308, 5e-324, 2.0 ^ 53, 2.0 ^ 63, math.huge,
      -math.huge, 0 / 0, -(0 / 0) } do
      assert_same_number(x, copy(x))
      assert_same_number(x, copy({ x })[1])
    end
  end)

  it("keeps nil and booleans, also among others", function()
    local got = table.pack(copy(nil, true, nil, false, nil))
    assert.same({ n = 5, [2] = true, [4] = false }, got)
    assert.equal(0, select("#", copy()))
    assert.equal(1, select("#", copy(nil)))
  end)

  it("keeps strings of every length and byte", function()
    for length = 0, 300 do
      local s = ("x"):rep(length)
      assert.equal(s, copy(s))
      assert.equal(s, copy({ s })[1])
    end
    for _, s in ipairs { "\0", "a\0b\0", "\xff\xfe", ("y"):rep(65536), ("z"):rep(1000001) } do
      assert.is_true(copy(s) == s)
      assert.is_true(copy({ s, s })[2] == s)
    end
  end)

  it("writes a long string once", function()
    local s = ("x"):rep(10000)
    local list = {}
    for i = 1, 100 do list[i] = s end
    assert.is_true(#value.encode(list) < 12000)
    assert.same(list, copy(list))
  end)
end)

describe("tables", function()
  it("come out as they were", function()
    for _, t in ipairs { {}, { 1, 2, 3 }, { a = 1, b = "x" }, { 1, 2, x = "y", [10] = "ten" },
      { {}, { {} } }, { [-1] = "m", [0] = "z", [1.5] = "f", [true] = "t", [math.mininteger] = "i" },
      { 1, nil, 3, nil, 5, n = 6 }, { [2] = 2, [1] = 1 }, { [("k"):rep(100)] = 1 } } do
      local got = copy(t)
      assert.same(t, got)
      assert.are_not.equal(t, got)
    end
  end)

  it("keep cycles and what is shared over the whole message", function()
    local t = { name = "loop" }
    t.self, t[1], t.deep, t[t] = t, t, { { t } }, "key"
    local a, b = copy(t, { t })
    assert.equal(a, a.self)
    assert.equal(a, a[1])
    assert.equal(a, a.deep[1][1])
    assert.equal("key", a[a])
    assert.equal(a, b[1])
  end)

  it("keep tables, functions and long strings that are keys", function()
    local key, f = { 1 }, function() return 7 end
    local got = copy { [key] = 1, [f] = 2, list = { key, f }, [("s"):rep(99)] = 3 }
    assert.equal(1, got[got.list[1]])
    assert.equal(2, got[got.list[2]])
    assert.equal(7, got.list[2]())
    assert.equal(3, got[("s"):rep(99)])
  end)

  it("may be nested deeper than the C stack is", function()
    local t = "bottom"
    for _ = 1, 200000 do t = { t } end
    local got, depth = copy(t), 0
    while type(got) == "table" do got, depth = got[1], depth + 1 end
    assert.equal("bottom", got)
    assert.equal(200000, depth)
  end)

  it("may be a linked list, linked through keys too", function()
    local list, keys
    for i = 1, 100000 do list = { v = i, next = list } end
    for i = 1, 1000 do keys = { [keys or "end"] = i } end
    local got, got_keys = copy(list, keys)
    local n = 0
    while got do n, got = n + 1, got.next end
    assert.equal(100000, n)
    for i = 1000, 1, -1 do
      local key, v = next(got_keys)
      assert.equal(i, v)
      got_keys = key
    end
    assert.equal("end", got_keys)
  end)

  it("may be large", function()
    local list, map = {}, {}
    for i = 1, 200000 do list[i] = i % 2 == 0 and i or i + 0.5 end
    for i = 1, 50000 do map["key" .. i] = i end
    local got_list, got_map = copy(list, map)
    for i = 1, #list do if got_list[i] ~= list[i] then error(i) end end
    for k, v in pairs(map) do if got_map[k] ~= v then error(k) end end
    assert.equal(#list, #got_list)
  end)
end)

describe("metatables", function()
  it("come along, one for all its objects, and work", function()
    local mt = { __add = function() return "sum" end }
    mt.__index = { twice = function(self) return self.v * 2 end }
    local got = copy { setmetatable({ v = 5 }, mt), setmetatable({ v = 6 }, mt) }
    assert.equal("sum", got[1] + 1)
    assert.equal(12, got[2]:twice())
    assert.equal(getmetatable(got[1]), getmetatable(got[2]))
    assert.are_not.equal(mt, getmetatable(got[1]))
  end)

  it("are read raw: copying runs no metamethod", function()
    local runs = 0
    local function count() runs = runs + 1 end
    local mt = setmetatable({ __index = count, __newindex = count, __pairs = count, __len = count,
      __eq = count, __name = "counted" }, { __index = count })
    local got = copy(setmetatable({ 1, x = 2 }, mt))
    assert.equal(2, rawget(got, "x"))
    assert.equal(0, runs)
  end)

  it("stay protected, and weak tables weak", function()
    local locked, weak = copy(setmetatable({}, { __metatable = "locked", __index = { x = 1 } }),
      setmetatable({}, { __mode = "v" }))
    assert.equal("locked", getmetatable(locked))
    assert.equal(1, locked.x)
    weak[1] = {}
    collectgarbage()
    assert.is_nil(weak[1])
  end)

  it("finalize the copy, also where a class holds an instance of itself", function()
    local finalized = 0
    package.loaded["spec.finalizer"] = { run = function() finalized = finalized + 1 end }
    value.modules_changed()
    local Class = { __gc = package.loaded["spec.finalizer"].run }
    Class.default = setmetatable({}, Class)
    local message = value.encode(setmetatable({}, Class), Class)
    Class.__gc = nil -- the originals are none of this case
    do
      local object, class = value.decode(message)
      assert.equal(class, getmetatable(object))
      assert.equal(class, getmetatable(class.default))
    end
    collectgarbage()
    collectgarbage()
    assert.equal(2, finalized)
    package.loaded["spec.finalizer"] = nil
    value.modules_changed()
  end)
end)

describe("classes", function()
  it("are this interpreter's where the name is known", function()
    local Point = {}
    Point.__index = Point
    Point.__gc = false
    function Point.len2(p) return p.x * p.x + p.y * p.y end
    assert.equal(Point, value.class("spec.Point", Point))
    local got, class, method = copy(setmetatable({ x = 3, y = 4 }, Point), Point, Point.len2)
    assert.equal(Point, getmetatable(got))
    assert.equal(Point, class)
    assert.equal(25, got:len2())
    assert.equal(25, method(got))
  end)

  it("are registered on arrival where it is not", function()
    local Box = {}
    Box.__index = Box
    function Box.open(b) return b.inside end
    value.class("spec.Box", Box)
    local message = value.encode(setmetatable({ inside = "cat" }, Box))
    message = message:gsub("spec%.Box", "spec.Hat") -- as if it came from elsewhere
    local first, second = value.decode(message), value.decode(message)
    assert.equal("cat", first:open())
    assert.are_not.equal(Box, getmetatable(first))
    assert.equal(getmetatable(first), getmetatable(second))
  end)

  it("refuse nonsense", function()
    for _, arguments in ipairs { {}, { "x" }, { 5, {} }, { "", {} }, { "x", 5 } } do
      local ok, err = pcall(value.class, table.unpack(arguments))
      assert.is_false(ok)
      assert.matches("heddle%.class: %a+: .* expected, got .* %[bad%-argument%]$", err)
    end
  end)
end)

describe("what can't be copied", function()
  it("is named by its path", function()
    assert_refused("args[1]: userdata", conn)
    assert_refused("args[2].conn: userdata", 1, { conn = conn })
    assert_refused("args[1].a.b[3]: userdata", { a = { b = { 1, 2, conn } } })
    assert_refused("args[1].co: thread", { co = coroutine.create(print) })
    assert_refused("args[1]: function", (string.gmatch("a", "a")))
    assert_refused("args[1]: key: userdata", { [conn] = 1 })
    assert_refused("args[1]: key.x: userdata", { [{ x = conn }] = 1 })
    assert_refused("args[1]: metatable.__index.f: userdata",
      setmetatable({}, { __index = { f = conn } }))
    assert_refused('args[1]["a b"][2.5][true]: userdata',
      { ["a b"] = { [2.5] = { [true] = conn } } })
    assert_refused('args[1]["\\027[31m\\\\"]: userdata', { ["\27[31m\\"] = conn })
  end)

  it("is named by its upvalue", function()
    local held = { x = { conn } }
    assert_refused("args[1]: upvalue conn: userdata", function() return conn end)
    assert_refused("args[1].f: upvalue held.x[1]: userdata", { f = function() return held end })
  end)

  it("has a short path where it lies deep", function()
    local t = conn
    for _ = 1, 20000 do t = { t } end
    local ok, err = pcall(value.encode, t)
    assert.is_false(ok)
    assert.matches("can't copy args%[1%]%[1%].*%.%.%..*%[1%]: userdata$", err)
    assert.is_true(#err < 200)
  end)

  it("leaves everything as it was", function()
    for _ = 1, 100 do pcall(value.encode, { { conn } }) end
    assert.equal("fine", copy({ "fine" })[1])
  end)
end)

describe("heddle's objects", function()
  if not sync_ok then return end

  it("stay the same objects, referred to once by each message", function()
    local lock = sync.lock()
    local got, list = copy(lock, { lock, lock })
    assert.equal(got, list[1])
    got:acquire()
    assert.is_true(lock:locked())
    got:release()
  end)

  it("are given back by a refused, a damaged, a dropped message", function()
    local lock = sync.lock()
    pcall(value.encode, lock, conn)
    value.drop(value.encode(lock, lock))
    local message = value.encode(lock)
    assert.error_matches(function() value.decode(message .. "x") end, "damaged message")
    value.drop(message)
  end)
end)

describe("a damaged message", function()
  local Class = { __index = { 1 } }

  local function messages()
    local n, object = 0, { n = 1 }
    function object.inc() n = n + object.n return n end
    function object.get() return n end
    local deep = {}
    for _ = 1, 200 do deep = { deep } end
    value.class("spec.Damaged", Class)
    return {
      value.encode(1, "two", 3.5, nil, true),
      value.encode(("x"):rep(100)),
      value.encode(object),
      value.encode { { id = 1, name = "x" }, { id = 2, name = "y" } },
      value.encode(deep),
      value.encode(setmetatable({}, Class)),
      value.encode(setmetatable({}, { __mode = "k" })),
      value.encode { [{}] = 1, [print] = string, [("k"):rep(70)] = ("k"):rep(70) },
    }
  end

  it("raises when it is cut off", function()
    for _, message in ipairs(messages()) do
      for length = 0, #message - 1 do
        local ok, err = pcall(value.decode, message:sub(1, length))
        assert.is_false(ok)
        assert.matches("damaged message: ", err)
      end
    end
  end)

  it("raises when there is more behind it", function()
    for _, message in ipairs(messages()) do
      assert.error_matches(function() value.decode(message .. "\0") end, "damaged message: ")
    end
  end)

  it("gives a value or raises, whichever byte was changed", function()
    for _, message in ipairs(messages()) do
      for at = 1, #message do
        local byte = message:byte(at)
        for _, mask in ipairs { 1, 2, 4, 8, 16, 32, 64, 128, 255 } do
          local changed = string.char(byte ~ mask)
          pcall(value.decode, message:sub(1, at - 1) .. changed .. message:sub(at + 1))
        end
      end
    end
    collectgarbage()
  end)

  it("takes no memory for what it only declares", function()
    local message = value.encode { 1, 2, 3 }
    local before = collectgarbage "count"
    for at = 1, #message do
      pcall(value.decode, message:sub(1, at - 1) .. ("\xff"):rep(8) .. message:sub(at + 8))
    end
    assert.is_true(collectgarbage "count" - before < 2000)
  end)

  it("loads no code that this program did not dump", function()
    local message = value.encode(function() return "sound" end)
    local dump = message:find("\27Lua", 1, true)
    for at = dump, #message - 2 do
      local changed = string.char(message:byte(at) ~ 1)
      assert.error_matches(function()
        value.decode(message:sub(1, at - 1) .. changed .. message:sub(at + 1))
      end, "damaged message: ")
    end
  end)
end)

describe("random values", function()
  local function random_value(depth)
    local kind = math.random(depth > 4 and 6 or 9)
    if kind == 1 then return math.random(1000000) - 500000 end
    if kind == 2 then return math.random(1000000) / 7 end
    if kind == 3 then return math.random(2) == 1 end
    if kind == 4 then return ("s"):rep(math.random(300)) .. "\0" .. math.random(99) end
    if kind == 5 then return math.mininteger + math.random(1000) end
    if kind == 6 then return "" end
    local t = {}
    for i = 1, math.random(0, 6) do t[i] = random_value(depth + 1) end
    for _ = 1, math.random(0, 5) do t["k" .. math.random(100)] = random_value(depth + 1) end
    return t
  end

  it("come out the same", function()
    for _ = 1, 300 do
      local expected = { random_value(0), random_value(0) }
      assert.same(expected, copy(expected))
    end
  end)
end)
