-- What crosses from interpreter to interpreter and what does not, by each of the ways: arguments,
-- upvalues, results, errors, items.

local helper = require "spec.helper"
local heddle = require "heddle"
local queue = require "heddle.queue"
local sync = require "heddle.sync"

helper.case_limit = 15

local across = { "isolate", "process" }
local each = function(name, fn) helper.each_model(name, fn, across) end

local function there_and_back(M, ...) return M.start(function(...) return ... end, ...):result() end

describe("values", function()
  each("plain ones come back as they are", function(M)
    local values = { true, false, 0, -1, math.maxinteger, math.mininteger, 0.1, -0.0, 1 / 0, -1 / 0,
      "", "text", "nul \0 inside", ("long"):rep(10000), "\xff\xfe" }
    for _, v in ipairs(values) do
      local back = there_and_back(M, v)
      assert.equal(v, back)
      assert.equal(math.type(v), math.type(back))
    end
    local nan = there_and_back(M, 0 / 0)
    assert.is_true(nan ~= nan)
    assert.equal("-0.0", tostring(there_and_back(M, -0.0)))
  end)

  each("tables with every kind of key", function(M)
    local t = { 1, 2, nil, 4, a = { b = { c = "deep" } }, [1.5] = "float", [true] = "yes" }
    assert.same(t, there_and_back(M, t))
  end)

  each("a table as a key", function(M)
    local k = {}
    local back, key = there_and_back(M, { [k] = "keyed" }, k)
    assert.equal("keyed", back[key])
  end)

  each("cycles and shared references, all arguments together", function(M)
    local a = { name = "a" }
    a.self = a
    local x, y, z = there_and_back(M, a, { a }, a)
    assert.equal(x, x.self)
    assert.equal(x, y[1])
    assert.equal(x, z)
    assert.not_equal(a, x)
  end)

  each("metatables are kept and read raw", function(M)
    local meta = { __index = function() error "not raw" end, __metatable = "locked", name = "meta",
      __pairs = function() error "not raw" end }
    local t = setmetatable({ x = 1 }, meta)
    local back, name = M.start(function(o) return o, debug.getmetatable(o).name end, t):result()
    assert.equal(1, rawget(back, "x"))
    assert.equal("meta", name)
    assert.equal("locked", getmetatable(back))
  end)

  each("objects with methods work there", function(M)
    local Account = {}
    Account.__index = Account
    function Account:add(n) self.n = self.n + n return self.n end
    local a = setmetatable({ n = 1 }, Account)
    assert.equal(6, M.start(function(o) return o:add(5) end, a):result())
    assert.equal(1, a.n)
  end)

  each("a deep table does not overflow", function(M)
    local t = {}
    local at = t
    for _ = 1, 150 do
      at.next = {}
      at = at.next
    end
    local n, back = 0, there_and_back(M, t)
    while back do n, back = n + 1, back.next end
    assert.equal(151, n)
  end)
end)

