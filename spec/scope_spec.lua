-- task.scope: children end with it, errors stop the others, cancels pass.

local helper = require "spec.helper"
local heddle = require "heddle"
local task = require "heddle.task"
local raises = helper.raises

local function fail_after(seconds, message)
  require("heddle").sleep(seconds)
  error(message, 0)
end

describe("task.scope", function()
  it("returns the body's results when all children have ended", function()
    local ended = 0
    local results = table.pack(task.scope(function(s)
      for i = 1, 10 do
        s:start(function()
          heddle.sleep(i * 0.001)
          ended = ended + 1
        end)
      end
      return 1, nil, 3, nil
    end))
    assert.equal(10, ended)
    assert.same({ 1, nil, 3, nil, n = 4 }, results)
  end)

  it("starts children with arguments and options, also from children", function()
    local inner
    task.scope(function(s)
      assert.equal(5, s:start(function(a, b) return a + b end, 2, 3):result())
      local function name() return task.current().name end
      assert.equal("kid", s:start({ name = "kid" }, name):result())
      s:start(function() inner = s:start(heddle.sleep, 0.01) end)
    end)
    assert.equal("done", inner:status())
  end)

  it("cancels children and body on an error of a child, and raises it", function()
    local sibling, seen
    raises("^child broke\nstack traceback", task.scope, function(s)
      sibling = s:start(heddle.sleep, 5)
      s:start(fail_after, 0.01, "child broke")
      seen = select(2, pcall(heddle.sleep, 5))
      error(seen, 0)
    end)
    assert.equal("cancelled", sibling:status())
    assert.is_true(seen == heddle.CANCELLED)
    heddle.sleep(0.001)
  end)

  it("cancels the children on an error of the body, and raises it", function()
    local waiting, unstarted
    local err = raises("body broke", task.scope, function(s)
      waiting = s:start(heddle.sleep, 5)
      heddle.sleep(0.001)
      unstarted = s:start(error, "must not run")
      error(setmetatable({ text = "body broke" }, {
        __tostring = function(e) return e.text end,
      }))
    end)
    assert.equal("body broke", err.text)
    assert.is_nil(err.others)
    assert.equal("cancelled", waiting:status())
    assert.equal("cancelled", unstarted:status())
  end)

  it("takes error(nil) of a child or the body for an error", function()
    local seen
    assert.same({ false, nil, n = 2 }, table.pack(pcall(task.scope, function(s)
      s:start(function() error(nil) end)
      local _, err = pcall(heddle.sleep, 60)
      seen = err
    end)))
    assert.equal("cancel", seen.reason)
    local child
    assert.same({ false, nil, n = 2 }, table.pack(pcall(task.scope, function(s)
      child = s:start(heddle.sleep, 60)
      error(nil)
    end)))
    assert.equal("cancelled", child:status())
  end)

  it("keeps later errors in `others`", function()
    local err = raises(nil, task.scope, function(s)
      s:start(function()
        pcall(heddle.sleep, 5)
        error("second", 0)
      end)
      s:start(function()
        heddle.sleep(0.005)
        error { first = true }
      end)
    end)
    assert.is_true(err.first)
    assert.equal(1, #err.others)
    assert.matches("^second\n", err.others[1])
  end)

  it("writes later errors to stderr when the first is a string", function()
    local run = helper.heddle { "-e", [[
      local task = require "heddle.task"
      task.scope(function(s)
        s:start(function()
          pcall(task.sleep, 5)
          error("second", 0)
        end)
        s:start(function()
          task.sleep(0.005)
          error("first", 0)
        end)
      end)]] }
    assert.matches("^heddle: another error in the same task.scope: second\n", run.err)
    assert.matches("\nheddle: first\n", run.err)
    assert.equal(1, run.code)
  end)

  it("takes a child's own cancel for nothing", function()
    assert.equal("fine", task.scope(function(s)
      local child = s:start(heddle.sleep, 5)
      heddle.sleep(0.001)
      child:cancel()
      child:join()
      return "fine"
    end))
  end)

  it("cancels the children when its owner is cancelled, and passes that on", function()
    local cleaned = 0
    local owner = task.start(function()
      task.scope(function(s)
        for _ = 1, 3 do
          s:start(function()
            local _ <close> = setmetatable({}, { __close = function()
              heddle.sleep(0.002)
              cleaned = cleaned + 1
            end })
            heddle.sleep(5)
          end)
        end
      end)
    end)
    heddle.sleep(0.01)
    owner:cancel()
    owner:join()
    assert.equal("cancelled", owner:status())
    assert.equal(3, cleaned)
  end)

  it("prefers an error to a cancel", function()
    local owner = task.start(task.scope, function(s)
      s:start(function()
        pcall(heddle.sleep, 5)
        error("clean-up broke", 0)
      end)
    end)
    heddle.sleep(0.01)
    owner:cancel()
    raises("^clean%-up broke", owner.result, owner)
  end)

  it("ends by a time-out around it", function()
    local child
    assert.same({ nil, "timeout" }, { task.timeout(0.01, task.scope, function(s)
      child = s:start(heddle.sleep, 5)
    end) })
    assert.equal("cancelled", child:status())
  end)

  it("nests, and errors go outwards", function()
    local outer_child, inner_child
    raises("^inner broke", task.scope, function(s)
      outer_child = s:start(heddle.sleep, 5)
      task.scope(function(t) t:start(fail_after, 0.002, "inner broke") end)
    end)
    assert.equal("cancelled", outer_child:status())
    raises("^outer broke", task.scope, function(s)
      s:start(fail_after, 0.005, "outer broke")
      task.scope(function(t) inner_child = t:start(heddle.sleep, 5) end)
    end)
    assert.equal("cancelled", inner_child:status())
  end)

  helper.each_model("takes in a worker of any model", function(model)
    local worker
    task.scope(function(s) worker = s:add(model.start(heddle.sleep, 0.02)) end)
    assert.equal("done", worker:status())
    raises("^worker broke", task.scope, function(s)
      s:add(model.start(fail_after, 0.01, "worker broke"))
      heddle.sleep(5)
    end)
    raises("^body broke", task.scope, function(s)
      worker = s:add(model.start(heddle.sleep, 30))
      heddle.sleep(0.05)
      error("body broke", 0)
    end)
    assert.equal("cancelled", worker:status())
  end)

  it("takes its children along when its owner is stopped for good", function()
    local child
    local owner = task.start(task.scope, function(s)
      child = s:start(heddle.sleep, 5)
    end)
    heddle.sleep(0.01)
    owner:cancel { hard = true }
    owner:join()
    assert.is_true(child:join(20))
    assert.equal("cancelled", child:status())
  end)

  it("refuses bad arguments by name", function()
    local kept
    task.scope(function(s)
      kept = s
      raises("scope:start: fn: a function expected, got nil %[bad%-argument%]$", s.start, s)
      raises("scope:add: h: a handle expected, got number %[bad%-argument%]$", s.add, s, 1)
      raises("scope:add: h: a started handle .*%[not%-started%]$", s.add, s, task.new(print))
      raises("unknown option 'nam'", s.start, s, { nam = "x" }, print)
      raises("scope:start: self: .*%[bad%-self%]$", s.start, print)
    end)
    raises("scope:start: .*%[scope%-ended%]$", kept.start, kept, print)
    raises("scope:add: .*%[scope%-ended%]$", kept.add, kept, task.current())
    raises("task.scope: fn: .*%[bad%-argument%]$", task.scope)
  end)
end)
