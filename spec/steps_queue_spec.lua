-- A process is killed after its Nth store into shared memory, for every N of every operation of the
-- queue and of select, alone and with waiters of all four models.

local helper = require "spec.helper"
local steps = require "spec.steps"
local queue = require "heddle.queue"

helper.case_limit = 120

local waiting, blocked_or_dead = steps.waiting, steps.blocked_or_dead
local drained, queue_works = steps.drained, steps.queue_works

local function case(name, options)
  it(name, function()
    if steps.impossible then pending(steps.impossible) end
    steps.run(options)
  end)
end

-- The list is from..to without gaps, where from and to lie in the given ranges.
local function assert_run(list, first, last)
  for i = 2, #list do assert.equal(list[1] + i - 1, list[i]) end
  local from, to = list[1], list[#list]
  if not from then
    assert.is_true(first[2] > last[1], "all items are gone")
    return
  end
  assert.is_true(from >= first[1] and from <= first[2], ("begins with %d"):format(from))
  assert.is_true(to >= last[1] and to <= last[2], ("ends with %d"):format(to))
end

local function fill(k)
  return function(w) for i = 1, k do w.queue:put(i) end end
end

local function get_waiter(q, _, up, i)
  local item = q:get()
  up:put { i, item }
end

-- The four getters are served with what is there and what is put now, each item once.
local function getters_served(extra, doubtful)
  return function(w)
    for i = 1, 4 do w.queue:put(100 + i) end
    local seen, n = {}, 0
    for _ = 1, 4 do
      local got = assert(w.up:get(1 * helper.slack), "a getter was not served")
      assert.is_nil(seen[got[2]])
      seen[got[2]] = true
    end
    for _, item in ipairs(drained(w)) do
      assert.is_nil(seen[item])
      seen[item] = true
    end
    for i = 1, 4 do assert.is_true(seen[100 + i]) end
    for i = 1, extra do n = n + (seen[i] and 1 or 0) end
    assert.is_true(n == extra or doubtful)
    queue_works(w)
  end
end

local function put_waiter(q, _, up, i)
  local put = q:put(100 + i)
  up:put(put and i or 0)
end

describe("the queue, killed at each store of", function()
  local function put_of(k)
    return function(w, died)
      assert_run(drained(w), { 1, 1 }, { died and 3 or 3 + k, 3 + k })
      queue_works(w)
    end
  end
  case("put", {
    setup = fill(3), act = function(w) w.queue:put(4) end, check = put_of(1),
  })
  case("put into an empty one", {
    act = function(w) w.queue:put(1) end,
    check = function(w)
      assert_run(drained(w), { 1, 2 }, { 0, 1 })
      queue_works(w)
    end,
  })
  case("try_put", {
    setup = fill(3), act = function(w) w.queue:try_put(4) end, check = put_of(1),
  })
  case("put_many, over several chunks", {
    setup = fill(3),
    act = function(w)
      local list = {}
      for i = 4, 12 do list[#list + 1] = ("%d "):format(i):rep(40) end
      w.queue:put_many(list)
    end,
    check = put_of(9),
  })
  case("put of a large item", {
    setup = fill(3), act = function(w) w.queue:put(("4 "):rep(6000)) end, check = put_of(1),
  })
  case("put with getters of each model waiting", {
    act = function(w) w.queue:put(1) end,
    wait = get_waiter, on = "queue",
    check = getters_served(1, true),
  })
  case("put into a full one", {
    maxsize = 3, setup = fill(3), act = function(w) w.queue:put(4) end,
    during = function(w, h)
      blocked_or_dead("queue")(w, h)
      assert.equal(1, w.queue:get(20))
    end,
    check = function(w)
      assert_run(drained(w), { 2, 2 }, { 3, 4 })
      queue_works(w)
    end,
  })
  case("put with a time-out into a full one", {
    maxsize = 3, setup = fill(3), act = function(w) w.queue:put(4, 0.01) end,
    check = function(w)
      assert_run(drained(w), { 1, 1 }, { 3, 3 })
      queue_works(w)
    end,
  })
  case("put behind putters of each model", {
    maxsize = 1, setup = fill(1), act = function(w) w.queue:put(2) end,
    wait = put_waiter, on = "queue",
    during = function(w, h)
      blocked_or_dead("queue", 5)(w, h)
      w.seen = {}
      for _ = 1, 5 do w.seen[assert(w.queue:get(1 * helper.slack), "a putter is stuck")] = true end
    end,
    check = function(w)
      for _, item in ipairs(drained(w)) do w.seen[item] = true end
      for i = 101, 104 do assert.is_true(w.seen[i]) end
      assert.is_true(w.seen[1])
      queue_works(w)
    end,
  })

  local function get_of(k)
    return function(w, died)
      assert_run(drained(w), { died and 1 or 1 + k, 1 + k }, { 12, 12 })
      queue_works(w)
    end
  end
  case("get", { setup = fill(12), act = function(w) w.queue:get() end, check = get_of(1) })
  case("try_get", { setup = fill(12), act = function(w) w.queue:try_get() end, check = get_of(1) })
  case("get_many, over several chunks", {
    setup = function(w)
      for i = 1, 12 do w.queue:put(("%d "):format(i):rep(40)) end
    end,
    act = function(w) w.queue:get_many(9) end, check = get_of(9),
  })
  case("get of a large item", {
    setup = function(w)
      w.queue:put(("1 "):rep(6000))
      for i = 2, 12 do w.queue:put(i) end
    end,
    act = function(w) w.queue:get() end, check = get_of(1),
  })
  case("get of the last item", {
    setup = fill(1), act = function(w) w.queue:get() end,
    check = function(w)
      assert.is_true(#drained(w) <= 1)
      queue_works(w)
    end,
  })
  case("get from an empty one", {
    act = function(w) w.queue:get() end,
    during = function(w, h)
      blocked_or_dead("queue")(w, h)
      w.queue:put(1)
      w.queue:put(2)
    end,
    check = function(w, died)
      assert_run(drained(w), { died and 1 or 2, 2 }, { 2, 2 })
      queue_works(w)
    end,
  })
  case("get with a time-out from an empty one", {
    act = function(w) w.queue:get(0.01) end, check = queue_works,
  })
  case("get with putters of each model waiting", {
    maxsize = 1, setup = fill(1), act = function(w) w.queue:get() end,
    wait = put_waiter, on = "queue",
    check = function(w)
      local seen, n = {}, 0
      while n < 4 do
        local item = assert(w.queue:get(1 * helper.slack), "a putter is stuck")
        assert.is_nil(seen[item])
        seen[item] = true
        n = n + (item > 100 and 1 or 0)
      end
      queue_works(w)
    end,
  })
  case("get behind getters of each model", {
    act = function(w) w.queue:get() end,
    wait = get_waiter, on = "queue",
    during = function(w, h)
      blocked_or_dead("queue", 5)(w, h)
      for i = 1, 5 do w.queue:put(i) end
    end,
    check = function(w)
      local seen = {}
      for _ = 1, 4 do
        local got = assert(w.up:get(1 * helper.slack), "a getter was not served")
        assert.is_nil(seen[got[2]])
        seen[got[2]] = true
      end
      for _, item in ipairs(drained(w)) do assert.is_nil(seen[item]) end
      queue_works(w)
    end,
  })

  local function closed(w)
    w.queue:close()
    for _ = 1, 4 do assert.same({ "closed" }, w.up:get(1 * helper.slack)) end
    assert.same({ nil, "closed" }, { w.queue:put(1) })
    assert.same({ nil, "closed" }, { w.queue:get() })
  end
  case("close with getters of each model waiting", {
    act = function(w) w.queue:close() end, on = "queue", check = closed,
    wait = function(q, _, up) up:put { select(2, q:get()) } end,
  })
  case("close with putters of each model waiting", {
    maxsize = 1, setup = fill(1), act = function(w) w.queue:close() end, on = "queue",
    wait = function(q, _, up) up:put { select(2, q:put(5)) } end,
    check = function(w)
      w.queue:close()
      assert.equal(1, w.queue:get(20))
      closed(w)
    end,
  })
  case("the last task_done with joiners of each model waiting", {
    setup = function(w) w.queue:put(1) w.queue:get() end,
    act = function(w) w.queue:task_done() end, on = "queue",
    wait = function(q, _, up) up:put { q:join() } end,
    check = function(w)
      pcall(w.queue.task_done, w.queue)
      for _ = 1, 4 do assert.same({ true }, w.up:get(1 * helper.slack)) end
      queue_works(w)
    end,
  })
  case("join", {
    setup = function(w) w.queue:put(1) w.queue:get() end,
    act = function(w) w.queue:join() end,
    during = function(w, h)
      blocked_or_dead("queue")(w, h)
      w.queue:task_done()
    end,
    check = function(w)
      assert.is_true((w.queue:join(20)))
      queue_works(w)
    end,
  })
  -- In a program of its own: what was in the dead one's hand stays in the arena until the end.
  it("handing another queue over", function()
    if steps.impossible then pending(steps.impossible) end
    local result = helper.script([[
      local process, queue = require "heddle.process", require "heddle.queue"
      for n = 0, 2000 do
        local q = queue.new(0, {shared = true})
        local h = process.start({method = "fork"}, function(target, steps)
          local die_after = require "heddle.native.sync".die_after
          local other = require "heddle.queue".new()
          for i = 1, 5 do other:put(("%d "):format(i):rep(30)) end
          die_after(steps)
          target:put(other)
          die_after(-1)
        end, q, n)
        assert(h:join(10))
        local fine, why = pcall(h.result, h)
        assert(fine or h:exitcode() == -9, why)
        local other = q:try_get()
        assert(other or not fine)
        for i = 1, other and 5 or 0 do assert(other:get(20) == ("%d "):format(i):rep(30)) end
        assert(q:put(1) and q:get(20) == 1 and q:size() == 0)
        if fine then print(n > 20 and "fine" or n) break end
      end
    ]], { limit = 60 })
    assert.equal("fine\n", result.all)
  end)
end)

-- Of the items 1..last those before `first` may be gone, and those after `sure` may be missing.
local function ordered(kind, first, sure, last)
  return function(w)
    local list, seen = drained(w), {}
    for i, item in ipairs(list) do
      assert.is_nil(seen[item])
      seen[item] = true
      assert.is_true(item >= 1 and item <= last)
      if i > 1 then assert.is_true((list[i - 1] < item) == (kind == "priority")) end
    end
    for i = first, sure do assert.is_true(seen[i], i .. " is gone") end
    w.queue:put_many { 7, 3, 9, 1, 8 }
    local expected = kind == "priority" and { 1, 3, 7, 8, 9 } or { 8, 1, 9, 3, 7 }
    assert.same(expected, drained(w))
  end
end

for _, kind in ipairs { "lifo", "priority" } do
  local function several(from, to) -- a priority queue's in an order that makes them move
    local list = {}
    for i = from, to do table.insert(list, kind == "priority" and 1 or #list + 1, i) end
    return list
  end
  describe(("the queue of kind %s, killed at each store of"):format(kind), function()
    case("put_many, growing", {
      kind = kind,
      setup = function(w) w.queue:put_many(several(1, 4)) end,
      act = function(w) w.queue:put_many(several(5, 14)) end,
      check = ordered(kind, 1, 4, 14),
    })
    case("get_many", {
      kind = kind,
      setup = function(w) w.queue:put_many(several(1, 14)) end,
      act = function(w) w.queue:get_many(9) end,
      check = ordered(kind, kind == "lifo" and 1 or 10, kind == "lifo" and 5 or 14, 14),
    })
    case("put with getters of each model waiting", {
      kind = kind,
      act = function(w) w.queue:put(1) end,
      wait = get_waiter, on = "queue",
      check = function(w)
        for i = 1, 4 do w.queue:put(100 + i) end
        for _ = 1, 4 do assert(w.up:get(1 * helper.slack), "a getter was not served") end
        assert.is_true(#drained(w) <= 1)
      end,
    })
  end)
end

describe("select over three queues, killed at each store of", function()
  local function choose(w) return queue.select({ w.queue, w.side, w.go }) end
  local function with_side(w) w.side = queue.lifo(0, { shared = true }) end
  -- The queues work, nobody is in a line, and of two items at most one is gone.
  local function check(w, died)
    local left = w.queue:size() + w.side:size()
    assert.is_true(left == 1 or (died and left == 2), left .. " left")
    while w.side:try_get() do end
    drained(w)
    assert.is_true(waiting(w.side, 0) and waiting(w.go, 0))
    queue_works(w)
    w.side:put(1)
    assert.equal(1, w.side:get(0))
  end
  local function put_both(w)
    w.queue:put(1)
    w.side:put(2)
  end
  case("a take of what is there", {
    setup = function(w)
      with_side(w)
      put_both(w)
    end,
    act = choose, check = check,
  })
  case("a wait for what comes", {
    setup = with_side, act = choose,
    during = function(w, h)
      blocked_or_dead("queue")(w, h)
      put_both(w)
    end,
    check = check,
  })
  case("a wait that times out", {
    setup = with_side,
    act = function(w) queue.select({ w.queue, w.side, w.go }, 0.01) end,
    check = function(w)
      put_both(w)
      w.queue:get()
      check(w)
    end,
  })
  case("a wait before getters of each model", {
    setup = with_side,
    prepare = function(w)
      w.up:put(true)
    end,
    act = choose,
    wait = get_waiter, on = "queue",
    during = function(w, h)
      blocked_or_dead("queue", 5)(w, h)
      for i = 1, 5 do w.queue:put(i) end
    end,
    check = function(w)
      for _ = 1, 4 do assert(w.up:get(1 * helper.slack), "a getter was not served") end
      drained(w)
      queue_works(w)
    end,
  })
end)
