-- queue.select over queues of every kind and from every model.

local helper = require "spec.helper"
local heddle = require "heddle"
local process = require "heddle.process"
local queue = require "heddle.queue"
local task = require "heddle.task"
local thread = require "heddle.thread"

helper.case_limit = 20

local each = helper.each_model

local function outcome(...) return table.pack(...) end
local closed = { nil, "closed", n = 2 }
local timeout = { nil, "timeout", n = 2 }

local blocked = helper.blocked

local function waiting(q)
  return tonumber(tostring(q):match "(%d+) waiting")
end

local function queues(n, options)
  local list = {}
  for i = 1, n do list[i] = queue.new(0, options) end
  return list
end

-- Waits in the background; the result is the queue's place in the list, and the item.
local function selector(list, limit)
  return task.start(function()
    local q, item = queue.select(list, limit)
    if not q then return nil, item end
    for i, known in ipairs(list) do
      if known == q then return i, item end
    end
  end)
end

local function assert_empty(list)
  for _, q in ipairs(list) do
    assert.equal(0, waiting(q))
    assert.equal(0, q:size())
  end
end

describe("select", function()
  it("takes what is there", function()
    local list = queues(3)
    list[2]:put "x"
    local q, item = queue.select(list)
    assert.equal(list[2], q)
    assert.equal("x", item)
    list[3]:put(false)
    assert.same({ list[3], false, n = 2 }, outcome(queue.select(list, 0)))
    assert_empty(list)
  end)

  it("waits for the first that comes", function()
    for _, options in ipairs { {}, { shared = true } } do
      local list = queues(5, options)
      for i = 1, 5 do
        local h = blocked(selector(list))
        list[i]:put("item " .. i)
        assert.same({ i, "item " .. i }, { h:result(5) })
        assert_empty(list)
      end
    end
  end)

  it("gives up in time and takes nothing", function()
    local list = queues(3)
    assert.same(timeout, outcome(queue.select(list, 0)))
    local begun = heddle.now()
    assert.same(timeout, outcome(queue.select(list, 0.02)))
    assert.is_true(heddle.now() - begun >= 0.02)
    assert_empty(list)
    list[1]:put(1)
    assert.equal(1, list[1]:get(0))
  end)

  it("over one queue is a get", function()
    local list = queues(1)
    local h = blocked(selector(list))
    list[1]:put(5)
    assert.same({ 1, 5 }, { h:result(5) })
  end)

  it("over queues of each kind", function()
    local list = { queue.new(), queue.lifo(2), queue.priority(), queue.new(1, { shared = true }),
      queue.lifo(0, { shared = true }), queue.priority(3, { shared = true }) }
    for i = 1, #list do
      local h = blocked(selector(list))
      list[i]:put(i)
      assert.same({ i, i }, { h:result(5) })
    end
    for i = 1, #list do list[i]:put(i) end
    local seen = {}
    for _ = 1, #list do
      local _, item = queue.select(list, 1)
      seen[item] = true
    end
    assert.equal(#list, #seen)
    assert_empty(list)
  end)

  it("the same queue twice", function()
    local q = queue.new()
    local h = blocked(selector { q, q })
    q:put(1)
    assert.same({ 1, 1 }, { h:result(5) })
    q:put(2)
    assert.same({ q, 2, n = 2 }, outcome(queue.select { q, q }))
    assert_empty { q }
  end)

  it("over many queues", function()
    local list = queues(500)
    local h = blocked(selector(list))
    list[317]:put "x"
    assert.same({ 317, "x" }, { h:result(5) })
    assert_empty(list)
  end)

  it("lets a putter of a full queue go on", function()
    local list = { queue.new(1), queue.new(1) }
    list[1]:put(1)
    local h = blocked(task.start(function() return list[1]:put(2) end))
    assert.equal(1, select(2, queue.select(list)))
    assert.is_true(h:result(5))
    assert.equal(2, select(2, queue.select(list)))
  end)

  it("a list that is changed while it waits does not matter", function()
    local list = queues(2)
    local kept = list[2]
    local h = blocked(task.start(function() return queue.select(list) end))
    list[1], list[2] = nil, nil
    collectgarbage()
    kept:put "x"
    assert.same({ kept, "x" }, { h:result(5) })
  end)
end)

describe("losing a race", function()
  it("takes nothing from the others", function()
    local list = queues(3)
    local h = blocked(selector(list))
    for i = 1, 3 do list[i]:put(i) end
    local first = h:result(5)
    for i = 1, 3 do assert.equal(i == first and 0 or 1, list[i]:size()) end
    for i = 1, 3 do assert.equal(i ~= first and i or nil, (list[i]:try_get())) end
  end)

  it("what comes first is taken, what comes later stays", function()
    for i = 1, 40 do
      local list = queues(4)
      local h = blocked(task.start(function() return queue.select(list) end))
      local first = i % 4 + 1
      for k = 0, 3 do list[(first + k - 1) % 4 + 1]:put(k) end
      local q, item = h:result(15)
      assert.equal(list[first], q)
      assert.equal(0, item)
      for _, other in ipairs(list) do assert.equal(other == q and 0 or 1, other:size()) end
    end
  end)

  it("passes the wake-up on to who waits behind", function()
    for _ = 1, 20 do
      local list = queues(2)
      local h = blocked(selector(list))
      local a = blocked(task.start(function() return list[1]:get() end))
      local b = blocked(task.start(function() return list[2]:get() end))
      list[1]:put "one"
      list[2]:put "two"
      list[1]:put "three"
      list[2]:put "four"
      h:join()
      assert.is_truthy(a:result(5))
      assert.is_truthy(b:result(5))
      assert.equal(1, list[1]:size() + list[2]:size())
    end
  end)

  it("keeps the order of arrival in each line", function()
    local list, log = queues(2), {}
    local function note(name, fn)
      return blocked(task.start(function()
        local item = fn()
        log[#log + 1] = name .. item
      end))
    end
    note("a", function() return list[1]:get() end)
    note("b", function() return select(2, queue.select(list)) end)
    note("c", function() return list[1]:get() end)
    for i = 1, 3 do list[1]:put(i) end
    helper.wait_for(function() return #log == 3 end)
    assert.same({ "a1", "b2", "c3" }, log)
  end)

  each("many selectors and many putters, nothing lost", function(model)
    local list, up = queues(4, { shared = true }), queue.new(0, { shared = true })
    local n, takers, makers = 400, {}, {}
    for i = 1, 3 do
      takers[i] = model.start(function(from, out)
        local choose = require("heddle.queue").select
        while true do
          local q, item = choose(from)
          if not q then return item end
          out:put(item)
        end
      end, list, up)
    end
    for m = 1, 4 do
      makers[m] = thread.start(function()
        for i = 1, n do list[(m + i) % 4 + 1]:put(m * 10000 + i) end
      end)
    end
    for _, h in ipairs(makers) do h:join() end
    for _, q in ipairs(list) do q:close() end
    for i = 1, 3 do assert.equal("closed", takers[i]:result(15 * helper.slack)) end
    local seen = {}
    for _ = 1, 4 * n do
      local item = up:get(0)
      assert.is_nil(seen[item])
      seen[item] = true
    end
    assert.equal(0, up:size())
    assert_empty(list)
  end)

  it("selectors and getters of all models compete", function()
    local list, up = queues(2, { shared = true }), queue.new(0, { shared = true })
    local all = {}
    for _, name in ipairs(helper.models) do
      local model = require("heddle." .. name)
      all[#all + 1] = model.start(function(from, out)
        local choose = require("heddle.queue").select
        while choose(from) do out:put(true) end
      end, list, up)
      all[#all + 1] = model.start(function(from, out)
        while from:get() do out:put(true) end
      end, list[1], up)
    end
    for i = 1, 400 do list[i % 2 + 1]:put(i) end
    for _ = 1, 400 do assert.is_true(up:get(10 * helper.slack)) end
    for _, q in ipairs(list) do q:close() end
    for _, h in ipairs(all) do assert.is_true(h:join(10 * helper.slack)) end
    assert.equal(0, up:size())
    assert_empty(list)
  end)
end)

describe("fairness", function()
  it("each ready queue is as likely, wherever it stands", function()
    local list, count = queues(16), { [3] = 0, [4] = 0, [11] = 0 }
    for i in pairs(count) do
      for _ = 1, 900 do list[i]:put(i) end
    end
    for _ = 1, 900 do
      local _, item = queue.select(list)
      count[item] = count[item] + 1
    end
    for _, n in pairs(count) do assert.is_true(n > 200 and n < 400, n .. " of 900") end
  end)

  it("of two queues that are always ready both are served", function()
    local list, count = queues(2), { 0, 0 }
    local stop = false
    for i = 1, 2 do
      task.start(function()
        while not stop do
          list[i]:put(i)
          heddle.yield()
        end
      end)
    end
    for _ = 1, 400 do
      local _, item = queue.select(list)
      count[item] = count[item] + 1
    end
    stop = true
    assert.is_true(count[1] > 100 and count[2] > 100)
  end)
end)

describe("closed queues", function()
  it("are passed over", function()
    local list = queues(3)
    list[1]:close()
    list[3]:close()
    local h = blocked(selector(list))
    list[2]:put "x"
    assert.same({ 2, "x" }, { h:result(5) })
    assert.same(timeout, outcome(queue.select(list, 0)))
    assert.same(timeout, outcome(queue.select(list, 0.001)))
  end)

  it("are drained first", function()
    local list = queues(2)
    list[1]:put(1)
    list[1]:close()
    list[2]:close()
    assert.same({ list[1], 1, n = 2 }, outcome(queue.select(list)))
    assert.same(closed, outcome(queue.select(list)))
    assert.same(closed, outcome(queue.select(list, 0)))
    assert.same(closed, outcome(queue.select({ list[2] }, 1)))
  end)

  it("that close while it waits, one after the other", function()
    local list = queues(3)
    local h = blocked(selector(list))
    for i = 1, 3 do
      assert.equal("blocked", h:status())
      list[i]:close()
      heddle.sleep(0.002)
    end
    assert.same({ nil, "closed" }, { h:result(5) })
    assert_empty(list)
  end)

  it("the last open one still serves", function()
    local list = queues(3)
    local h = blocked(selector(list))
    list[1]:close()
    list[2]:close()
    heddle.sleep(0.002)
    list[3]:put "x"
    assert.same({ 3, "x" }, { h:result(5) })
    assert_empty(list)
  end)

  each("from elsewhere", function(model)
    local list = queues(3, { shared = true })
    local h = model.start(function(from)
      local q, item = require("heddle.queue").select(from)
      return q == from[2], item, require("heddle.queue").select(from)
    end, list)
    list[1]:close()
    list[2]:put "x"
    helper.wait_for(function() return list[2]:empty() end)
    list[2]:close()
    list[3]:close()
    local second, item, none, why = h:result(10 * helper.slack)
    assert.same({ true, "x", nil, "closed" }, { second, item, none, why })
  end)
end)

describe("leaving", function()
  it("a cancelled one leaves every line and loses nothing", function()
    local list = queues(3)
    local h = blocked(selector(list))
    local other = blocked(selector(list))
    h:cancel()
    list[2]:put "x"
    assert.same({ 2, "x" }, { other:result(5) })
    h:join()
    assert.equal("cancelled", h:status())
    assert_empty(list)
  end)

  it("one that is cancelled before it takes, though an item is there", function()
    local q = queue.new()
    q:put(1)
    local h = task.start(function() return queue.select { q } end)
    local main = task.start(function()
      task.current():cancel()
      return queue.select { q }
    end)
    h:join()
    q:put(2)
    main:join()
    assert.equal("cancelled", main:status())
    assert.equal(2, q:get(0))
  end)

  it("one that timed out as an item came loses nothing", function()
    for _ = 1, 50 do
      local list = queues(2)
      local h = thread.start(function() return select(2, queue.select(list, 0.0003)) end)
      heddle.sleep(0.0003)
      list[2]:put "x"
      local item = h:result(5)
      if item == "timeout" then item = list[2]:get(0) end
      assert.equal("x", item)
      assert_empty(list)
    end
  end)

  it("a process that is killed while it waits is in no line", function()
    for _ = 1, 5 do
      local list = queues(4, { shared = true })
      local h = process.start(function(from)
        return require("heddle.queue").select(from)
      end, list)
      helper.wait_for(function() return waiting(list[1]) == 1 and waiting(list[4]) == 1 end)
      local behind = blocked(selector(list))
      h:kill()
      h:join()
      list[3]:put "x"
      assert.same({ 3, "x" }, { behind:result(5 * helper.slack) })
      assert_empty(list)
    end
  end)

  it("processes killed at random take nothing they did not get", function()
    local list, up = queues(3, { shared = true }), queue.new(0, { shared = true })
    local rng, n = heddle.rng(3), 150
    local function work(from, out)
      local choose = require("heddle.queue").select
      while true do
        local q, item = choose(from)
        if not q then return end
        out:put(item)
      end
    end
    local all = {}
    for i = 1, 3 do all[i] = process.start({ method = "forkserver" }, work, list, up) end
    local maker = task.start(function()
      for i = 1, n do
        list[rng(3)]:put(i)
        if i % 10 == 0 then heddle.sleep(0.001) end
      end
    end)
    for _ = 1, 5 do
      local i = rng(3)
      heddle.sleep(0.004)
      all[i]:kill()
      all[i]:join()
      all[i] = process.start({ method = "forkserver" }, work, list, up)
    end
    maker:join()
    for _, q in ipairs(list) do q:close() end
    for i = 1, 3 do assert.is_true(all[i]:join(10 * helper.slack)) end
    local seen, got = {}, 0
    for item in function() return (up:try_get()) end do
      assert.is_nil(seen[item])
      seen[item] = true
      got = got + 1
    end
    assert.is_true(got >= n - 5, got .. " items came") -- each of the killed had one at most in hand
    assert_empty(list)
  end)
end)

describe("reports", function()
  it("a deadlock is seen through it", function()
    local result = helper.script([[
      local queue, task = require "heddle.queue", require "heddle.task"
      local a, b = queue.new(), queue.new(0, { shared = true })
      require "heddle.process".start(function(x, y)
        return require "heddle.queue".select { x, y }
      end, a, b)
      task.start(function() return queue.select { a, b } end)
      queue.select { a, b }
    ]])
    assert.equal(3, result.code)
    local _, lines = result.err:gsub("waits for select of 2 queues at %S+:%d+", "")
    assert.equal(3, lines, result.err)
  end)

  it("one that can still be served is none", function()
    local result = helper.script([[
      local queue, task = require "heddle.queue", require "heddle.task"
      local a, b = queue.new(), queue.new()
      task.start(function()
        require "heddle".sleep(0.05)
        b:put "x"
      end)
      print(select(2, queue.select { a, b }))
    ]])
    assert.equal("x\n", result.all)
  end)

  it("after its first queue was closed it is still named", function()
    local result = helper.script([[
      local queue, task = require "heddle.queue", require "heddle.task"
      local a, b = queue.new(), queue.new()
      task.start(function()
        require "heddle".sleep(0.02)
        a:close()
      end)
      queue.select { a, b }
    ]])
    assert.equal(3, result.code)
    assert.matches("main waits for select of 2 queues at %S+:7",
      result.err)
  end)
end)

describe("misuse", function()
  it("is named", function()
    local q = queue.new()
    helper.raises("queue.select: queues: .*%[no%-queues%]$", queue.select, {})
    helper.raises("queue.select: queues: a list of queues expected, got nil", queue.select, nil)
    helper.raises("queue.select: queues: a list of queues expected, got userdata", queue.select, q)
    helper.raises("queue.select: queues%[2%]: a queue .*, got string", queue.select, { q, "x" })
    helper.raises("queue.select: timeout: .*%[bad%-time%]$", queue.select, { q }, -1)
    helper.raises("queue.select: timeout: ", queue.select, { q }, "x")
    assert.equal(0, waiting(q))
  end)

  it("where it can't block it only takes", function()
    local q = queue.new()
    local function choose() return select(2, queue.select { q }) end
    helper.raises("cannot%-block", table.sort, { 1, 2, 3 }, choose)
    q:put(1)
    local got
    table.sort({ 1, 2 }, function()
      got = got or choose()
      return false
    end)
    assert.equal(1, got)
  end)
end)
