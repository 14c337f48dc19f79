-- A process that dies at any store into shared memory while it uses a primitive leaves it usable:
-- only in the stress build, where the moment can be chosen.

local helper = require "spec.helper"
local native = require "heddle.native.sync"
local heddle = require "heddle"
local process = require "heddle.process"
local queue = require "heddle.queue"
local shared = require "heddle.shared"
local sync = require "heddle.sync"
local task = require "heddle.task"

local MOMENTS = tonumber(os.getenv "DEATH_MOMENTS" or "") or 20

-- For each: what is used, how the victim uses it again and again, and what must hold afterwards.
local cases = {
  event = {
    make = sync.event,
    use = function(event)
      event:set()
      event:wait(0.001)
      event:clear()
      event:wait(0.0001)
    end,
    check = function(event)
      local waiter = task.start(function() return event:wait(5) end)
      task.yield()
      event:set()
      assert(waiter:result())
    end,
  },
  latch = {
    make = function() return sync.latch(1000000) end,
    use = function(latch)
      latch:count_down()
      latch:wait(0.0001)
    end,
    check = function(latch)
      local waiter = task.start(function() return latch:wait(5) end)
      task.yield()
      latch:count_down(1000000)
      assert(waiter:result())
    end,
  },
  rlock = {
    make = sync.rlock,
    use = function(lock)
      local _ <close> = lock:hold()
      local _ <close> = lock:hold()
    end,
    check = function(lock)
      for _ = 1, 2 do
        assert(lock:acquire(5))
        lock:release()
      end
      assert(not lock:locked())
    end,
  },
  condition = {
    make = sync.condition,
    use = function(condition)
      local _ <close> = condition:hold()
      condition:notify()
      condition:wait(0.0001)
    end,
    check = function(condition)
      local waiter = task.start(function()
        local _ <close> = condition:hold()
        return condition:wait(5)
      end)
      task.yield()
      assert(condition:acquire(5))
      condition:notify()
      condition:release()
      assert(waiter:result())
    end,
  },
  semaphore = {
    make = function() return sync.semaphore(2) end,
    use = function(semaphore)
      local _ <close> = semaphore:hold()
      local _ <close> = semaphore:hold(0.0001)
      local _ <close> = semaphore:hold(0.0001)
    end,
    check = function(semaphore)
      helper.wait_for(function() return semaphore:value() == 2 end)
      local _ <close> = assert(semaphore:hold(5))
      local _ <close> = assert(semaphore:hold(5))
    end,
  },
  barrier = {
    make = function() return sync.barrier(2) end,
    use = function(barrier)
      if not barrier:wait(0.0005) then barrier:reset() end
    end,
    check = function(barrier)
      barrier:reset()
      local other = task.start(function() return barrier:wait(5) end)
      task.yield()
      assert(barrier:wait(5) == 1)
      assert(other:result() == 0)
    end,
  },
  rwlock = {
    make = sync.rwlock,
    use = function(lock)
      do local _ <close> = lock:read() end
      do
        local _ <close> = lock:write()
        local _ <close> = lock:read(0.0001)
      end
    end,
    check = function(lock)
      do local _ <close> = assert(lock:write(5)) end
      local _ <close> = assert(lock:read(5))
      assert(not lock:write(0))
    end,
  },
  dict = {
    make = shared.dict,
    use = function(dict)
      dict.a = { 1 }
      dict.b = dict.a
      dict.a = nil
    end,
    check = function(dict)
      for _, value in pairs(dict) do assert(value[1] == 1) end
      dict.a = { 1 }
      assert(dict.a[1] == 1)
    end,
  },
}

local function victim(object, use, moment)
  require("heddle.native.sync").die_after(moment)
  while true do use(object) end
end

-- Users in this process, until the table's `over` is set.
local function start_users(state, object, use)
  local users = {}
  for i = 1, state.users do
    users[i] = task.start(function()
      while not state.over do
        use(object)
        task.yield()
      end
    end)
  end
  return users
end

local function die_at(moment, case, users)
  local object, state = case.make(), { users = users }
  local here = start_users(state, object, case.use)
  local worker = process.start(victim, object, case.use, moment)
  assert(worker:join(10), "the victim does not die")
  assert.equal(-9, worker:exitcode())
  pcall(worker.result, worker)
  heddle.sleep(0)
  state.over = true
  for _, user in ipairs(here) do
    assert(user:join(10), "a user of this process hangs")
    user:result()
  end
  local ok, err = pcall(case.check, object)
  if not ok then error(("moment %d: %s (%s)"):format(moment, err, object), 0) end
