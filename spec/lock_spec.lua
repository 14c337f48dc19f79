-- The lock, in and across all models.

local helper = require "spec.helper"
local heddle = require "heddle"
local isolate = require "heddle.isolate"
local sync = require "heddle.sync"
local queue = require "heddle.queue"
local shared = require "heddle.shared"
local task = require "heddle.task"
local thread = require "heddle.thread"

helper.case_limit = 20

local each, each_pair, blocked = helper.each_model, helper.each_pair, helper.blocked

describe("acquire and release", function()
  it("take it and give it back", function()
    local lock = sync.lock()
    assert.is_false(lock:locked())
    assert.same({ true, n = 1 }, table.pack(lock:acquire()))
    assert.is_true(lock:locked())
    assert.equal(0, select("#", lock:release()))
    assert.is_false(lock:locked())
  end)

  it("a thousand times", function()
    local lock = sync.lock()
    for _ = 1, 1000 do
      lock:acquire()
      lock:release()
    end
    assert.is_false(lock:locked())
  end)

  it("acquire with 0 only tries", function()
    local lock = sync.lock()
    assert.is_true(lock:acquire(0))
    assert.same({ nil, "timeout", n = 2 }, table.pack(lock:acquire(0)))
    lock:release()
    assert.is_true(lock:acquire(0))
  end)

  it("acquire gives up after its time", function()
    local lock = sync.lock()
    lock:acquire()
    local begun = heddle.now()
    assert.same({ nil, "timeout", n = 2 }, table.pack(lock:acquire(0.02)))
    assert.is_true(heddle.now() - begun >= 0.02)
  end)

  it("release of one that is not held is misuse", function()
    local lock = sync.lock()
    helper.raises("lock:release: .*%[lock%-not%-held%]$", lock.release, lock)
    lock:acquire()
    lock:release()
    helper.raises("%[lock%-not%-held%]$", lock.release, lock)
    assert.is_true(lock:acquire(0))
  end)

  each("any worker may release it", function(M)
    local lock = sync.lock()
    lock:acquire()
    M.start(function(l) l:release() end, lock):result()
    assert.is_false(lock:locked())
  end)

  it("a second acquire by the holder waits", function()
    local lock = sync.lock()
    lock:acquire()
    local h = task.start(function()
      lock:acquire()
      local again = lock:acquire(0.01)
      lock:release()
      return again
    end)
    lock:release()
    assert.is_nil((h:result()))
  end)
end)

describe("hold", function()
  it("is released at the end of its block", function()
    local lock = sync.lock()
    do
      local _ <close> = lock:hold()
      assert.is_true(lock:locked())
    end
    assert.is_false(lock:locked())
  end)

  it("is released when an error passes, or a cancel", function()
    local lock = sync.lock()
    pcall(function()
      local _ <close> = lock:hold()
      error "passes"
    end)
    assert.is_false(lock:locked())
    local h = task.start(function()
      local _ <close> = lock:hold()
      heddle.sleep(60)
    end)
    blocked(h):cancel()
    h:join()
    assert.is_false(lock:locked())
  end)

  it("gives back once", function()
    local lock = sync.lock()
    local guard = lock:hold()
    guard:release()
    assert.is_true(lock:acquire(0))
    guard:release()
    assert.is_true(lock:locked())
    do
      local again <close> = guard
      assert.is_truthy(again)
    end
    assert.is_true(lock:locked())
  end)

  it("with a time-out", function()
    local lock = sync.lock()
    local guard = assert(lock:hold(0))
    assert.same({ nil, "timeout", n = 2 }, table.pack(lock:hold(0.01)))
    helper.raises("timeout", function()
      local _ <close> = assert(lock:hold(0))
    end)
    guard:release()
    local _ <close> = lock:hold(0.01)
  end)

  it("keeps the lock alive and prints well", function()
    local guard = sync.lock():hold()
    collectgarbage()
    assert.matches("guard %(Lock%-%d+ %(lock_spec%.lua:%d+%)%)", tostring(guard))
    guard:release()
    assert.equal("guard (released)", tostring(guard))
  end)
end)

