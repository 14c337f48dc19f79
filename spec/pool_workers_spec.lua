-- The workers of a pool: what they set up, how long they live, and when one dies.

local helper = require "spec.helper"
local pool = require "heddle.pool"
local process = require "heddle.process"
local shared = require "heddle.shared"
local sync = require "heddle.sync"
local thread = require "heddle.thread"
local queue = require "heddle.queue"

local each = helper.each_pool
local copying = { "isolates", "processes" }
local raises, wait_for = helper.raises, helper.wait_for

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

  it("that end in their initializer break the pool as those whose initializer fails", function()
    for how, death in pairs { [0] = "exit status 0", [3] = "exit status 3", [-9] = "signal 9" } do
      local p = pool.new("processes", 1, {
        initializer = function(code)
          if code >= 0 then os.exit(code) end
          require("heddle.process").current():kill(-code)
          require("heddle").sleep(60)
        end,
        args = { how },
      })
      local submitted, f = pcall(p.submit, p, square, 2)
      if submitted then raises("^worker died: " .. death, f.result, f) end
      raises("is broken: worker died: " .. death .. " %[pool%-broken%]", p.submit, p, square, 2)
      p:join()
    end
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
    for _, model in ipairs(helper.pool_models) do
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
      for _, inner in ipairs(helper.pool_models) do
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
