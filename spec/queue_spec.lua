-- The queue, in and across all models.

local helper = require "spec.helper"
local heddle = require "heddle"
local queue = require "heddle.queue"
local task = require "heddle.task"
local thread = require "heddle.thread"

helper.case_limit = 20

local each, each_pair = helper.each_model, helper.each_pair

-- Both ways a queue can pass its items.
local function both(name, fn)
  it(name .. " [references]", function() fn(function(n) return queue.new(n) end) end)
  it(name .. " [copies]", function() fn(function(n) return queue.new(n, { shared = true }) end) end)
end

local blocked = helper.blocked

describe("put and get", function()
  both("are first in, first out", function(new)
    local q = new()
    for i = 1, 100 do assert.is_true(q:put(i)) end
    assert.equal(100, q:size())
    assert.equal(100, #q)
    for i = 1, 100 do assert.equal(i, q:get()) end
    assert.is_true(q:empty())
  end)

  both("any value but nil is an item", function(new)
    local q = new()
    for _, v in ipairs { false, true, 0, -1.5, "", "x", math.mininteger } do
      q:put(v)
      assert.equal(v, q:get())
    end
    helper.raises("queue:put: item: .*nil.*%[nil%-item%]$", q.put, q, nil)
    helper.raises("queue:try_put: item: .*%[nil%-item%]$", q.try_put, q)
    assert.equal(0, q:size())
  end)

  it("tables go by reference, or as copies", function()
    local q, s, item = queue.new(), queue.new(0, { shared = true }), { 1 }
    q:put(item)
    s:put(item)
    assert.equal(item, q:get())
    local copy = s:get()
    assert.same(item, copy)
    assert.not_equal(item, copy)
  end)

  both("large items", function(new)
    local q = new(2)
    local big = ("0123456789abcdef"):rep(20000)
    q:put(big)
    q:put { big, big }
    assert.equal(big, q:get())
    assert.equal(big, q:get()[2])
  end)

  both("through many wraps of the ring", function(new)
    local q = new(3)
    local got = 0
    for i = 1, 1000 do
      q:put(i)
      if i % 3 == 0 then
        for _ = 1, 3 do
          got = got + 1
          assert.equal(got, q:get(0))
        end
      end
    end
  end)

  both("thousands wait inside", function(new)
    local q = new()
    for i = 1, 5000 do q:put(i) end
    for i = 1, 5000 do assert.equal(i, q:get(0)) end
    assert.same({ nil, "empty", n = 2 }, table.pack(q:try_get()))
  end)
end)

describe("time-outs", function()
  both("get", function(new)
    local q = new()
    assert.same({ nil, "timeout", n = 2 }, table.pack(q:get(0)))
    local begun = heddle.now()
    assert.same({ nil, "timeout", n = 2 }, table.pack(q:get(0.01)))
    assert.is_true(heddle.now() - begun >= 0.01)
    assert.same({ nil, "empty", n = 2 }, table.pack(q:try_get()))
  end)

  both("put", function(new)
    local q = new(1)
    assert.is_true(q:put(1, 0))
    assert.same({ nil, "timeout", n = 2 }, table.pack(q:put(2, 0)))
    assert.same({ nil, "timeout", n = 2 }, table.pack(q:put(2, 0.01)))
    assert.same({ nil, "full", n = 2 }, table.pack(q:try_put(2)))
    assert.equal(1, q:get())
    assert.is_true(q:try_put(3))
    assert.equal(3, q:get())
    assert.equal(0, q:size())
  end)

  both("a getter that gave up does not swallow an item", function(new)
    local q = new()
    for _ = 1, 50 do
      local h = thread.start(function() return q:get(0.0003) end)
      heddle.sleep(0.0003)
      q:put "x"
      local item = h:result(5)
      if not item then item = q:get(0) end
      assert.equal("x", item)
      assert.equal(0, q:size())
    end
  end)

  both("a putter that gave up has put nothing", function(new)
    local q = new(1)
    for _ = 1, 50 do
      q:put "first"
      local h = thread.start(function() return q:put("second", 0.0003) end)
      heddle.sleep(0.0003)
      assert.equal("first", q:get())
      local put = h:result(5)
      assert.equal(put and 1 or 0, q:size())
      if put then q:get() end
    end
  end)
end)

describe("a bounded queue", function()
  both("makes putters wait and serves them in order", function(new)
    local q = new(2)
    assert.equal(2, q:maxsize())
    q:put(1)
    q:put(2)
    assert.is_true(q:full())
    local handles = {}
    for i = 3, 6 do handles[i - 2] = task.start(function() q:put(i) end) end
    heddle.yield()
    assert.equal(2, q:size())
    for i = 1, 6 do
      assert.equal(i, q:get(20))
      heddle.yield()
    end
    for _, h in ipairs(handles) do h:join() end
    assert.is_false(q:full())
  end)

  both("getters are served in order", function(new)
    local q, log, handles = new(), {}, {}
    for i = 1, 5 do
      handles[i] = task.start(function()
        local item = q:get()
        log[#log + 1] = { i, item }
      end)
    end
    heddle.yield()
    for i = 1, 5 do q:put(i * 10) end
    for _, h in ipairs(handles) do h:join() end
    assert.same({ { 1, 10 }, { 2, 20 }, { 3, 30 }, { 4, 40 }, { 5, 50 } }, log)
  end)

  each_pair("of one keeps two in step", function(A, B)
    local there, back = queue.new(1), queue.new(1)
    local a = A.start(function(p, q)
      for i = 1, 60 do
        p:put(i)
        assert(q:get() == i)
      end
      return "a"
    end, there, back)
    local b = B.start(function(p, q)
      for _ = 1, 60 do q:put(p:get()) end
      return "b"
    end, there, back)
    assert.equal("a", a:result(15))
    assert.equal("b", b:result(15))
  end)
end)

describe("close", function()
  both("lets gets drain what is left", function(new)
    local q = new()
    q:put(1)
    q:put(2)
    q:close()
    q:close()
    assert.same({ nil, "closed", n = 2 }, table.pack(q:put(3)))
    assert.same({ nil, "closed", n = 2 }, table.pack(q:try_put(3)))
    assert.equal(1, q:get())
    assert.equal(2, q:try_get())
    assert.same({ nil, "closed", n = 2 }, table.pack(q:get()))
    assert.same({ nil, "closed", n = 2 }, table.pack(q:try_get()))
    assert.same({ nil, "closed", n = 2 }, table.pack(q:get(0.01)))
  end)

  both("wakes those who wait", function(new)
    local q, full = new(), new(1)
    full:put(1)
    local handles = {}
    for i = 1, 3 do
      handles[i] = thread.start(function() return q:get() end)
      handles[i + 3] = thread.start(function() return full:put(2) end)
    end
    for _, h in ipairs(handles) do blocked(h) end
    q:close()
    full:close()
    for _, h in ipairs(handles) do
      assert.same({ nil, "closed", n = 2 }, table.pack(h:result(5)))
    end
    assert.equal(1, full:size())
  end)

  each_pair("wakes them in every model", function(A, B)
    local q = queue.new()
    local h = blocked(A.start(function(from) return from:get() end, q))
    B.start(function(x) x:close() end, q):result(5)
    assert.same({ nil, "closed", n = 2 }, table.pack(h:result(10)))
  end)

  both("is the end of a <close> variable", function(new)
    local q = new()
    do
      local again <close> = q
      again:put(1)
    end
    assert.is_nil((q:put(2)))
    assert.equal(1, q:get())
  end)
end)

describe("items", function()
  both("go on until closed and empty", function(new)
    local q, got = new(), {}
    local h = task.start(function()
      for i = 1, 5 do
        q:put(i)
        heddle.yield()
      end
      q:close()
    end)
    for item in q:items() do got[#got + 1] = item end
    h:join()
    assert.same({ 1, 2, 3, 4, 5 }, got)
  end)

  both("of false are items", function(new)
    local q, n = new(), 0
    q:put(false)
    q:put(1)
    q:close()
    for item in q:items() do
      n = n + 1
      assert.is_true(item == false or item == 1)
    end
    assert.equal(2, n)
  end)
end)

describe("items", function()
  both("gives an iterator that may be called by hand", function(new)
    local q = new()
    q:put_many { 1, 2 }
    q:close()
    local following = q:items()
    assert.equal(1, following())
    assert.equal(2, following "whatever")
    assert.same({ nil, "closed", n = 2 }, table.pack(following()))
  end)
end)

describe("put_many and get_many", function()
  both("move lists", function(new)
    local q = new()
    assert.equal(4, q:put_many { 1, 2, 3, 4 })
    assert.equal(0, q:put_many {})
    assert.same({ 1, 2, 3 }, q:get_many(3))
    assert.same({ 4 }, q:get_many(3))
    assert.same({ nil, "timeout", n = 2 }, table.pack(q:get_many(3, 0)))
  end)

  both("put_many tells how far it came", function(new)
    local q = new(2)
    assert.same({ 2, "timeout", n = 2 }, table.pack(q:put_many({ 1, 2, 3 }, 0.01)))
    q:close()
    assert.same({ 0, "closed", n = 2 }, table.pack(q:put_many { 1 }))
    assert.same({ 1, 2 }, q:get_many(10))
    assert.same({ nil, "closed", n = 2 }, table.pack(q:get_many(10)))
  end)

  both("put_many puts nothing of a list with a hole", function(new)
    local q = new()
    helper.raises("^queue:put_many: item: .*%[nil%-item%]$", q.put_many, q, { 1, nil, 3 })
    assert.equal(0, q:size())
  end)

  both("put_many puts as many as the list had at the call", function(new)
    local q, list = new(1), { 1, 2, 3 }
    local h = blocked(task.start(function() return q:put_many(list) end))
    list[4] = 4
    for i = 1, 3 do assert.equal(i, q:get(15)) end
    assert.same({ 3, n = 1 }, table.pack(h:result(15)))
    assert.equal(0, q:size())
  end)

  both("get_many waits for the first", function(new)
    local q = new()
    local h = thread.start(function() return q:get_many(10) end)
    blocked(h)
    q:put "late"
    assert.same({ "late" }, h:result(5))
  end)
end)

describe("task_done and join", function()
  both("join waits until every item is done", function(new)
    local q = new()
    assert.is_true(q:join())
    for i = 1, 3 do q:put(i) end
    assert.same({ nil, "timeout", n = 2 }, table.pack(q:join(0)))
    local h = thread.start(function()
      for _ = 1, 3 do
        q:get()
        heddle.sleep(0.001)
        q:task_done()
      end
    end)
    assert.is_true(q:join(5))
    assert.equal(0, q:size())
    h:result()
  end)

  both("too many task_done are misuse", function(new)
    local q = new()
    helper.raises("queue:task_done: .*%[too%-many%-done%]$", q.task_done, q)
    q:put(1)
    q:get()
    q:task_done()
    helper.raises("%[too%-many%-done%]$", q.task_done, q)
    assert.is_true(q:join(0))
  end)

  each("across models", function(M)
    local q = queue.new()
    local h = M.start(function(from)
      for _ = 1, 5 do
        from:get()
        from:task_done()
      end
    end, q)
    for i = 1, 5 do q:put(i) end
    assert.is_true(q:join(10))
    h:result()
  end)
end)

describe("cancels", function()
  both("a cancelled getter leaves the item to the next", function(new)
    local q = new()
    for i = 1, 40 do
      local first = thread.start(function() return q:get() end)
      local second = thread.start(function() return q:get() end)
      if i % 2 == 0 then blocked(first) end
      first:cancel()
      q:put "a"
      local ok, item = pcall(first.result, first, 5)
      if ok and item == "a" then q:put "b" end
      assert.equal(ok and "b" or "a", second:result(5))
      assert.equal(0, q:size())
    end
  end)

  both("a cancelled putter leaves the place to the next", function(new)
    local q = new(1)
    q:put "full"
    local first = blocked(thread.start(function() q:put "first" end))
    local second = blocked(thread.start(function() q:put "second" end))
    first:cancel()
    first:join()
    assert.equal("full", q:get())
    assert.equal("second", q:get(5))
    second:result(5)
    assert.equal(0, q:size())
  end)

  each("a killed or cancelled getter does not hold the line up", function(M)
    local q = queue.new()
    local first = blocked(M.start(function(from) from:get() end, q))
    local second = blocked(thread.start(function() return q:get() end))
    first:cancel { hard = true }
    first:join(5)
    pcall(first.result, first)
    q:put "for the second"
    assert.equal("for the second", second:result(5))
  end)
end)

describe("names", function()
  it("print with state and waiters", function()
    local q = queue.new(3, { name = "orders" })
    q:put(1)
    assert.equal("orders", q.name)
    assert.matches("^queue orders %(1.*, 0 waiting%)$", tostring(q))
    q.name = "renamed"
    assert.equal("renamed", q.name)
    assert.matches("^Queue%-%d+ %(queue_spec%.lua:%d+%)$", queue.new().name)
    assert.equal("first", queue.new({ name = "first" }).name)
  end)
end)
