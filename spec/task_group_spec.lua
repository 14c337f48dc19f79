-- task.gather, task.wait and task.as_completed over handles of every model.

local helper = require "spec.helper"
local heddle = require "heddle"
local task = require "heddle.task"
local raises = helper.raises

local function after(seconds, ...)
  require("heddle").sleep(seconds)
  return ...
end

local function fail_after(seconds, message)
  require("heddle").sleep(seconds)
  error(message, 0)
end

local function one_of_each(seconds)
  local handles = {}
  for i, model in ipairs(helper.models) do
    handles[i] = require("heddle." .. model).start(after, seconds, i)
  end
  return handles
end

describe("task.gather", function()
  it("returns first results in order, nil in its place", function()
    local a, b = task.start(after, 0.02, 1, "second"), task.start(after, 0)
    local c = task.start(after, 0.01, 3)
    assert.same({ 1, nil, 3, n = 3 }, table.pack(task.gather(a, b, c)))
    assert.equal(0, select("#", task.gather()))
  end)

  it("returns a list for a list", function()
    local list = { task.start(after, 0.01, 1), task.start(after, 0), task.start(after, 0, 3) }
    assert.same({ 1, nil, 3, n = 3 }, task.gather(list))
    assert.same({ n = 0 }, task.gather {})
  end)

  it("raises the first error and cancels the rest", function()
    local slow, later = task.start(after, 5), task.start(fail_after, 2, "later")
    local bad = task.start(fail_after, 0.01, "first")
    raises("^first\nstack traceback", task.gather, slow, later, bad)
    assert.is_true(slow:join(20) and later:join(20))
    assert.equal("cancelled", slow:status())
    assert.equal("cancelled", later:status())
  end)

  it("takes one that was cancelled for a failure", function()
    local victim, other = task.start(after, 5), task.start(after, 5)
    task.start(function() victim:cancel() end)
    assert.is_true(raises(nil, task.gather, other, victim) == heddle.CANCELLED)
    other:join()
    assert.equal("cancelled", other:status())
  end)

  it("puts errors in their place when asked to", function()
    local object = setmetatable({}, { __tostring = function() return "object" end })
    local results = task.gather({
      task.start(after, 0.01, "fine"), task.start(fail_after, 0, "text"), task.start(error, object),
    }, { errors = true })
    assert.equal("fine", results[1])
    assert.matches("^text\nstack traceback", results[2])
    assert.equal(object, results[3])
    assert.equal(3, results.n)
  end)

  it("cancels what it waits for when it is cancelled itself", function()
    local a, b = task.start(after, 5), task.start(after, 5)
    assert.same({ nil, "timeout" }, { task.timeout(0.01, task.gather, a, b) })
    assert.is_true(a:join(20) and b:join(20))
    assert.equal("cancelled", a:status())
    assert.equal("cancelled", b:status())
  end)

  it("takes all models at once", function()
    assert.same({ 1, 2, 3, 4 }, { task.gather(table.unpack(one_of_each(0.01))) })
  end)

  it("refuses bad arguments by name", function()
    raises("task.gather: item 1: a handle expected, got number %[bad%-argument%]$", task.gather, 5)
    raises("task.gather: item 1: .*got nil", task.gather, nil)
    local h = task.start(after, 0)
    raises("^task.gather: item 2: a started handle expected, got task .* %(pending%) "
      .. "%[not%-started%]$", task.gather, h, task.new(after, 0))
    h:join()
    assert.equal("done", h:status()) -- and not cancelled
    raises("task_group_spec.*task.gather: options: unknown option 'error' %(there are: errors%)",
      function() task.gather({}, { error = true }) end)
  end)
end)

describe("task.wait", function()
  it("waits for all, the first, or the first error", function()
    local a, b = task.start(after, 0.01), task.start(fail_after, 0.03, "expected")
    local c = task.start(after, 0.05)
    assert.same({ { a }, { b, c } }, { task.wait({ a, b, c }, { when = "first" }) })
    assert.same({ { a, b }, { c } }, { task.wait({ c, a, b }, { when = "error" }) })
    assert.same({ { a, b, c }, {} }, { task.wait { a, b, c, a } })
    raises("expected", b.result, b)
  end)

  it("returns what has ended when the time is up, and cancels nothing", function()
    local a, b = task.start(after, 0), task.start(after, 5)
    assert.same({ { a }, { b } }, { task.wait({ a, b }, { timeout = 0.02 }) })
    assert.same({ { a }, { b } }, { task.wait({ a, b }, { timeout = 0 }) })
    assert.is_true(b:alive())
    b:cancel()
  end)

  it("does not take a cancelled one for an error", function()
    local a, b = task.start(after, 5), task.start(after, 0.02)
    task.start(function() a:cancel() end)
    assert.same({ { a, b }, {} }, { task.wait({ a, b }, { when = "error" }) })
  end)

  it("leaves nothing that keeps the program", function()
    local run = helper.heddle { "-e", [[
      local task, thread = require "heddle.task", require "heddle.thread"
      local h = thread.start({ daemon = true }, function() require("heddle").sleep(60) end)
      local done, pending = task.wait({ h }, { timeout = 0.02 })
      print(#done, #pending)]] }
    assert.equal("0\t1\n", run.out)
    assert.equal(0, run.code)
    assert.is_true(run.wall < 10)
  end)

  it("takes all models at once", function()
    local done, pending = task.wait(one_of_each(0.01), { timeout = 10 })
    assert.equal(4, #done)
    assert.equal(0, #pending)
  end)

  it("refuses bad arguments by name", function()
    local function refused(pattern, ...) raises("task_group_spec.*" .. pattern, ...) end
    refused("task.wait: list: .*nil", function() task.wait() end)
    refused("task.wait: item 2: a handle", function() task.wait { task.current(), 1 } end)
    refused('task.wait: when: "all"', function() task.wait({}, { when = "some" }) end)
    refused("task.wait: timeout: .*%-1", function() task.wait({}, { timeout = -1 }) end)
    refused("task.wait: options: unknown option 'whne'", function() task.wait({}, { whne = 1 }) end)
    raises("task.wait: item 1: a started handle .*%[not%-started%]$", task.wait,
      { task.new(after, 0) })
    raises("own end", task.wait, { task.current() })
  end)
end)

describe("task.as_completed", function()
  it("gives each once, in the order they end", function()
    local c, a = task.start(after, 0.05, "c"), task.start(after, 0, "a")
    local b = task.start(after, 0.02, "b")
    a:join()
    local order = {}
    for h in task.as_completed { c, a, b, c } do order[#order + 1] = h:result() end
    assert.same({ "a", "b", "c" }, order)
    for _ in task.as_completed {} do error "nothing to give" end
  end)

  it("raises when the time is up", function()
    local slow, got = task.start(after, 5), 0
    local err = raises("1 of 2 not ended", function()
      for _ in task.as_completed({ slow, task.start(after, 0) }, 0.03) do got = got + 1 end
    end)
    assert.equal("timeout", err.code)
    assert.equal(1, got)
    slow:cancel()
  end)

  it("may be left early", function()
    local slow = task.start(after, 5)
    for h in task.as_completed { slow, task.start(after, 0) } do
      if h ~= slow then break end
    end
    assert.is_true(slow:alive())
    slow:cancel()
  end)

  it("takes all models at once", function()
    local sum = 0
    for h in task.as_completed(one_of_each(0.01), 10) do sum = sum + h:result() end
    assert.equal(10, sum)
  end)
end)
