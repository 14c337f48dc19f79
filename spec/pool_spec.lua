-- heddle.pool over the four models, after CPython's tests of concurrent.futures and of
-- multiprocessing's Pool.
local helper = require "spec.helper"
local heddle = require "heddle"
local pool = require "heddle.pool"
local process = require "heddle.process"
local shared = require "heddle.shared"
local sync = require "heddle.sync"
local thread = require "heddle.thread"
local queue = require "heddle.queue"

local models = { "coroutines", "threads", "isolates", "processes" }
local copying = { "isolates", "processes" }
local raises, wait_for = helper.raises, helper.wait_for

-- Defines one case per model: fn(model).
local function each(name, fn, list)
  for _, model in ipairs(list or models) do
    it(("%s [%s]"):format(name, model), function() fn(model) end)
  end
end

local function range(n)
  local list = {}
  for i = 1, n do list[i] = i end
  return list
end

local function square(x) return x * x end
local function give(...) return ... end
local function nap(seconds, value)
  require("heddle").sleep(seconds)
  return value
end

-- A job that waits until the event is set.
local function hold(event, value)
  event:wait()
  return value
end


describe("pool.new", function()
  it("refuses what is no model, number of workers or option", function()
    raises("pool%.new: model: .*got \"fibers\" %[unknown%-model%]", pool.new, "fibers")
    raises("pool%.new: workers: a whole number >= 1 expected, got 0", pool.new, "threads", 0)
    raises("pool%.new: workers: .*got 1%.5", pool.new, "threads", 1.5)
    raises("pool%.new: options: a table expected", pool.new, "threads", 1, 5)
    raises("unknown option 'initialiser' %(did you mean 'initializer'%?%) %[unknown%-option%]",
      pool.new, "threads", 1, { initialiser = print })
    raises("unknown option 'q' %(there are: args, ", pool.new, "threads", 1, { q = 1 })
    raises("max_jobs: a whole number >= 1", pool.new, "threads", 1, { max_jobs = 0 })
    raises("queue: a whole number >= 1", pool.new, "threads", 1, { queue = -1 })
    raises("retry: a whole number >= 0", pool.new, "processes", 1, { retry = -1 })
    raises("initializer: a function expected", pool.new, "threads", 1, { initializer = 1 })
    raises("args: a list of arguments expected", pool.new, "threads", 1, { args = 1 })
    raises("name: a string expected", pool.new, "threads", 1, { name = 1 })
    raises('method: "fork", "spawn" or "forkserver" expected', pool.new, "processes", 1,
      { method = "clone" })
    raises("method: only processes", pool.new, "threads", 1, { method = "fork" })
  end)

  it("takes singular and plural names, and the options in the second place", function()
    for _, name in ipairs { "task", "tasks", "coroutine", "thread", "isolate", "process" } do
      local p <close> = pool.new(name, { name = "kitchen" })
      assert.equal("kitchen", p.name)
      assert.equal(3, p:apply(give, 3))
      assert.equal((heddle.cores()), p:stats().workers)
    end
  end)

  it("numbers pools, and tells what they are", function()
    local a <close> = pool.new("task", 1)
    local b <close> = pool.new("task", 3)
    assert.matches("^Pool%-%d+$", a.name)
    assert.not_equal(a.name, b.name)
    assert.matches("^pool Pool%-%d+ %(open, 3 coroutines, 0 jobs left%)$", tostring(b))
    b:close()
    assert.matches("closed", tostring(b))
  end)
end)