describe("waiters", function()
  it("are served in the order of their arrival", function()
    local lock, log, handles = sync.lock(), {}, {}
    lock:acquire()
    for i = 1, 10 do
      handles[i] = task.start(function()
        lock:acquire()
        log[#log + 1] = i
        lock:release()
      end)
    end
    heddle.yield()
    lock:release()
    for _, h in ipairs(handles) do h:join() end
    assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, log)
  end)

  it("a release hands over to the first task, even if the releaser wants it again", function()
    local lock, log = sync.lock(), {}
    local function body(name)
      for _ = 1, 3 do
        lock:acquire()
        log[#log + 1] = name
        heddle.yield()
        lock:release()
      end
    end
    local a, b = task.start(body, "a"), task.start(body, "b")
    a:join()
    b:join()
    assert.equal("a b a b a b", table.concat(log, " "))
  end)

  it("of OS threads are served in order once they have waited", function()
    local lock, log, handles = sync.lock(), {}, {}
    lock:acquire()
    for i = 1, 6 do
      handles[i] = blocked(thread.start(function()
        lock:acquire()
        log[#log + 1] = i
        lock:release()
      end))
    end
    heddle.sleep(0.005)
    lock:release()
    for _, h in ipairs(handles) do assert.is_true(h:join(5)) end
    assert.same({ 1, 2, 3, 4, 5, 6 }, log)
  end)

  each("of one OS thread are served in order when it is another that releases", function(M)
    local lock, freed, log = sync.lock(), shared.value "bool", {}
    local up, go = queue.new(), queue.new()
    local h = M.start(function(l, u, g, f)
      l:acquire()
      u:put(true)
      g:get()
      l:release()
      f:set(true)
    end, lock, up, go, freed)
    local function want(name)
      return task.start(function()
        lock:acquire()
        log[#log + 1] = name
        lock:release()
      end)
    end
    up:get()
    local first = want "first"
    heddle.yield()
    local second = want "second" -- runs before this loop hears of the release
    go:put(true)
    if M ~= task then
      while not freed:get() do end -- luacheck: ignore 542
    end
    for _, t in ipairs { h, first, second } do assert.is_true(t:join(5)) end
    assert.same({ "first", "second" }, log)
  end)

  it("one that timed out or was cancelled leaves no gap", function()
    local lock, log = sync.lock(), {}
    lock:acquire()
    local function want(name, timeout)
      return task.start(function()
        if lock:acquire(timeout) then
          log[#log + 1] = name
          lock:release()
        end
      end)
    end
    local a, b, c, d = want "a", want("b", 0.005), want "c", want "d"
    heddle.sleep(0.01)
    c:cancel()
    lock:release()
    for _, h in ipairs { a, b, c, d } do h:join() end
    assert.same({ "a", "d" }, log)
  end)

  it("a cancel that races with the release loses no wake-up", function()
    local lock = sync.lock()
    for i = 1, 50 do
      lock:acquire()
      local first = thread.start(function()
        lock:acquire()
        lock:release()
      end)
      local second = thread.start(function()
        lock:acquire()
        lock:release()
        return "served"
      end)
      if i % 2 == 0 then heddle.sleep(0.0005) end
      if i % 3 == 0 then
        lock:release()
        first:cancel()
      else
        first:cancel()
        lock:release()
      end
      assert.is_true(first:join(5))
      if first:status() == "cancelled" and lock:locked() and second:status() == "blocked" then
        -- cancelled between its acquire and its release: it keeps what it holds
        heddle.sleep(0.002)
        if second:status() == "blocked" then lock:release() end
      end
      assert.equal("served", second:result(5))
    end
  end)

  it("a time-out that races with the release loses no wake-up", function()
    local lock = sync.lock()
    for i = 1, 40 do
      lock:acquire()
      local handles = {}
      for k = 1, 4 do
        handles[k] = thread.start(function()
          if lock:acquire(0.0002 * k) then lock:release() end
        end)
      end
      local last = thread.start(function()
        lock:acquire()
        lock:release()
      end)
      heddle.sleep(0.0001 * (i % 10))
      lock:release()
      assert.is_true(last:join(5))
      for _, h in ipairs(handles) do assert.is_true(h:join(5)) end
      assert.is_false(lock:locked())
    end
  end)

  it("nobody starves beside one that takes it again and again", function()
    local lock, stop = sync.lock(), false
    local greedy = thread.start(function()
      while not stop do
        lock:acquire()
        for _ = 1, 100 do end
        lock:release()
      end
    end)
    for _ = 1, 10 do
      assert.is_true(lock:acquire(5))
      lock:release()
    end
    stop = true
    greedy:join()
  end)
end)

describe("exclusion", function()
  each_pair("never both inside", function(A, B)
    local lock = sync.lock()
    local inside = queue.new(0, { shared = true })
    local function body(l, q, rounds)
      local worst = 0
      for _ = 1, rounds do
        l:acquire()
        q:put(1)
        if q:size() > worst then worst = q:size() end
        require("heddle").yield()
        if q:size() > worst then worst = q:size() end
        q:get()
        l:release()
      end
      return worst
    end
    local a, b = A.start(body, lock, inside, 60), B.start(body, lock, inside, 60)
    assert.equal(1, a:result(10))
    assert.equal(1, b:result(10))
    assert.is_false(lock:locked())
    assert.equal(0, inside:size())
  end)

  each_pair("the second waits for the first's release", function(A, B)
    local lock, held, log = sync.lock(), queue.new(), queue.new()
    local a = A.start(function(l, h, o)
      l:acquire()
      h:put(1)
      require("heddle").sleep(0.01)
      o:put "first"
      l:release()
    end, lock, held, log)
    held:get(10)
    local b = B.start(function(l, o)
      l:acquire()
      o:put "second"
      l:release()
    end, lock, log)
    assert.is_true(a:join(10) and b:join(10))
    assert.equal("first", log:get(1))
    assert.equal("second", log:get(1))
  end)

  it("all four models at once count exactly", function()
    local lock, cell = sync.lock(), queue.new(1, { shared = true })
    cell:put(0)
    local function body(l, c)
      for _ = 1, 50 do
        local _ <close> = l:hold()
        local n = c:get(0) -- never empty under the lock
        c:put(n + 1)
      end
    end
    local handles = {}
    for _, model in ipairs(helper.models) do
      for _ = 1, 2 do
        handles[#handles + 1] = require("heddle." .. model).start(body, lock, cell)
      end
    end
    for _, h in ipairs(handles) do h:result(20) end
    assert.equal(400, cell:get(0))
  end)
end)

describe("abandoned", function()
  it("comes once, with hold as well", function()
    local lock = sync.lock()
    local process = require "heddle.process"
    process.start(function(l) l:acquire() end, lock):join()
    local guard, how = lock:hold(5)
    assert.equal("abandoned", how)
    guard:release()
    assert.is_nil(select(2, lock:acquire(0)))
  end)

  each("does not come from one that released", function(M)
    local lock = sync.lock()
    M.start(function(l)
      l:acquire()
      l:release()
    end, lock):join()
    assert.same({ true, n = 1 }, table.pack(lock:acquire(5)))
  end)

  it("does not come from one that another released meanwhile", function()
    local lock, go = sync.lock(), queue.new()
    local h = require("heddle.process").start(function(l, q)
      l:acquire()
      q:get()
    end, lock, go)
    helper.wait_for(function() return lock:locked() end)
    lock:release()
    lock:acquire()
    h:kill()
    h:join()
    pcall(h.result, h)
    assert.is_true(lock:locked())
    assert.is_nil((lock:acquire(0.02)))
    lock:release()
    assert.same({ true, n = 1 }, table.pack(lock:acquire(1)))
  end)
end)

describe("its name", function()
  it("is kind, number and birthplace by default", function()
    local a, _, b = sync.lock(), sync.event(), sync.lock()
    local number = tonumber(a.name:match "^Lock%-(%d+) %(lock_spec%.lua:%d+%)$")
    assert.is_number(number)
    assert.matches("^Lock%-" .. number + 1 .. " ", b.name)
  end)

  each("can be written, and is the same everywhere", function(M)
    local lock = sync.lock()
    lock.name = "accounts"
    assert.equal("accounts", lock.name)
    assert.equal("accounts", M.start(function(l) return l.name end, lock):result())
    helper.raises("name: a string expected, got a number .*%[bad%-argument%]$", function()
      lock.name = 5
    end)
    helper.raises("field 'nmae' can't be set", function() lock.nmae = "x" end)
  end)

  it("prints with state, holder and waiters", function()
    local lock = sync.lock()
    lock.name = "printed"
    assert.matches("^lock printed %(free, 0 waiting%)$", tostring(lock))
    local h = task.start({ name = "holder" }, function()
      lock:acquire()
      heddle.sleep(60)
    end)
    local w = task.start(function() lock:acquire() end)
    heddle.yield()
    assert.matches("^lock printed %(held.*, 1 waiting%)$", tostring(lock))
    h:cancel()
    w:cancel()
    h:join()
    w:join()
  end)
end)

describe("shared objects that are used often", function()
  local function fields(object, method)
    local class = getmetatable(object)
    local list = { object[method], object.nonsense == nil, tostring(object) }
    object.name = "renamed"
    list[#list + 1] = object.name
    list[#list + 1] = select(2, pcall(function() object.place = 1 end))
    object.name = "before"
    return class, list
  end

  local made = {
    acquire = sync.lock, release = sync.rlock, notify = sync.condition, set = sync.event,
    value = sync.semaphore, wait = function() return sync.barrier(2) end, write = sync.rwlock,
    count = function() return sync.latch(1) end, put = queue.new,
    cas = function() return shared.value("int", 1) end, send = require("heddle.pipe").new,
    add = function() return shared.array("int", 3, 7) end,
  }
  for method, new in pairs(made) do
    it(("are what they were [%s]"):format(method), function()
      local object, other_end = new()
      object.name = "before"
      local class, before = fields(object, method)
      for _ = 1, 300 do assert.is_function(object[method]) end
      local later, after = fields(object, method)
      assert.same(before, after)
      assert.equal("renamed", after[4])
      for key, value in pairs(class) do
        if key ~= "__index" then assert.equal(value, later[key]) end
      end
      if method == "add" then assert.equal(7, object[2]) end
      local fresh = fields(new(), method)
      assert.equal(class, fresh)
      assert.equal(object, isolate.start(function(o) return o end, object):result(5))
      assert.not_equal(object, other_end) -- kept: a pipe is closed with it
    end)
  end

  it("show the name that another interpreter gave them", function()
    local lock = sync.lock()
    for _ = 1, 300 do lock:locked() end
    isolate.start(function(l) l.name = "from there" end, lock):join()
    assert.equal("from there", lock.name)
  end)

  it("are freed", function()
    local weak = setmetatable({}, { __mode = "v" })
    local function make()
      local lock = sync.lock()
      for _ = 1, 300 do lock:locked() end
      weak[1] = lock
    end
    make()
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[1])
  end)
end)

describe("many locks", function()
  it("are freed when nobody has them", function()
    local native = require "heddle.native.sync"
    collectgarbage()
    collectgarbage()
    local before = native.objects()
    for _ = 1, 2000 do sync.lock() end
    collectgarbage()
    collectgarbage()
    assert.is_true(native.objects() <= before + 1)
  end)

  it("a lock lives on while only another interpreter has it", function()
    local q = queue.new()
    local h = require("heddle.isolate").start(function(go)
      local l = go:get()
      go:put "have it"
      require("heddle").sleep(0.01)
      l:acquire()
      l:release()
      return "fine"
    end, q)
    q:put(sync.lock())
    heddle.sleep(0.002)
    collectgarbage()
    collectgarbage()
    assert.equal("fine", h:result(5))
  end)
end)