describe("functions", function()
  each("take their upvalues along", function(M)
    local n, t = 3, { 4 }
    local function add(x) return x + n + t[1] end
    assert.equal(17, M.start(function(x) return add(x) end, 10):result())
  end)

  each("that share a variable go on sharing it", function(M)
    local n = 0
    local function up() n = n + 1 end
    local function get() return n end
    assert.equal(2, M.start(function()
      up()
      up()
      return get()
    end):result())
    assert.equal(0, n)
    assert.equal(3, M.start(function(f, g)
      f()
      f()
      f()
      return g()
    end, up, get):result())
  end)

  each("call themselves", function(M)
    local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
    assert.equal(55, M.start(fib, 10):result())
  end)

  each("come back and can be called here", function(M)
    local f = M.start(function(n) return function(x) return x * n end end, 3):result()
    assert.equal(12, f(4))
  end)

  each("have the receiver's globals", function(M)
    assert.equal("own", M.start(function()
      _G.crossing = "own" -- luacheck: ignore
      local f = load "return crossing"
      return f()
    end):result())
    assert.is_nil(rawget(_G, "crossing"))
  end)

  each("of Lua's library and of modules cross by name", function(M)
    local floor, insert, quote = math.floor, table.insert, helper.quote
    local a, b, c, d = M.start(function(f)
      local t = {}
      insert(t, floor(1.5))
      return t[1], quote "x", f == string.rep, insert == table.insert
    end, string.rep):result()
    assert.same({ 1, "'x'", true, true }, { a, b, c, d })
  end)

  each("modules cross by name, the receiver's own", function(M)
    assert.is_true(M.start(function(m) return m == require "spec.helper" and m == helper end,
      helper):result())
  end)

  each("a global that was not sent is named", function(M)
    local f = load "return is_prime(7)"
    local h = M.start(f)
    helper.raises("global 'is_prime' was not sent: make it local, pass it, or set it in an "
      .. "initializer", h.result, h)
    h = M.start(load "return config.size")
    helper.raises("global 'config' was not sent", h.result, h)
    h = M.start(load "return limit + 1")
    helper.raises("global 'limit' was not sent", h.result, h)
    h = M.start(function() return M.start(f):result() end)
    local err = helper.raises(":1: global 'is_prime' was not sent", h.result, h)
    assert.equal(1, select(2, err:gsub("'is_prime'", "")))
  end)

  each("a local that is nil gives no such hint", function(M)
    local h = M.start(function()
      local missing = nil
      return missing()
    end)
    local err = helper.raises("missing", h.result, h)
    assert.is_nil(err:find("was not sent", 1, true))
  end)

  it("here a nil global gives no such hint", function()
    local err = helper.raises("is_prime", load "return is_prime(7)")
    assert.is_nil(tostring(err):find("was not sent", 1, true))
  end)
end)

describe("heddle's objects", function()
  each("are the same object there", function(M)
    local q, lock = queue.new(), sync.lock()
    local h = M.start(function(t)
      t.lock:acquire()
      t.q:put(t.q)
      t.q:put(t.lock)
    end, { q = q, lock = lock })
    h:result()
    assert.equal(q, q:get())
    assert.equal(lock, q:get())
  end)

  each("come back from there", function(M)
    local q = M.start(function()
      local made = require("heddle.queue").new()
      made:put "from there"
      return made
    end):result()
    assert.equal("from there", q:get(20))
  end)

  each("inside a queue handed over with them", function(M)
    local outer, inner = queue.new(), queue.new()
    inner:put "inside"
    outer:put(inner)
    assert.equal("inside", M.start(function(q) return q:get():get() end, outer):result())
  end)

  each("queues that hold one another", function(M)
    local a, b = queue.new(), queue.new()
    a:put(b)
    a:put(a)
    b:put(a)
    assert.is_true(M.start(function(q)
      local inner, same = q:get(), q:get()
      return same == q and inner:get() == q
    end, a):result())
  end)

  each("CANCELLED stays equal to itself", function(M)
    local back, same = M.start(function(c) return c, c == require("heddle").CANCELLED end,
      heddle.CANCELLED):result()
    assert.is_true(same)
    assert.is_true(back == heddle.CANCELLED)
  end)

  each("the error of a cancelled one equals CANCELLED here", function(M)
    local h = M.start(function() require("heddle").sleep(60) end)
    helper.wait_for(function() return h:status() == "blocked" end)
    h:cancel()
    h:join()
    local _, err = pcall(h.result, h)
    assert.is_true(err == heddle.CANCELLED)
  end)
end)