describe("pool:submit, apply", function()
  each("pass all arguments and results", function(model)
    local p <close> = pool.new(model, 2)
    local r = table.pack(p:submit(give, 1, nil, "x", nil):result(10))
    assert.same({ n = 4, 1, nil, "x", nil }, r)
    assert.same({ n = 0 }, table.pack(p:apply(give)))
    assert.same({ n = 1 }, table.pack(p:apply(give, nil)))
  end)

  each("raise a job's error with its traceback, its worker and where it was submitted",
    function(model)
      local p <close> = pool.new(model, 1, { name = "mill" })
      local f = p:submit(function() error("no flour") end)
      local err = raises("^[^\n]*pool_spec%.lua:%d+: no flour\nstack traceback:", f.result, f)
      assert.matches("in %a+ mill%-1, Job%-1, submitted at [^\n]*pool_spec%.lua:%d+$", err)
      assert.same({ code = 7 }, raises(nil, p.apply, p, error, { code = 7 }))
      assert.equal(4, p:apply(square, 2))
    end)

  each("refuse what is no function, and a self that is no pool", function(model)
    local p <close> = pool.new(model, 1)
    raises("pool:submit: fn: a function expected, got nil %[bad%-argument%]", p.submit, p)
    raises("pool:apply: fn: a function expected, got number", p.apply, p, 5)
    raises("pool:submit: self: a pool expected, got function %(call it with a colon%)", p.submit,
      square)
  end)

  each("wait while the line is full", function(model)
    local p <close> = pool.new(model, 1, { queue = 2 })
    local event, submitted = sync.event(), 0
    local filler = heddle.spawn(function()
      for i = 1, 5 do
        p:submit(hold, event, i)
        submitted = i
      end
    end)
    wait_for(function() return submitted == 3 end)
    heddle.sleep(0.02)
    assert.equal(3, submitted)
    event:set()
    filler:result()
    assert.equal(5, submitted)
  end)

  each("may be called by a job of the same heap", function(model)
    local p <close> = pool.new(model, 2)
    assert.equal(16, p:apply(function(x) return p:apply(square, x) end, 4))
  end, { "coroutines", "threads" })

  each("can't be copied to: a pool belongs to its interpreter", function(model)
    local p <close> = pool.new("task", 1)
    local f = p:submit(give)
    local q <close> = pool.new(model, 1)
    raises("can't copy args%[1%]: pool", q.submit, q, give, p)
    raises("can't copy args%[2%]%.f: future", q.submit, q, give, 1, { f = f })
    raises("can't copy upvalue p: pool", q.submit, q, function() return p end)
    assert.equal(9, q:apply(square, 3))
  end, copying)
end)


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
    raises("can't copy args%[1%]: userdata", p.map, p, give, { 1, file })
    raises("can't copy upvalue file: userdata", p.map, p, function() return file end, { 1 })
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


describe("the end of a pool", function()
  each("close lets the jobs in line end, join waits for them", function(model)
    local p, event = pool.new(model, 2), sync.event()
    local last
    for i = 1, 6 do last = p:submit(hold, event, i) end
    raises("pool:join: Pool%-%d+ is open %(close it first%) %[pool%-open%]", p.join, p)
    p:close()
    raises("pool:submit: Pool%-%d+ was closed %[pool%-closed%]", p.submit, p, square)
    raises("pool%-closed", p.map, p, square, {})
    assert.same({ n = 2, nil, "timeout" }, table.pack(p:join(0.01)))
    event:set()
    assert.is_true(p:join())
    assert.is_true(p:join())
    assert.equal(6, last:result(0))
    assert.equal(0, p:stats().workers)
  end)

  each("terminate cancels everything and stops what runs", function(model)
    local p, fs = pool.new(model, 2), {}
    for i = 1, 20 do fs[i] = p:submit(nap, 60) end
    wait_for(function() return p:stats().busy == 2 end)
    p:terminate()
    assert.is_true(p:join())
    for i = 1, 20 do
      assert.equal("cancelled", fs[i]:status())
      assert.equal(heddle.CANCELLED, raises(nil, fs[i].result, fs[i]))
    end
    raises("pool%-closed", p.submit, p, square)
  end)

  each("one that nobody joins is forgotten when it has ended", function(model)
    local weak = setmetatable({}, { __mode = "k" })
    for _ = 1, 3 do
      local p = pool.new(model, 1)
      weak[p] = true
      p:terminate()
    end
    wait_for(function()
      pool.new("coroutines", 1):shutdown()
      collectgarbage()
      return next(weak) == nil
    end)
  end)

  each("leaving its block by an error terminates it", function(model)
    local f
    raises("^out$", function()
      local p <close> = pool.new(model, 1)
      f = p:submit(nap, 60)
      wait_for(function() return f:running() end)
      error("out", 0)
    end)
    assert.equal("cancelled", f:status())
  end)

  each("shutdown drops what has not begun, if asked to", function(model)
    local p, event, fs = pool.new(model, 1), sync.event(), {}
    for i = 1, 5 do fs[i] = p:submit(hold, event, i) end
    wait_for(function() return fs[1]:running() end)
    p:shutdown { wait = false, cancel = true }
    event:set()
    p:shutdown()
    assert.equal(1, fs[1]:result(0))
    for i = 2, 5 do assert.is_true(fs[i]:cancelled()) end
    raises("unknown option 'now'", p.shutdown, p, { now = true })
    raises("wait: true or false expected", p.shutdown, p, { wait = 1 })
  end)

  each("join waits for on_done, and reports what nobody asked for, once", function(model)
    local r = helper.script(([[
      local pool = require "heddle.pool"
      local p = pool.new("%s", 1, { name = "mill" })
      local asked = p:submit(error, "asked for")
      p:submit(error, "unread"):on_done(function()
        require("heddle").sleep(0.01)
        print "done"
      end)
      pcall(asked.result, asked)
      p:close()
      p:join()
      print "joined"
      p:join()
    ]]):format(model))
    assert.equal(0, r.code)
    assert.equal("done\njoined\n", r.out)
    assert.matches("^heddle: job Job%-2 of mill failed, and nobody asked for its result: unread\n",
      r.err)
    assert.equal(1, select(2, r.err:gsub("unread", "")))
    assert.is_nil(r.err:find("asked for\n", 1, true))
  end)

  each("a pool that was left open does its jobs at the program's end", function(model)
    local r = helper.script(([[
      local p = require("heddle.pool").new("%s", 2)
      for i = 1, 3 do
        p:submit(function()
          require("heddle").sleep(0.02)
          print "apple"
        end)
      end
    ]]):format(model))
    assert.equal("", r.err)
    assert.equal(0, r.code)
    assert.equal("apple\napple\napple\n", r.out)
  end)

  each("a pool that was left open stays so for the tasks that go on", function(model)
    local r = helper.script(([[
      local heddle = require "heddle"
      local p = require("heddle.pool").new("%s", 1)
      heddle.spawn(function()
        heddle.sleep(0.05)
        print(p:apply(function() return "late" end))
      end)
    ]]):format(model))
    assert.equal("", r.err)
    assert.equal("late\n", r.out)
  end)

  each("jobs that wait for their own pool are a deadlock that is reported", function(model)
    local r = helper.script(([[
      local p <close> = require("heddle.pool").new("%s", 1)
      p:apply(function() return p:apply(print) end)
    ]]):format(model))
    assert.equal(3, r.code)
    assert.matches("deadlock", r.err)
  end, { "coroutines", "threads" })
end)


