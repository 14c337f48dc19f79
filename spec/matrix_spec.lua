-- Each primitive between each ordered pair of models; and what a process held when it was killed,
-- for a waiter of each model. The functions run in workers: they bring along what they need.

local helper = require "spec.helper"
local pipe = require "heddle.pipe"
local process = require "heddle.process"
local queue = require "heddle.queue"
local shared = require "heddle.shared"
local sync = require "heddle.sync"

helper.case_limit = 20

local function waiting(object, n)
  return tostring(object):find((" %d waiting"):format(n), 1, true) ~= nil
end

-- For each: `make` returns what the first and the second worker get (the same, unless two are
-- returned). The first calls ready:set() once it holds, waits for `go`, and gives way; the second
-- waits for that. `first` and `second` are what their functions return; `quiet`: nobody can be seen
-- to wait for it.
local pairs_of = {}

pairs_of["a lock"] = {
  make = sync.lock,
  a = function(lock, ready, go)
    lock:acquire()
    ready:set()
    go:wait()
    lock:release()
  end,
  b = function(lock)
    local got = lock:acquire()
    lock:release()
    return got
  end,
  second = true,
}

pairs_of["an rlock"] = {
  make = sync.rlock,
  a = function(lock, ready, go)
    lock:acquire()
    lock:acquire()
    ready:set()
    go:wait()
    lock:release()
    lock:release()
  end,
  b = function(lock)
    local guard <close> = lock:hold()
    return guard ~= nil
  end,
  second = true,
}

pairs_of["a condition"] = {
  make = sync.condition,
  a = function(condition, ready, go)
    ready:set()
    go:wait()
    local _ <close> = condition:hold()
    condition:notify()
  end,
  b = function(condition)
    local _ <close> = condition:hold()
    return condition:wait()
  end,
  second = true,
}

pairs_of["an event"] = {
  make = sync.event,
  a = function(event, ready, go)
    ready:set()
    go:wait()
    event:set()
  end,
  b = function(event) return event:wait() end,
  second = true,
}

local function take_permit(semaphore, ready, go)
  semaphore:acquire()
  ready:set()
  go:wait()
  semaphore:release()
end

local function wait_for_permit(semaphore)
  local got = semaphore:acquire()
  semaphore:release()
  return got
end

pairs_of["a semaphore"] = {
  make = sync.semaphore, a = take_permit, b = wait_for_permit, second = true,
}
pairs_of["a bounded semaphore"] = {
  make = sync.bounded_semaphore, a = take_permit, b = wait_for_permit, second = true,
}

pairs_of["a barrier"] = {
  make = function() return sync.barrier(2) end,
  a = function(barrier, ready, go)
    ready:set()
    go:wait()
    return barrier:wait()
  end,
  b = function(barrier) return barrier:wait() end,
  first = 1, second = 0,
}

pairs_of["an rwlock, a reader after a writer"] = {
  make = sync.rwlock,
  a = function(lock, ready, go)
    local _ <close> = lock:write()
    ready:set()
    go:wait()
  end,
  b = function(lock)
    local guard <close> = lock:read()
    return guard ~= nil
  end,
  second = true,
}

pairs_of["an rwlock, a writer after a reader"] = {
  make = sync.rwlock,
  a = function(lock, ready, go)
    local _ <close> = lock:read()
    ready:set()
    go:wait()
  end,
  b = function(lock)
    local guard <close> = lock:write()
    return guard ~= nil
  end,
  second = true,
}

pairs_of["a latch"] = {
  make = function() return sync.latch(2) end,
  a = function(latch, ready, go)
    latch:count_down()
    ready:set()
    go:wait()
    latch:count_down()
  end,
  b = function(latch) return latch:wait() end,
  second = true,
}

