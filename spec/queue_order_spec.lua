-- Queues that are not first in, first out: lifo and priority, in and across all models.

local helper = require "spec.helper"
local heddle = require "heddle"
local process = require "heddle.process"
local queue = require "heddle.queue"
local task = require "heddle.task"
local thread = require "heddle.thread"

helper.case_limit = 20

-- Both ways a queue can pass its items, of each kind.
local function both(name, kind, fn)
  for _, shared in ipairs { false, true } do
    it(("%s [%s, %s]"):format(name, kind, shared and "copies" or "references"), function()
      fn(function(n) return queue[kind](n, { shared = shared }) end)
    end)
  end
end

local function each_kind(name, fn)
  both(name, "lifo", fn)
  both(name, "priority", fn)
end

local function drain(q)
  local list = {}
  while q:size() > 0 do list[#list + 1] = q:get(0) end
  return list
end

local blocked = helper.blocked

describe("a lifo queue", function()
  both("gives the last first", "lifo", function(new)
    local q = new()
    for i = 1, 100 do assert.is_true(q:put(i)) end
    assert.equal(100, q:size())
    for i = 100, 51, -1 do assert.equal(i, q:get()) end
    q:put "x"
    assert.equal("x", q:get())
    for i = 50, 1, -1 do assert.equal(i, q:get()) end
    assert.same({ nil, "empty", n = 2 }, table.pack(q:try_get()))
  end)

  both("takes any value but nil", "lifo", function(new)
    local q = new()
    for _, v in ipairs { false, true, 0, -1.5, "", ("x"):rep(100000) } do
      q:put(v)
      assert.equal(v, q:get())
    end
    helper.raises("queue:put: item: .*%[nil%-item%]$", q.put, q, nil)
  end)
end)

describe("a priority queue", function()
  both("gives the lowest first, equals in order of arrival", "priority", function(new)
    local q, r = new(), heddle.rng(7)
    for i = 1, 2000 do q:put { r(20), i } end
    local last = { 0, 0 }
    for _, item in ipairs(drain(q)) do
      assert.is_true(item[1] > last[1] or (item[1] == last[1] and item[2] > last[2]))
      last = item
    end
  end)

  both("equals stay in order through puts and gets in turn", "priority", function(new)
    local q, number, seen = new(), 0, 0
    for _ = 1, 200 do
      for _ = 1, 3 do
        number = number + 1
        q:put { 1, number }
      end
      for _ = 1, 2 do
        seen = seen + 1
        assert.equal(seen, q:get()[2])
      end
    end
    assert.equal(200, q:size())
  end)

  both("compares integers and floats exactly", "priority", function(new)
    local order = {
      -math.huge, math.mininteger, -2.5, -2, -0.5, 0, 1, 1.5, 2, 2 ^ 53, 2 ^ 53 + 1 | 0,
      math.maxinteger - 1, math.maxinteger, 2 ^ 63, math.huge,
    }
    local q = new()
    for i = 1, #order do q:put(order[(i * 7) % #order + 1]) end
    assert.same(order, drain(q))
  end)

  both("numbers and tables mix; what else is in a table does not matter", "priority", function(new)
    local q = new()
    q:put { 2, "b", name = "x" }
    q:put(1)
    q:put { 3 }
    q:put { 2.5, { {} } }
    local list = drain(q)
    assert.same({ 1, { 2, "b", name = "x" }, { 2.5, { {} } }, { 3 } }, list)
  end)

  both("refuses what has no priority", "priority", function(new)
    local q = new(4)
    for _, bad in ipairs { "1", true, {}, { "1" }, { nil, 1 }, print, 0 / 0, { 0 / 0 } } do
      helper.raises("^queue:put: item: a number or a table {.*%[bad%-priority%]$", q.put, q, bad)
      helper.raises("^queue:try_put: item: ", q.try_put, q, bad)
    end
    helper.raises("got NaN", q.put, q, 0 / 0)
    helper.raises("got a table with a first value of nil", q.put, q, {})
    helper.raises("nil%-item", q.put, q)
    helper.raises("^queue:put_many: item: .*%[bad%-priority%]$", q.put_many, q, { 1, "x", 2 })
    assert.same({}, drain(q))
  end)

  both("a priority changed after the put does not matter", "priority", function(new)
    local q, item = new(), { 1 }
    q:put(item)
    q:put(2)
    item[1] = 3
    q:get()
    assert.equal(2, q:get())
  end)

  both("get_many and items go by priority", "priority", function(new)
    local q = new()
    assert.equal(5, q:put_many { 5, 3, 1, 4, 2 })
    assert.same({ 1, 2, 3 }, q:get_many(3))
    q:close()
    local rest = {}
    for item in q:items() do rest[#rest + 1] = item end
    assert.same({ 4, 5 }, rest)
    assert.same({ nil, "closed", n = 2 }, table.pack(q:put(1)))
  end)

  both("what waits to be put goes by its priority once it is in", "priority", function(new)
    local q = new(2)
    q:put { 5, "e" }
    q:put { 6, "f" }
    local first = blocked(task.start(function() return q:put({ 9, "i" }) end))
    local second = blocked(task.start(function() return q:put({ 1, "a" }) end))
    assert.equal("e", q:get()[2])
    assert.is_true(first:result(5))
    assert.equal("f", q:get()[2])
    assert.is_true(second:result(5))
    assert.same({ { 1, "a" }, { 9, "i" } }, drain(q))
  end)
end)

describe("lifo and priority", function()
  each_kind("are bounded", function(new)
    local q = new(2)
    assert.equal(2, q:maxsize())
    assert.is_true(q:put(1, 0))
    assert.is_true(q:try_put(2))
    assert.is_true(q:full())
    assert.same({ nil, "full", n = 2 }, table.pack(q:try_put(3)))
    assert.same({ nil, "timeout", n = 2 }, table.pack(q:put(3, 0)))
    assert.same({ nil, "timeout", n = 2 }, table.pack(q:put(3, 0.01)))
    assert.equal(2, #q)
  end)

  each_kind("a putter that is cancelled has put nothing", function(new)
    local q = new(1)
    q:put(1)
    local h = blocked(task.start(function() return q:put(2) end))
    h:cancel()
    h:join()
    assert.same({ 1 }, drain(q))
  end)

  each_kind("count what is done", function(new)
    local q = new()
    q:put(1)
    q:put(2)
    local h = blocked(task.start(function() return q:join() end))
    q:get()
    q:task_done()
    q:get()
    assert.equal("blocked", h:status())
    q:task_done()
    assert.is_true(h:result(5))
    helper.raises("too%-many%-done", q.task_done, q)
  end)

  each_kind("hold thousands and let go of them", function(new)
    local q = new()
    for _ = 1, 2 do
      for i = 1, 5000 do q:put(i) end
      assert.equal(5000, #drain(q))
    end
  end)

  for _, kind in ipairs { "lifo", "priority" } do
    it(("pass tables by reference in one interpreter [%s]"):format(kind), function()
      local q, item = queue[kind](), { 1 }
      thread.start(function() q:put(item) end):join()
      assert.equal(item, q:get())
    end)

    helper.each_model(("what they hold goes with them [%s]"):format(kind), function(model)
      local q = queue[kind]()
      for i = 1, 40 do q:put { i % 4, i } end
      local got = model.start(function(own)
        local list = {}
        for _ = 1, 20 do list[#list + 1] = own:get(5)[2] end
        return list
      end, q):result(10)
      local list = table.move(drain(q), 1, 20, 21, {})
      for i = 21, 40 do list[i] = list[i][2] end
      table.move(got, 1, 20, 1, list)
      local expected = {}
      if kind == "lifo" then
        for i = 40, 1, -1 do expected[#expected + 1] = i end
      else
        for _, rest in ipairs { 4, 1, 2, 3 } do
          for i = rest, 40, 4 do expected[#expected + 1] = i end
        end
      end
      assert.same(expected, list)
    end)

    it(("an item that can't be copied keeps them here, whole [%s]"):format(kind), function()
      local q, odd = queue[kind](), { 2, io.stdout }
      q:put(1)
      q:put(odd)
      q:put(3)
      helper.raises("can't copy", process.start, function() end, q)
      assert.equal(3, q:size())
      local list = drain(q)
      table.sort(list, function(a, b)
        return (type(a) == "table" and a[1] or a) < (type(b) == "table" and b[1] or b)
      end)
      assert.same({ 1, odd, 3 }, list)
      assert.equal(odd, list[2])
    end)

    it(("a put that waits while they are handed over goes on [%s]"):format(kind), function()
      local q = queue[kind](1)
      q:put(1)
      local h = blocked(task.start(function() return q:put({ 2, "x" }, 10 * helper.slack) end))
      local p = process.start(function(own) return own:get(5), own:get(5)[2] end, q)
      local first, second = p:result(10)
      assert.same({ 1, "x" }, { first, second })
      assert.is_true(h:result(5))
    end)

    it(("between all models at once [%s]"):format(kind), function()
      local q, up = queue[kind](10, { shared = true }), queue.new(0, { shared = true })
      local makers, takers = {}, {}
      for m, name in ipairs(helper.models) do
        local model = require("heddle." .. name)
        makers[m] = model.start(function(own)
          for i = 1, 50 do own:put(m * 1000 + i) end
        end, q)
        takers[m] = model.start(function(own, out)
          for item in own:items() do out:put(item) end
        end, q, up)
      end
      for _, h in ipairs(makers) do assert.is_true(h:join(10 * helper.slack)) end
      q:close()
      for _, h in ipairs(takers) do assert.is_true(h:join(10 * helper.slack)) end
      local seen = {}
      for _ = 1, 200 do
        local item = up:get(0)
        assert.is_nil(seen[item])
        seen[item] = true
      end
      assert.equal(0, up:size())
    end)
  end

  it("misuse is named", function()
    for _, kind in ipairs { "lifo", "priority" } do
      local name = "queue." .. kind
      helper.raises("^[^:]*:?%d*:? ?" .. name .. ": maxsize: .*%[bad%-argument%]$", queue[kind], -1)
      helper.raises(name .. ": maxsize: ", queue[kind], "x")
      helper.raises(name .. ": options: unknown option 'sharde'", queue[kind], 0, { sharde = true })
    end
  end)

  it("a name", function()
    local q = queue.priority(0, { name = "jobs" })
    assert.equal("jobs", q.name)
    assert.equal("stack", queue.lifo { name = "stack" }.name)
    q:put(1)
    assert.matches("^queue jobs %(1 items, 0 waiting%)$", tostring(q))
  end)
end)

describe("a queue of references", function()
  it("loses nothing when many putters wait and it is emptied at once", function()
    local q, all = queue.new(2000), {}
    for i = 1, 2000 do q:put(i) end
    for i = 1, 100 do all[i] = task.start(function() return q:put(2000 + i) end) end
    blocked(all[100])
    for i = 1, 2000 do assert.equal(i, q:try_get()) end
    for i = 1, 100 do assert.equal(2000 + i, q:get(5)) end
    for i = 1, 100 do assert.is_true(all[i]:result(5)) end
  end)

  it("a time-out still holds when it is handed over while a put waits", function()
    local q = queue.new(1)
    q:put(1)
    local h = blocked(task.start(function() return q:put(2, 0.3) end))
    process.start(function() end, q):join()
    assert.same({ nil, "timeout", n = 2 }, table.pack(h:result(5 * helper.slack)))
    assert.same({ 1 }, drain(q))
  end)
end)
