-- A process is killed after its Nth store into shared memory, for every N of every operation of the
-- lock, alone and with waiters of all four models; and a reaper in the middle of a burial.

local helper = require "spec.helper"
local steps = require "spec.steps"
local heddle = require "heddle"
local process = require "heddle.process"
local queue = require "heddle.queue"
local sync = require "heddle.sync"

helper.case_limit = 120

local waiting, blocked_or_dead = steps.waiting, steps.blocked_or_dead

local function case(name, options)
  it(name, function()
    if steps.impossible then pending(steps.impossible) end
    steps.run(options)
  end)
end

local function lock_works(world)
  assert.is_true((world.lock:acquire(1 * helper.slack)))
  world.lock:release()
  assert.is_true((world.lock:acquire(0)))
  world.lock:release()
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
    if steps.impossible then pending(steps.impossible) end
    for n = 0, steps.most do
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
      steps.queue_works(w)
      if h:exitcode() == 0 then return end
    end
  end)
end)