for kind, order in pairs { new = { 3, 1, 2 }, lifo = { 2, 1, 3 }, priority = { 1, 2, 3 } } do
  pairs_of["a queue." .. kind .. ", what was put"] = {
    make = function() return queue[kind]() end,
    a = function(q, ready)
      for _, item in ipairs { 3, 1, 2 } do q:put(item) end
      ready:set()
    end,
    b = function(q) return q:get() * 100 + q:get() * 10 + q:get() end,
    second = order[1] * 100 + order[2] * 10 + order[3], quiet = true,
  }
  pairs_of["a queue." .. kind .. ", a getter waits"] = {
    make = function() return queue[kind]() end,
    a = function(q, ready, go)
      ready:set()
      go:wait()
      q:put(7)
    end,
    b = function(q) return q:get() end,
    second = 7,
  }
  pairs_of["a queue." .. kind .. ", a putter waits"] = {
    make = function()
      local q = queue[kind](1)
      q:put(1)
      return q
    end,
    a = function(q, ready, go)
      ready:set()
      go:wait()
      return q:get()
    end,
    b = function(q) return q:put(2) end,
    first = 1, second = true,
  }
end

pairs_of["queue.select"] = {
  make = function()
    local list = { queue.new(), queue.lifo() }
    return list, list, list[2]
  end,
  a = function(list, ready, go)
    ready:set()
    go:wait()
    list[2]:put "x"
  end,
  b = function(list)
    local q, item = require("heddle.queue").select(list)
    return q == list[2] and item
  end,
  second = "x",
}

pairs_of["a pipe"] = {
  make = pipe.new,
  a = function(p, ready, go)
    ready:set()
    go:wait()
    p:send "there"
    return p:recv()
  end,
  b = function(p)
    local got = p:recv()
    p:send "back"
    return got
  end,
  first = "back", second = "there", quiet = true,
}

local function add_under_lock(value, ready, go)
  if ready then
    ready:set()
    go:wait()
  end
  for _ = 1, 300 do
    local _ <close> = value:lock()
    value:set(value:get() + 1)
  end
end

pairs_of["a shared value"] = {
  make = function() return shared.value("int") end,
  a = add_under_lock,
  b = function(value)
    for _ = 1, 300 do
      local _ <close> = value:lock()
      value:set(value:get() + 1)
    end
  end,
  quiet = true,
  check = function(value) assert.equal(600, value:get()) end,
}

pairs_of["a shared dict"] = {
  make = function()
    local dict = shared.dict()
    dict.n = 0
    return dict
  end,
  a = function(dict, ready, go)
    ready:set()
    go:wait()
    local data = require "heddle.shared"
    for _ = 1, 50 do data.update(dict, "n", function(n) return n + 1 end) end
  end,
  b = function(dict)
    local data = require "heddle.shared"
    for _ = 1, 50 do data.update(dict, "n", function(n) return n + 1 end) end
  end,
  quiet = true,
  check = function(dict) assert.equal(100, dict.n) end,
}

local function run_pair(case, A, B)
  local ready, go = sync.event(), sync.event()
  local mine, theirs, seen = case.make()
  theirs = theirs or mine
  local a = A.start(case.a, mine, ready, go)
  assert.is_true(ready:wait(10 * helper.slack))
  local b = B.start(case.b, theirs)
  if not case.quiet then helper.wait_for(function() return waiting(seen or mine, 1) end, 10) end
  go:set()
  assert.equal(case.second, (b:result(10 * helper.slack)))
  assert.equal(case.first, (a:result(10 * helper.slack)))
  if case.check then case.check(mine) end
end