describe("what can't be copied is refused with its path", function()
  local handle = require("heddle.task").start(function() end)
  handle:join()
  local refused = {
    { "userdata", io.stdout }, { "thread", coroutine.create(print) }, { "userdata", handle },
  }

  each("in arguments", function(M)
    for _, case in ipairs(refused) do
      helper.raises("can't copy args%[1%]: .*" .. case[1], M.start, print, case[2])
      helper.raises("can't copy args%[2%]%.conn: .*" .. case[1], M.start, print, 1,
        { conn = case[2] })
    end
    helper.raises("can't copy args%[1%]%.list%[3%]", M.start, print, { list = { 1, 2, io.stdout } })
  end)

  each("in upvalues", function(M)
    local file = io.stdout
    helper.raises("can't copy .*upvalue file: .*userdata", M.start, function() return file end)
    local nested = { deep = { file = file } }
    helper.raises("can't copy .*upvalue nested%.deep%.file: .*userdata", M.start,
      function() return nested end)
  end)

  each("in results", function(M)
    local h = M.start(function() return 1, { f = io.stdout } end)
    helper.raises("can't copy results%[2%]%.f: .*userdata", h.result, h)
  end)

  each("among items", function(M)
    local h = M.start(function()
      local q = require("heddle.queue").new(0, { shared = true })
      return pcall(q.put, q, { x = io.stdout })
    end)
    local ok, err = h:result()
    assert.is_false(ok)
    assert.matches("can't copy item%.x: .*userdata", err)
  end)

  each("among what a queue holds when it is handed over, which leaves it as it was", function(M)
    local q = queue.new()
    local file = io.stdout
    q:put(1)
    q:put(file)
    helper.raises("can't copy item: .*userdata", M.start, print, q)
    assert.equal(2, q:size())
    assert.equal(1, q:get())
    assert.equal(file, q:get())
  end)

  each("handles and guards too", function(M)
    local lock = sync.lock()
    local guard <close> = lock:hold()
    local inner = M.start(function() end)
    inner:join()
    helper.raises("can't copy args%[1%]", M.start, print, guard)
    helper.raises("can't copy args%[1%]", M.start, print, inner)
  end)

  each("and nothing is started", function(M)
    local before = #M.list()
    pcall(M.start, print, io.stdout)
    assert.equal(before, #M.list())
  end)

  it("but threads and tasks take everything", function()
    for _, model in ipairs { "task", "thread" } do
      local M = require("heddle." .. model)
      for _, case in ipairs(refused) do
        assert.equal(case[2], M.start(function(x) return x end, case[2]):result())
      end
    end
  end)

  it("a script with a function that can't be sent ends with 1", function()
    local run = helper.script [[
      local file = io.stdout
      require("heddle.isolate").start(function() file:write "x" end)
    ]]
    assert.equal(1, run.code)
    assert.equal("", run.out)
    assert.matches("can't copy .*upvalue file: .*userdata", run.err)
  end)
end)

describe("classes", function()
  each("that are registered keep their identity", function(M)
    local Point = { __name = "Point" }
    Point.__index = Point
    heddle.class("spec.Point", Point)
    local p = setmetatable({ x = 1 }, Point)
    local back = there_and_back(M, p)
    assert.equal(Point, getmetatable(back))
    assert.not_equal(p, back)
  end)
end)

describe("a module", function()
  each("is found by the paths of the starter, before what refers to it is read", function(model)
    local stem = os.tmpname()
    os.remove(stem)
    local name = stem:match "[^/]+$"
    helper.spit(stem .. ".lua", "return { n = 7, give = function(x) return x + 7 end }")
    local before = package.path
    package.path = stem:match "^.*/" .. "?.lua;" .. before
    local there = require(name)
    local captured = model.start(function() return there.n end)
    local given = model.start(function(m) return m.give(1) end, there)
    local started = model.start(there.give, 2)
    package.path = before
    local results = { captured:result(), given:result(), started:result() }
    package.loaded[name] = nil
    os.remove(stem .. ".lua")
    assert.same({ 7, 8, 9 }, results)
  end)
end)

describe("finalizers", function()
  it("that put, get and use a dict while a message is written or read do it no harm", function()
    local shared = require "heddle.shared"
    local q, other = queue.new(0, { shared = true }), queue.new(0, { shared = true })
    local dict, ended = shared.dict(), 0
    local function leave_one()
      return setmetatable({}, { __gc = function()
        ended = ended + 1
        other:put { ended, ("f"):rep(300) }
        if other:size() > 10 then other:get() end
        dict.ended = { ended, ("g"):rep(300) }
        assert(dict.ended[1] == ended)
      end })
    end
    for i = 1, 3000 do
      leave_one()
      q:put { i, { tostring(i) }, function() return i end }
      local item = q:get()
      assert(item[1] == i and item[2][1] == tostring(i) and item[3]() == i, "an item was damaged")
      dict.item = { i, { tostring(i) } }
      item = dict.item
      assert(item[1] == i and item[2][1] == tostring(i), "a value was damaged")
      if i % 500 == 0 then collectgarbage() end
    end
    assert.is_true(ended > 1000)
  end)
end)
