-- A process is killed after its Nth store into shared memory, for every N of every operation of the
-- lock and the queue, alone and with waiters of all four models; and a reaper in the middle of a
-- burial. The survivors must go on as if it had died before or after.

local helper = require "spec.helper"
local heddle = require "heddle"
local process = require "heddle.process"
local queue = require "heddle.queue"
local sync = require "heddle.sync"

helper.case_limit = 120

local stress = require("heddle.native.sync").die_after ~= nil
local reason = "only the stress build can die at a chosen store"
local MOST = 2000 -- stores that no operation comes near

local function waiting(object, n)
  return tostring(object):find((" %d waiting"):format(n), 1, true) ~= nil
end

-- What the victim runs: `prepare` in peace, then `act` with the Nth store as its last.
local function victim(world, n, prepare, act)
  local die_after = require("heddle.native.sync").die_after
  if prepare then prepare(world) end
  if world.go then world.go:get() end
  die_after(n)
  act(world)
  die_after(-1)
end

local models = { "task", "thread", "isolate", "process" }

local function start_waiters(world, wait)
  world.waiters = {}
  for i, name in ipairs(models) do
    world.waiters[i] = require("heddle." .. name).start(wait, world.queue, world.lock, world.up, i)
  end
end

-- One case: `setup(world)` in the root, `prepare` and `act` in the victim, `wait` in four waiters
-- before `act`, `during(world, handle)` while it may block, `check(world, n)` afterwards.
local function steps(case)
  for n = 0, MOST do
    local world = {
      queue = queue[case.kind or "new"](case.maxsize or 0, { shared = true }),
      lock = sync.lock(),
      up = queue.new(0, { shared = true }),
      go = queue.new(0, { shared = true }),
    }
    if case.setup then case.setup(world) end
    local shared = { queue = world.queue, lock = world.lock, up = world.up, go = world.go,
      side = world.side }
    local h = process.start({ method = case.method or "forkserver" }, victim, shared, n,
      case.prepare, case.act)
    if case.prepare then assert(world.up:get(10)) end
    if case.wait then
      start_waiters(world, case.wait)
      helper.wait_for(function() return waiting(world[case.on], #models) end)
    end
    world.go:put(true)
    if case.during then case.during(world, h) end
    local where = ("killed after store %d"):format(n)
    assert.is_true(h:join(10 * helper.slack), where)
    local code = h:exitcode()
    local fine, why = pcall(h.result, h)
    if not fine and code ~= -9 then error(why, 0) end
    local ok, err = pcall(case.check, world, code == -9)
    if not ok then error(("%s: %s"):format(where, tostring(err)), 0) end
    for _, waiter in ipairs(world.waiters or {}) do
      assert.is_true(waiter:join(2 * helper.slack), where .. ": a waiter has no end")
    end
    assert.is_true(waiting(world.queue, 0) and waiting(world.lock, 0), where)
    if code == 0 then return n end
  end
  error("the operation never came to its end")
end

local function case(name, options)
  it(name, function()
    if not stress then pending(reason) end
    local n = steps(options)
    assert.is_true(n > 0)
  end)
end

local function lock_works(world)
  assert.is_true((world.lock:acquire(1 * helper.slack)))
  world.lock:release()
  assert.is_true((world.lock:acquire(0)))
  world.lock:release()
end

-- Blocks until the victim waits or is dead.
local function blocked_or_dead(object, n)
  return function(world, h)
    helper.wait_for(function() return waiting(world[object], n or 1) or not h:alive() end)
  end
end

local function lock_waiter(_, lock, up, i)
  local got = lock:acquire()
  up:put(got and i or 0)
  lock:release()
end

-- Each of the waiters got the lock.
local function lock_served(world)
  local seen = 0
  for _ = 1, 4 do
    local i = assert(world.up:get(1 * helper.slack), "a waiter was not served")
    seen = seen | 1 << i
  end
  assert.equal(30, seen)
  lock_works(world)
end

describe("the lock, killed at each store of", function()
  case("acquire of a free one", {
    act = function(w) w.lock:acquire() end,
    check = lock_works,
  })
  case("acquire of a held one", {
    setup = function(w) w.lock:acquire() end,
    act = function(w) w.lock:acquire() end,
    during = function(w, h)
      blocked_or_dead("lock")(w, h)
      w.lock:release()
    end,
    check = lock_works,
  })
  case("acquire with a time-out", {
    setup = function(w) w.lock:acquire() end,
    act = function(w) w.lock:acquire(0.01) end,
    check = function(w)
      w.lock:release()
      lock_works(w)
    end,
  })
  case("release with nobody waiting", {
    prepare = function(w) w.lock:acquire() w.up:put(true) end,
    act = function(w) w.lock:release() end,
    check = lock_works,
  })
  case("release with waiters of each model", {
    prepare = function(w) w.lock:acquire() w.up:put(true) end,
    act = function(w) w.lock:release() end,
    wait = lock_waiter, on = "lock",
    check = lock_served,
  })
  case("acquire while a waiter that was told of a release does not come", {
    prepare = function(w) w.lock:acquire() w.up:put(true) end,
    act = function(w)
      w.lock:release()
      w.lock:acquire()
      w.lock:release()
    end,
    wait = lock_waiter, on = "lock",
    during = function(_, h)
      local limit = heddle.now() + 0.02 -- the first waiter is a task of this thread
      while h:alive() and heddle.now() < limit do end -- luacheck: ignore 542
    end,
    check = lock_served,
  })
  case("hold and the guard's release", {
    act = function(w) w.lock:hold():release() end,
    check = lock_works,
  })
  case("acquire behind waiters of each model", {
    setup = function(w) w.lock:acquire() end,
    act = function(w) w.lock:acquire() end,
    wait = lock_waiter, on = "lock",
    during = function(w, h)
      blocked_or_dead("lock", 5)(w, h)
      w.lock:release()
    end,
    check = lock_served,
  })
end)

-- What is in the queue now, after its size was found right and all of it was taken.
local function drained(w)
  local size, list = w.queue:size(), {}
  while true do
    local item = w.queue:try_get()
    if item == nil then break end
    list[#list + 1] = type(item) == "string" and tonumber(item:match "%d+") or item
  end
  assert.equal(#list, size)
  assert.equal(0, w.queue:size())
  return list
end

local function queue_works(w)
  for round = 1, 12 do
    assert.is_true((w.queue:put(("x"):rep(60) .. round, 1)))
    assert.equal(("x"):rep(60) .. round, w.queue:get(1))
  end
  local big = ("y"):rep(9000)
  assert.is_true((w.queue:put(big, 1)))
  assert.equal(big, w.queue:get(1))
  assert.equal(0, w.queue:size())
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
      assert.equal(1, w.queue:get(1))
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
      assert.equal(1, w.queue:get(1))
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
      assert.is_true((w.queue:join(1)))
      queue_works(w)
    end,
  })
  -- In a program of its own: what was in the dead one's hand stays in the arena until the end.
  it("handing another queue over", function()
    if not stress then pending(reason) end
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
        for i = 1, other and 5 or 0 do assert(other:get(1) == ("%d "):format(i):rep(30)) end
        assert(q:put(1) and q:get(1) == 1 and q:size() == 0)
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

describe("a reaper, killed at each store of a burial,", function()
  -- The middle one's child dies holding the lock and waiting in the queue.
  local function middle(w, n)
    local p, native = require "heddle.process", require "heddle.native.sync"
    local child = p.start({ method = "fork" }, function(w2)
      w2.lock:acquire()
      w2.up:put(require("lfs").symlinkattributes("/proc/self", "target"))
      w2.queue:get()
    end, w)
    w.go:get()
    native.die_after(n)
    child:kill()
    child:join()
    native.die_after(-1)
  end

  it("leaves the burial to the next", function()
    if not stress then pending(reason) end
    for n = 0, MOST do
      local w = { lock = sync.lock() }
      for _, name in ipairs { "queue", "up", "go" } do w[name] = queue.new(0, { shared = true }) end
      local h = process.start({ method = "spawn" }, middle, w, n)
      local pid = assert(w.up:get(10))
      helper.wait_for(function() return waiting(w.queue, 1) end)
      w.go:put(true)
      local where = "killed after store " .. n
      assert.is_true(h:join(10 * helper.slack), where)
      local got, why = w.lock:acquire(2 * helper.slack)
      assert.same({ true, "abandoned" }, { got, why }, where)
      w.lock:release()
      helper.wait_for(function() return waiting(w.queue, 0) end, 2, where .. ": the waiter's end")
      helper.wait_for(function() return helper.slurp("/proc/" .. pid .. "/stat") == "" end, 2,
        where .. ": the child's end")
      queue_works(w)
      if h:exitcode() == 0 then return end
    end
  end)
end)
