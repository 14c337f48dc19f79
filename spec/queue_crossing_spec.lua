-- The queue between models: hand-overs, and what becomes of a queue and its items when an end goes.

local helper = require "spec.helper"
local queue = require "heddle.queue"
local task = require "heddle.task"
local thread = require "heddle.thread"

helper.case_limit = 20

local each, each_pair = helper.each_model, helper.each_pair

local blocked = helper.blocked

describe("across models", function()
  each_pair("everything arrives once and in order", function(A, B)
    local q = queue.new(8)
    local producer = A.start(function(out)
      for i = 1, 200 do out:put(i) end
      out:close()
    end, q)
    local consumer = B.start(function(from)
      local last = 0
      for i in from:items() do
        if i ~= last + 1 then return "after " .. last .. " came " .. i end
        last = i
      end
      return last
    end, q)
    producer:result(15)
    assert.equal(200, consumer:result(15))
  end)

  each("a table arrives whole", function(M)
    local q, out = queue.new(), queue.new()
    local h = M.start(function(from, to)
      local t = from:get()
      t.n = t.n + 1
      to:put(t)
    end, q, out)
    q:put { n = 1, list = { 1, 2, { 3 } } }
    assert.same({ n = 2, list = { 1, 2, { 3 } } }, out:get(10))
    h:result()
  end)

  it("fed by each model and drained by each: each item once, in order per producer", function()
    local q, out = queue.new(16), queue.new()
    local producers, consumers = {}, {}
    for i, model in ipairs(helper.models) do
      producers[i] = require("heddle." .. model).start(function(to, id)
        for n = 1, 250 do to:put { id, n } end
      end, q, i)
      consumers[i] = require("heddle." .. model).start(function(from)
        local got = {}
        for item in from:items() do got[#got + 1] = item end
        return got
      end, q)
    end
    for _, h in ipairs(producers) do h:result(20) end
    q:close()
    local seen, count = {}, 0
    for _, h in ipairs(consumers) do
      local last = {}
      for _, item in ipairs(h:result(20)) do
        local id, n = item[1], item[2]
        local key = id .. "/" .. n
        assert.is_nil(seen[key], key .. " came twice")
        assert.is_true(n > (last[id] or 0), key .. " came out of order")
        seen[key], last[id], count = true, n, count + 1
      end
    end
    assert.equal(1000, count)
    assert.equal(0, out:size())
  end)

  each("handing it over copies what it holds", function(M, model)
    local q = queue.new()
    local item = { "before" }
    q:put(item)
    q:put "second"
    local h = M.start(function(from) return from:get(), from:get() end, q)
    local first, second = h:result(10)
    assert.same(item, first)
    assert.equal("second", second)
    assert.equal(model == "task" or model == "thread", first == item)
  end)

  each("one that waits in put while it is handed over is put", function(M)
    local q = queue.new(1)
    q:put(1)
    local putter = blocked(thread.start(function() return q:put { 2 } end))
    local h = M.start(function(from) return from:get(5), from:get(5) end, q)
    local first, second = h:result(10)
    assert.equal(1, first)
    assert.same({ 2 }, second)
    assert.is_true(putter:result(5))
  end)

  each("those that wait in put while it is handed over keep their order", function(M)
    local q, putters = queue.new(1), {}
    q:put(0)
    for i = 1, 4 do
      local model = i % 2 == 0 and task or thread
      putters[i] = blocked(model.start(function() return q:put { i } end))
    end
    M.start(function() end, q):join()
    putters[5] = blocked(task.start(function() return q:put { 5 } end))
    assert.equal(0, q:get(15))
    for i = 1, 5 do assert.same({ i }, q:get(15)) end
    for i = 1, 5 do assert.is_true(putters[i]:result(15)) end
  end)

  each("one that waits to put what can't be copied raises, and holds nobody up", function(M, model)
    if model == "task" or model == "thread" then return end -- nothing is copied
    local q = queue.new(1)
    q:put(0)
    local wrong = blocked(task.start(function() return q:put { x = io.stdout } end))
    local right = blocked(task.start(function() return q:put(1) end))
    M.start(function() end, q):join()
    assert.equal(0, q:get(15))
    assert.equal(1, q:get(15))
    helper.raises("can't copy item.x: userdata", wrong.result, wrong, 15)
    assert.is_true(right:result(15))
  end)

  each("one that waits in get while it is handed over gets", function(M)
    local q = queue.new()
    local getter = blocked(thread.start(function() return q:get() end))
    local h = M.start(function(to) to:put { "there" } end, q)
    assert.same({ "there" }, getter:result(10))
    h:result(5)
  end)
end)

describe("collection", function()
  it("frees items nobody will get", function()
    local native = require "heddle.native.sync"
    collectgarbage()
    local before = native.objects()
    for _ = 1, 50 do
      local q = queue.new(0, { shared = true })
      q:put(queue.new(0, { shared = true }))
      q:put(("x"):rep(5000))
    end
    collectgarbage()
    collectgarbage()
    assert.is_true(native.objects() <= before + 2)
  end)

  it("a queue that holds itself as a reference is collected", function()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local q = queue.new()
      q:put(q)
      weak[q] = true
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)

  it("items taken out are let go", function()
    local weak = setmetatable({}, { __mode = "k" })
    local q = queue.new()
    for _ = 1, 20 do
      local item = {}
      weak[item] = true
      q:put(item)
    end
    for _ = 1, 20 do q:get() end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
    assert.equal(0, q:size())
  end)
end)