local names = {}
for name in pairs(pairs_of) do names[#names + 1] = name end
table.sort(names)

for _, name in ipairs(names) do
  describe(name, function()
    for _, a in ipairs(helper.models) do
      for _, b in ipairs(helper.models) do
        it(("between %s and %s"):format(a, b), function()
          run_pair(pairs_of[name], require("heddle." .. a), require("heddle." .. b))
        end)
      end
    end
  end)
end

-- deaths -------------------------------------------------------------------------------------

-- `hold` runs in the process that is killed, `wait` in a worker that waits then; the results.
local deaths = {}

local function forever(ready)
  ready:set()
  require("heddle").sleep(100)
end

-- One that holds by a method which returns a guard, or true; and one that waits by it.
local function held_by(method)
  return {
    hold = function(object, ready)
      local _ = object[method](object)
      forever(ready)
    end,
    wait = function(object)
      local got, word = object[method](object)
      if type(got) == "userdata" then
        got:release()
        got = true
      else
        object:release()
      end
      return got, word
    end,
    expected = { true, "abandoned" },
  }
end

local function with(make, case)
  case.make = make
  return case
end

deaths["a lock"] = with(sync.lock, held_by "acquire")
deaths["a lock's guard"] = with(sync.lock, held_by "hold")
deaths["an rlock"] = with(sync.rlock, held_by "acquire")
deaths["an rlock's guard"] = with(sync.rlock, held_by "hold")
deaths["a condition's lock"] = with(function()
  local lock = sync.rlock()
  return sync.condition(lock), nil, lock
end, held_by "acquire")
deaths["an rwlock's read guard"] = with(sync.rwlock, held_by "read")
deaths["an rwlock's read guard"].wait = held_by("write").wait
deaths["an rwlock's write guard"] = with(sync.rwlock, held_by "write")
deaths["a shared value's lock"] = with(function() return shared.value("int") end, held_by "lock")
deaths["a shared value's lock"].quiet = true

deaths["a condition's lock, between notify and the end of wait,"] = {
  make = function() return { sync.condition(), sync.event(), sync.event() } end,
  hold = function(world, ready)
    ready:set()
    world[2]:wait()
    world[1]:acquire() -- the other one waits by now
    world[1]:notify()
    forever(world[3])
  end,
  wait = function(world)
    world[1]:acquire()
    world[2]:set()
    local got, word = world[1]:wait()
    world[1]:release()
    return got, word
  end,
  settled = function(world) return world[3]:is_set() end,
  expected = { true, "abandoned" },
}

for _, kind in ipairs { "semaphore", "bounded_semaphore" } do
  deaths["permits of a " .. kind] = {
    make = function() return sync[kind](2) end,
    hold = function(semaphore, ready)
      local _, _ = semaphore:hold(), semaphore:hold()
      forever(ready)
    end,
    wait = function(semaphore)
      local guard = semaphore:hold()
      guard:release()
      return true
    end,
    expected = { true },
  }
end

deaths["a barrier"] = {
  make = function() return sync.barrier(3) end,
  hold = function(barrier, ready)
    ready:set()
    barrier:wait()
  end,
  wait = function(barrier) return barrier:wait() end,
  waiters = 2, expected = { nil, "broken" },
}

deaths["a place in a queue's line"] = {
  make = function() return queue.new(0, { shared = true }) end,
  hold = function(q, ready)
    ready:set()
    q:get()
  end,
  wait = function(q) return q:get() end,
  waiters = 2, after = function(q) q:put(5) end, expected = { 5 },
}

deaths["an end of a pipe"] = {
  make = function()
    local a, b = pipe.new()
    return a, b
  end,
  hold = function(p, ready)
    p:send "last"
    forever(ready)
  end,
  wait = function(p)
    local message = p:recv()
    return message, select(2, p:recv()), select(2, p:send(1))
  end,
  quiet = true, expected = { "last", "closed", "closed" },
}

local function run_death(case, model)
  local ready = sync.event()
  local mine, theirs, seen = case.make()
  local settled = case.settled or function(object)
    return case.quiet or waiting(object, case.waiters or 1)
  end
  local victim = process.start({ method = "forkserver" }, case.hold, mine, ready)
  assert.is_true(ready:wait(10 * helper.slack))
  local waiter = model.start(case.wait, theirs or mine)
  helper.wait_for(function() return settled(seen or mine) end, 10)
  victim:kill()
  victim:join()
  if case.after then case.after(mine) end
  local expected = case.expected
  local got = table.pack(waiter:result(10 * helper.slack))
  for i = 1, math.max(#expected, 2) do assert.equal(expected[i], got[i]) end
end

names = {}
for name in pairs(deaths) do names[#names + 1] = name end
table.sort(names)

for _, name in ipairs(names) do
  describe(name .. ", when the process that has it is killed,", function()
    helper.each_model("goes to one that waits", function(model)
      run_death(deaths[name], model)
    end)
  end)
end