end

local reason = "only the stress build can die at a chosen store"

describe("a death at any moment leaves usable", function()
  for name, case in pairs(cases) do
    it("the " .. name, function()
      if not native.die_after then pending(reason) end
      for moment = 0, MOMENTS do die_at(moment, case, 0) end
    end)

    it(("the %s, which others use meanwhile"):format(name), function()
      if not native.die_after then pending(reason) end
      for moment = 0, MOMENTS do die_at(moment, case, 2) end
    end)
  end
end)

local LAST_MOMENT = 2 -- of a `get` in vain; at the ones before, it holds the queue's guard

-- Told to, it takes an item that is not there, and is stopped at a store on the way.
local function stopped_inside(q, up, go, moment)
  go:get()
  up:put "goes"
  require("heddle.native.sync").stop_after(moment)
  pcall(q.get, q, 0)
  require("heddle").sleep(100)
end

-- Waits in line for the queue, beside a child if it is told what that does.
local function waits(q, up, go, moment, child, method)
  if child then
    local handle = require("heddle.process").start({ method = method }, child, q, up, go, moment)
    up:put(handle.pid)
  end
  q:get()
end

describe("two deaths at once", function()
  local function shared_queues()
    local function new() return queue.new(0, { shared = true }) end
    return new(), new(), new()
  end

  local function await_line(q)
    helper.wait_for(function() return tostring(q):find "1 waiting" end, 5, "the line")
  end

  local function stop_inside(pid, up, go)
    go:put(1)
    assert.equal("goes", up:get(5))
    helper.wait_for(function() return helper.state_of(pid) == "T" end, 5, "the stop")
  end

  local function buried(h)
    assert.is_true(h:join(20), "a burial hangs")
    assert.equal(-9, h:exitcode())
    pcall(h.result, h)
  end

  helper.each_method("are buried when one held what the other waited for", function(start)
    if not native.stop_after then pending(reason) end
    for moment = 0, LAST_MOMENT do
      local q, up, go = shared_queues()
      local waiter = start(waits, q)
      local inside = start(stopped_inside, q, up, go, moment)
      await_line(q)
      stop_inside(inside.pid, up, go)
      waiter:kill()
      heddle.sleep(0.02) -- its burial begins, and waits for the guard
      inside:kill()
      buried(waiter)
      buried(inside)
      assert.is_true(q:put(1))
    end
  end)

  helper.each_method("are buried when one was the other's child", function(start, method)
    if not native.stop_after then pending(reason) end
    for moment = 0, LAST_MOMENT do
      local q, up, go = shared_queues()
      local waiter = start(waits, q, up, go, moment, stopped_inside, method)
      local child = up:get(5)
      await_line(q)
      stop_inside(child, up, go)
      waiter:kill()
      buried(waiter)
      assert.is_true(q:put(1))
      helper.wait_for(function() return not helper.state_of(child) end, 5, "the child's burial")
    end
  end)
end)

describe("a request for the fork server", function()
  it("is kept while the root's reaper is busy and another reaper starts", function()
    if not native.stop_after then pending(reason) end
    local result = helper.script([[
      local heddle, process = require "heddle", require "heddle.process"
      local queue = require "heddle.queue"
      local function new() return queue.new(0, {shared = true}) end
      local q, up, go, go_first, go_second = new(), new(), new(), new(), new()
      local waiter = process.start(function(q) q:get() end, q)
      local stopped = process.start(function(q, go)
        go:get()
        require "heddle.native.sync".stop_after(0)
        q:get(0)
      end, q, go)
      local function starts(method, go, up)
        go:get()
        local started = require "heddle.process".start({method = method}, function() end)
        up:put(method)
        started:join()
        up:put(method .. " ended")
      end
      process.start(starts, "forkserver", go_first, up)
      process.start(starts, "fork", go_second, up)
      while not tostring(q):find "1 waiting" do heddle.sleep(0.001) end
      go:put(1)
      repeat
        heddle.sleep(0.001)
        local stat = io.open("/proc/" .. stopped.pid .. "/stat"):read "a"
      until stat:find "%) T"
      waiter:kill()
      heddle.sleep(0.02) -- its burial begins, and waits for the guard
      go_first:put(1)
      print(up:get(10))
      go_second:put(1)
      print(up:get(10))
      print(up:get(10))
      stopped:kill()
      print(up:get(10))
      os.exit(0)
    ]], { limit = 30 })
    assert.equal("forkserver\nfork\nfork ended\nforkserver ended\n", result.out)
  end)
end)
