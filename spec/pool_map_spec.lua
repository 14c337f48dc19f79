-- pool:map and pool:imap, under all models.

local helper = require "spec.helper"
local pool = require "heddle.pool"
local shared = require "heddle.shared"
local sync = require "heddle.sync"
local queue = require "heddle.queue"
local task = require "heddle.task"

local each = helper.each_pool
local copying = { "isolates", "processes" }
local raises = helper.raises

local function range(n)
  local list = {}
  for i = 1, n do list[i] = i end
  return list
end

local function square(x) return x * x end
local function give(...) return ... end

describe("pool:map", function()
  each("keeps the order, in chunks of any size, nils included", function(model)
    local p <close> = pool.new(model, 2)
    for _, chunk in ipairs { 1, 3, 100 } do
      local r = p:map(function(x) return x % 3 > 0 and x * x or nil end, range(20),
        { chunk = chunk })
      assert.equal(20, r.n)
      for i = 1, 20 do assert.equal(i % 3 > 0 and i * i or nil, r[i]) end
    end
    assert.same({ 3, 7 }, p:starmap(function(a, b) return a + b end, { { 1, 2 }, { 3, 4 } }))
    assert.same({ 3, 7 }, p:starmap(function(a, b) return a + b end, { { 1, 2 }, { 3, 4 } },
      { chunk = 2 }))
    assert.same({}, p:map(square, {}))
  end)

  each("raises the error of the first that failed, and begins no more", function(model)
    local p <close> = pool.new(model, 2)
    local begun = shared.value("int", 0)
    raises("^broke: 3", p.map, p, function(x)
      begun:add(1)
      if x >= 3 then error("broke: " .. x, 0) end
    end, range(3000))
    assert.is_true(begun:get() < 3000)
    assert.same({ 1, 4 }, p:map(square, { 1, 2 }))
  end)

  each("runs out of time", function(model)
    local p = pool.new(model, 1)
    local event, begun = sync.event(), shared.value("int", 0)
    local function job()
      begun:add(1)
      event:wait()
    end
    assert.same({ n = 2, nil, "timeout" },
      table.pack(p:map(job, range(3), { timeout = 0.02 })))
    event:set()
    p:close()
    p:join()
    assert.is_true(begun:get() <= 1)
  end)

  it("refuses wrong arguments and options", function()
    local p <close> = pool.new("task", 1)
    raises("pool:map: list: a table expected, got nil", p.map, p, square)
    raises("pool:map: list.n: .*got %-1 %[bad%-argument%]$", p.map, p, square, { 1, n = -1 })
    raises("pool:imap: list.n: .*got \"x\" %[bad%-argument%]$", p.imap, p, square, { 1, n = "x" })
    local squares = p:map(square, { 1, 2 }, { chunk = math.maxinteger })
    assert.same({ 1, 4 }, table.move(squares, 1, 2, 1, {}))
    raises("pool:map: chunk: a whole number >= 1 expected, got 0", p.map, p, square, {},
      { chunk = 0 })
    raises("pool:map: timeout: a number of seconds >= 0", p.map, p, square, {}, { timeout = -1 })
    raises("pool:map: options: unknown option 'size' %(there are: chunk, timeout%)", p.map, p,
      square, {}, { size = 1 })
    raises("pool:starmap: item 2: a list of arguments expected", p.starmap, p, square, { {}, 1 })
    raises("pool:imap: iterable: a list or an iterator function expected", p.imap, p, square, 5)
  end)

  each("says what can't be copied", function(model)
    local p <close> = pool.new(model, 1)
    local file = io.stdout
    raises("^can't copy args%[1%]: userdata", p.map, p, give, { 1, file })
    raises("^can't copy upvalue file: userdata", p.map, p, function() return file end, { 1 })
    local function make() return coroutine.create(print) end
    raises("can't copy results%[1%]", p.map, p, make, { 1 })
    assert.same({ 1 }, p:map(give, { 1 }))
  end, copying)
end)

describe("pool:imap", function()
  each("gives place and result in order, an error in its place, and goes on", function(model)
    local p <close> = pool.new(model, 2)
    local step = p:imap(function(x)
      if x == 2 then error("broke", 0) end
      return x * 10
    end, { 1, 2, 3 })
    assert.same({ 1, 10 }, { step() })
    raises("^broke", step)
    assert.same({ 3, 30 }, { step() })
    assert.is_nil(step())
    assert.is_nil(step())
  end)

  each("takes from an iterator only as it goes on", function(model)
    local p <close> = pool.new(model, 2)
    local asked = 0
    local function naturals()
      asked = asked + 1
      return asked
    end
    for i, square_of in p:imap(square, naturals) do
      assert.equal(i * i, square_of)
      if i == 10 then break end
    end
    assert.is_true(asked < 100)
  end)

  each("raises what the iterator raises, after what came before", function(model)
    local p <close> = pool.new(model, 2)
    local n, got = 0, {}
    raises("dry", function()
      for i, v in p:imap(square, function()
        n = n + 1
        if n == 3 then error("dry", 0) end
        return n
      end) do
        got[i] = v
      end
    end)
    assert.same({ 1, 4 }, got)
    assert.equal(9, p:apply(square, 3))
  end)

  each("may be read by several tasks", function(model)
    local p <close> = pool.new(model, 2)
    local n, got, readers = 0, {}, {}
    local step = p:imap(square, function()
      task.yield()
      n = n + 1
      return n <= 40 and n or nil
    end)
    for i = 1, 3 do
      readers[i] = task.start(function()
        for place, value in step do got[#got + 1] = { place, value } end
      end)
    end
    task.gather(readers)
    table.sort(got, function(a, b) return a[1] < b[1] end)
    assert.equal(40, #got)
    for i = 1, 40 do assert.same({ i, i * i }, got[i]) end
  end)

  each("takes what the generic for does", function(model)
    local p <close> = pool.new(model, 2)
    local q, got = queue.new(), {}
    q:put_many { 1, 2, 3 }
    q:close()
    for i, v in p:imap(square, q:items()) do got[i] = v end
    assert.same({ 1, 4, 9 }, got)
    for _, v in p:imap_unordered(square, ipairs { "a", "b" }) do got[#got + 1] = v end
    table.sort(got)
    assert.same({ 1, 1, 4, 4, 9 }, got)
  end)

  each("unordered: gives each once, the quick before the slow", function(model)
    local p <close> = pool.new(model, 2)
    local event, got = sync.event(), {}
    for i, v in p:imap_unordered(function(x)
      if x == 1 then event:wait() end
      return x
    end, range(20)) do
      assert.equal(i, v)
      got[#got + 1] = v
      if #got == 15 then event:set() end
    end
    assert.is_true(got[1] ~= 1)
    table.sort(got)
    assert.same(range(20), got)
  end)
end)