describe("workers", function()
  each("run the initializer once each", function(model)
    local n = shared.value("int", 0)
    do
      local p <close> = pool.new(model, 2, {
        initializer = function(v, k) v:add(k) end, args = { n, 10 },
      })
      p:map(nap, { 0.01, 0.01, 0.01, 0.01, 0.01, 0.01 })
    end
    assert.is_true(n:get() == 10 or n:get() == 20)
  end)

  each("whose initializer fails five times in a row break the pool", function(model)
    local tries = shared.value("int", 0)
    local p = pool.new(model, 1, {
      initializer = function(v)
        v:add(1)
        error("no grain", 0)
      end,
      args = { tries },
    })
    local submitted, f = pcall(p.submit, p, square, 2)
    if submitted then raises("no grain", f.result, f, 10) end
    wait_for(function() return tostring(p):find "broken" end)
    assert.equal(5, tries:get())
    raises("is broken: no grain.*%[pool%-broken%]", p.submit, p, square, 2)
    p:join()
  end)

  each("are replaced after max_jobs jobs", function(model)
    local p <close> = pool.new(model, 1, { max_jobs = 2 })
    for i = 1, 7 do assert.equal(i * i, p:apply(square, i)) end
    local r = p:map(square, range(9))
    assert.equal(81, r[9])
    wait_for(function() return p:stats().restarted >= 7 end)
    assert.equal(16, p:stats().done)
    assert.equal(0, p:stats().died)
  end)

  each("work at the same time, and no more jobs than they are", function(model)
    local p <close> = pool.new(model, 3)
    local now, most, event = shared.value("int", 0), shared.value("int", 0), sync.event()
    local function job()
      local n = now:add(1)
      repeat local seen = most:get() until n <= seen or most:cas(seen, n)
      if n == 3 then event:set() end
      event:wait()
      now:add(-1)
    end
    for _ = 1, 9 do p:submit(job) end
    p:close()
    p:join()
    assert.equal(3, most:get())
  end)

  each("carry the pool's name", function(model)
    local p <close> = pool.new(model, 1, { name = "mill" })
    local kind = model == "threads" and "thread" or model == "isolates" and "isolate" or "process"
    assert.equal("mill-1", p:apply(function()
      return require("heddle." .. kind).current().name
    end))
  end, { "threads", "isolates", "processes" })

  each("say which global was not sent", function(model)
    local p <close> = pool.new(model, 1)
    local f = p:submit(function() return is_prime(7) end) -- luacheck: ignore 113
    raises("global 'is_prime' was not sent: make it local, pass it, or set it in an initializer",
      f.result, f)
  end, copying)

  each("give jobs shared objects", function(model)
    local p <close> = pool.new(model, 2)
    local lock, q, event = sync.lock(), queue.new(), sync.event()
    local f = p:submit(function()
      event:wait()
      local _ <close> = lock:hold()
      q:put("flour")
    end)
    event:set()
    f:result()
    assert.equal("flour", q:get())
  end)

  it("may be started by a thread that has ended", function()
    for _, model in ipairs(models) do
      local p = thread.start(function()
        local own = pool.new(model, 1)
        assert(own:apply(square, 2) == 4)
        return own
      end):result()
      assert.equal(9, p:apply(square, 3))
      if model == "processes" then raises("worker died", p.apply, p, os.exit, 3) end
      local f = thread.start(function() return p:submit(nap, 0.01, 7) end):result()
      assert.equal(7, f:result())
      p:close()
      p:join()
    end
  end)

  each("fail a job whose arguments or results can't be read at the other side", function(model)
    local p <close> = pool.new(model, 1)
    local function module_of(name)
      package.preload[name] = function() return { f = function() end } end
      return require(name)
    end
    raises("module 'here_only' not found", p.apply, p, give, module_of "here_only")
    package.loaded.here_only, package.preload.here_only = nil, nil
    raises("module 'there_only' not found", p.apply, p, module_of, "there_only")
    raises("module 'there_only' not found", p.map, p, module_of, { "there_only" })
    assert.equal(4, p:apply(square, 2))
  end, copying)

  it("may be in a pool of a worker", function()
    for _, model in ipairs(copying) do
      local p <close> = pool.new(model, 1)
      for _, inner in ipairs(models) do
        assert.equal(14, p:apply(function()
          local own <close> = require("heddle.pool").new(inner, 2)
          local sum = 0
          for _, v in own:imap(function(x) return x * x end, { 1, 2, 3 }) do sum = sum + v end
          return sum
        end), model .. " " .. inner)
      end
    end
  end)

  it("of a forked process leave the pool it was forked with alone", function()
    local p <close> = pool.new("processes", 1)
    assert.equal(4, p:apply(square, 2))
    local h = process.start({ method = "fork" }, function()
      local pools = require "heddle.pool"
      local own <close> = pools.new("coroutines", 1)
      return own:apply(function() return 7 end)
    end)
    assert.equal(7, h:result())
    assert.equal(9, p:apply(square, 3))
  end)
end)


