-- Tasks: their order, sleeping and yielding, many at once, across OS threads, daemons.

local helper = require "spec.helper"
local heddle = require "heddle"
local task = require "heddle.task"
local thread = require "heddle.thread"
local queue = require "heddle.queue"

helper.case_limit = 15

describe("order", function()
  it("a task begins when its starter next waits", function()
    local log = {}
    local h = task.start(function() log[#log + 1] = "task" end)
    log[#log + 1] = "starter"
    assert.equal("pending", h:status())
    h:join()
    assert.same({ "starter", "task" }, log)
  end)

  it("tasks begin in the order of their start", function()
    local log, handles = {}, {}
    for i = 1, 20 do handles[i] = task.start(function() log[#log + 1] = i end) end
    for _, h in ipairs(handles) do h:join() end
    for i = 1, 20 do assert.equal(i, log[i]) end
  end)

  it("yield lets the others run in turn", function()
    local log = {}
    local function body(name)
      for i = 1, 3 do
        log[#log + 1] = name .. i
        task.yield()
      end
    end
    local a, b = task.start(body, "a"), task.start(body, "b")
    a:join()
    b:join()
    assert.equal("a1 b1 a2 b2 a3 b3", table.concat(log, " "))
  end)

  it("yield returns nothing, and goes on at once when alone", function()
    assert.equal(0, select("#", task.yield()))
    for _ = 1, 1000 do heddle.yield() end
  end)

  it("sleepers wake in the order of their time", function()
    local log, handles = {}, {}
    for i, s in ipairs { 0.03, 0.01, 0.02 } do
      handles[i] = task.start(function()
        task.sleep(s)
        log[#log + 1] = s
      end)
    end
    for _, h in ipairs(handles) do h:join() end
    assert.same({ 0.01, 0.02, 0.03 }, log)
  end)

  it("the waiters of one task are woken in their order", function()
    local go, log, handles = queue.new(), {}, {}
    local h = task.start(function() go:get() end)
    for i = 1, 5 do
      handles[i] = task.start(function()
        h:join()
        log[#log + 1] = i
      end)
    end
    task.yield()
    go:put(1)
    for _, waiter in ipairs(handles) do waiter:join() end
    assert.same({ 1, 2, 3, 4, 5 }, log)
  end)
end)

describe("sleep", function()
  it("takes at least its time and returns nothing", function()
    local begun = heddle.now()
    assert.equal(0, select("#", heddle.sleep(0.02)))
    assert.is_true(heddle.now() - begun >= 0.02)
  end)

  it("of 0 yields", function()
    local ran = false
    task.start(function() ran = true end)
    task.sleep(0)
    assert.is_true(ran)
  end)

  it("of a long time can be cancelled", function()
    local h = task.start(task.sleep, math.huge)
    task.yield()
    h:cancel()
    assert.is_true(h:join(5))
    assert.equal("cancelled", h:status())
  end)

  it("refuses what is no time", function()
    for _, bad in ipairs { -1, 0 / 0, "1", {}, false } do
      helper.raises("^[^ ]*:?%d*:? ?sleep: seconds: .*%[bad%-time%]$", heddle.sleep, bad)
    end
    helper.raises("%[bad%-time%]$", heddle.sleep)
  end)

  it("lets the others go on", function()
    local count = 0
    local counter = task.start(function()
      while count < 1000 do
        count = count + 1
        task.yield()
      end
    end)
    task.sleep(0.02)
    counter:join()
    assert.equal(1000, count)
  end)

  it("now grows", function()
    local a = heddle.now()
    local b = heddle.now()
    assert.is_true(b >= a)
    assert.equal("float", math.type(a))
  end)
end)

describe("many tasks", function()
  it("ten thousand sleep at once", function()
    local sum, handles = 0, {}
    for i = 1, 10000 do
      handles[i] = task.start(function()
        task.sleep(0.001 * (i % 10))
        sum = sum + i
      end)
    end
    for _, h in ipairs(handles) do h:join() end
    assert.equal(50005000, sum)
  end)

  it("a chain of a thousand joins", function()
    local last = task.start(function() return 0 end)
    for _ = 1, 1000 do
      local before = last
      last = task.start(function() return before:result() + 1 end)
    end
    assert.equal(1000, last:result())
  end)

  it("tasks start tasks, nested deeply", function()
    local function nest(n)
      if n == 0 then return 0 end
      return 1 + task.start(nest, n - 1):result()
    end
    assert.equal(150, nest(150))
  end)

  it("ended ones are collected", function()
    local weak = setmetatable({}, { __mode = "k" })
    for _ = 1, 100 do
      local h = task.start(function() return {} end)
      h:join()
      weak[h] = true
    end
    collectgarbage()
    collectgarbage()
    local n = 0
    for _ in pairs(weak) do n = n + 1 end
    assert.is_true(n <= 1)
  end)

  it("a waiting one that nobody refers to is not collected", function()
    local go, done = queue.new(), queue.new()
    task.start(function() done:put(go:get()) end)
    task.yield()
    collectgarbage()
    collectgarbage()
    go:put "alive"
    assert.equal("alive", done:get(5))
  end)
end)

describe("tasks and OS threads", function()
  it("stay on the OS thread that started them", function()
    local there = thread.start({ name = "home" }, function()
      return task.start(function()
        local before = thread.current().name
        task.sleep(0.002)
        return before, thread.current().name
      end):result()
    end)
    local before, after = there:result()
    assert.equal("home", before)
    assert.equal("home", after)
  end)

  it("can be joined, asked and cancelled from another", function()
    local go = queue.new()
    local h = task.start(function() return go:get() end)
    local asker = thread.start(function() return h:result(5) end)
    task.sleep(0.005)
    go:put "answer"
    assert.equal("answer", asker:result())
    local sleeper = task.start(task.sleep, 60)
    local canceller = thread.start(function() return sleeper:cancel() end)
    assert.is_true(sleeper:join(5))
    assert.is_true(canceller:result())
    assert.equal("cancelled", sleeper:status())
  end)

  it("made here and started there run there", function()
    local h = task.new(function() return thread.current().name end)
    thread.start({ name = "there" }, function() h:start() end):join()
    assert.equal("there", h:result(5))
  end)

  it("list has those of every OS thread of the interpreter", function()
    local go, there = queue.new(), queue.new()
    local t = thread.start(function()
      task.start({ name = "far away" }, function() go:get() end)
      there:put(1)
    end)
    there:get()
    local found = false
    for _, h in ipairs(task.list()) do found = found or h.name == "far away" end
    assert.is_true(found)
    go:put(1)
    t:join()
  end)
end)

describe("errors and cancels", function()
  it("a cancel says who asked", function()
    local h = task.start(task.sleep, 60)
    task.yield()
    task.start({ name = "boss" }, function() h:cancel() end):join()
    local err = helper.raises(nil, h.result, h)
    assert.equal("boss", err.by)
    assert.matches("boss", tostring(err))
  end)

  it("a cancel of a task that is ready counts at its next wait", function()
    local log = {}
    local h = task.start(function()
      task.yield()
      log[#log + 1] = "after"
    end)
    task.yield()
    h:cancel()
    h:join()
    assert.same({}, log)
    assert.equal("cancelled", h:status())
  end)

  it("an error in __close after a cancel wins", function()
    local h = task.start(function()
      local _ <close> = setmetatable({}, { __close = function() error "in close" end })
      task.sleep(60)
    end)
    task.yield()
    h:cancel()
    h:join()
    assert.equal("failed", h:status())
    helper.raises("in close", h.result, h)
  end)

  it("one that swallows its cancel is done", function()
    local h = task.start(function()
      pcall(task.sleep, 60)
      return "survived"
    end)
    task.yield()
    h:cancel()
    assert.equal("survived", h:result())
  end)

  it("CANCELLED is an object equal to each of its copies", function()
    assert.equal("cancelled", heddle.CANCELLED.code)
    assert.is_true(heddle.CANCELLED == heddle.CANCELLED)
    assert.is_false(heddle.CANCELLED == setmetatable({ code = "cancelled" }, nil))
    assert.matches("cancelled", tostring(heddle.CANCELLED))
  end)

  it("a stack overflow is an error of its task only", function()
    local function deep(n) return 1 + deep(n + 1) end
    local h = task.start(deep, 1)
    helper.raises("stack overflow", h.result, h)
    assert.equal(1, task.start(function() return 1 end):result())
  end)

  it("a hard cancel of oneself stops here", function()
    local reached = false
    local h = task.start(function()
      task.current():cancel { hard = true }
      for _ = 1, 1e6 do end
      reached = true
    end)
    h:join()
    assert.is_false(reached)
    assert.equal("cancelled", h:status())
  end)
end)

describe("shorthands", function()
  it("heddle.spawn starts a task", function()
    assert.equal(3, heddle.spawn(function(a, b) return a + b end, 1, 2):result())
  end)

  it("the modules are heddle's fields, too", function()
    for name in ("fs greenlet http isolate loop mix monkey net pipe pool process queue report "
      .. "service shared sync task thread trace work"):gmatch "%a+" do
      assert.equal(require("heddle." .. name), heddle[name])
    end
    assert.is_nil(heddle.nothing)
  end)

  it("heddle.model knows the models by each of their names", function()
    for name, model in pairs {
      task = "task", coroutine = "task", coroutines = "task", thread = "thread",
      threads = "thread", isolate = "isolate", isolates = "isolate", process = "process",
      processes = "process",
    } do
      assert.equal(require("heddle." .. model), heddle.model(name))
    end
    helper.raises("heddle%.model: name: .*fibers.*%[unknown%-model%]$", heddle.model, "fibers")
    helper.raises("%[unknown%-model%]$", heddle.model)
  end)

  it("the modules say their model", function()
    local names = {}
    for i, model in ipairs(helper.models) do names[i] = require("heddle." .. model).model end
    assert.same({ "coroutines", "threads", "isolates", "processes" }, names)
  end)

  it("cores says how many and why", function()
    local n, why = heddle.cores()
    assert.is_true(math.type(n) == "integer" and n >= 1)
    assert.equal("string", type(why))
  end)
end)