-- What os.exit, signals and the like do to a worker.
describe("a worker that dies", function()
  local function die()
    process.current():kill()
    require("heddle").sleep(60)
  end

  it("fails its own job, is replaced, and no other job is lost", function()
    local p <close> = pool.new("processes", 2)
    local fs = {}
    for i = 1, 20 do fs[i] = i % 7 == 0 and p:submit(die) or p:submit(give, i) end
    for i = 1, 20 do
      if i % 7 == 0 then
        raises("^worker died: signal 9\n", fs[i].result, fs[i])
        assert.equal("failed", fs[i]:status())
      else
        assert.equal(i, fs[i]:result())
      end
    end
    local stats = p:stats()
    assert.same({ 2, 18, 2, 2 }, { stats.workers, stats.done, stats.failed, stats.died })
  end)

  it("by os.exit tells its exit status", function()
    local p <close> = pool.new("processes", 1)
    raises("^worker died: exit status 3", p.apply, p, os.exit, 3)
    raises("^worker died: exit status 0", p.apply, p, os.exit, 0)
    assert.equal(4, p:apply(square, 2))
  end)

  it("while idle is replaced", function()
    local p <close> = pool.new("processes", 1)
    local pid = p:apply(function() return require("heddle.process").current().pid end)
    os.execute("kill -9 " .. pid)
    wait_for(function() return p:stats().restarted == 1 end)
    assert.equal(4, p:apply(square, 2))
    assert.equal(0, p:stats().failed)
  end)

  it("has its job run again up to retry times", function()
    local p <close> = pool.new("processes", 2, { retry = 2 })
    local tries = shared.value("int", 0)
    local function die_twice(x)
      if x == 5 and tries:add(1) <= 2 then require("heddle.process").current():kill() end
      return x
    end
    assert.equal(5, p:apply(die_twice, 5))
    tries:set(0)
    assert.same(range(8), p:map(die_twice, range(8)))
    tries:set(0)
    assert.same(range(8), p:map(die_twice, range(8), { chunk = 3 }))
    tries:set(0)
    local got = {}
    for i, v in p:imap(die_twice, range(8)) do got[i] = v end
    assert.same(range(8), got)
    tries:set(-1)
    raises("worker died: signal 9", p.apply, p, die_twice, 5)
  end)

  it("during map or imap fails its item", function()
    local p <close> = pool.new("processes", 2)
    local function die_at_4(x)
      if x == 4 then require("heddle.process").current():kill() end
      return x
    end
    raises("^worker died: signal 9", p.map, p, die_at_4, range(8))
    local step, good = p:imap(die_at_4, range(8)), 0
    for i = 1, 8 do
      local ok, place = pcall(step)
      if ok then
        assert.equal(i, place)
        good = good + 1
      else
        assert.equal(4, i)
      end
    end
    assert.equal(7, good)
    assert.is_nil(step())
  end)

  it("an isolate too", function()
    local p <close> = pool.new("isolates", 1)
    local f = p:submit(nap, 60)
    wait_for(function() return f:running() end)
    for _, h in ipairs(require("heddle.isolate").list()) do h:cancel { hard = true } end
    raises("cancel", f.result, f)
    assert.equal(4, p:apply(square, 2))
  end)
end)
