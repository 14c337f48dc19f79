-- Errors of what was started, under all models: what result raises, the traceback, and what is told
-- of an error that nobody asked for.

local helper = require "spec.helper"

helper.case_limit = 15

local each = helper.each_model

local ended = helper.ended

local function sleep_long() require("heddle").sleep(60) end

describe("errors", function()
  each("a string comes with the worker's traceback", function(M)
    local function inner_frame() error "broken" end
    local err = helper.raises("handle_errors_spec%.lua:%d+: broken\nstack traceback:", function()
      M.start(function()
        inner_frame()
        return 1
      end):result()
    end)
    assert.matches("inner_frame", err)
    assert.matches("started at [^\n]*handle_errors_spec%.lua:%d+", err)
  end)

  each("an object comes as it is", function(M, model)
    local object = setmetatable({ code = 7 }, { __tostring = function() return "seven" end })
    local err = helper.raises("seven", function()
      M.start(function(e) error(e) end, object):result()
    end)
    assert.equal(7, err.code)
    if model == "task" or model == "thread" then assert.equal(object, err) end
  end)

  each("numbers, booleans and nil come as they are", function(M)
    for _, value in ipairs { 42, true } do
      local _, err = pcall(function() M.start(function(v) error(v) end, value):result() end)
      assert.equal(value, err)
    end
    local h = M.start(function() error(nil) end)
    local ok, err = pcall(h.result, h)
    assert.is_false(ok)
    assert.is_nil(err)
  end)

  each("what can't be copied becomes its tostring", function(M)
    local err = helper.raises("its name", function()
      M.start(function()
        error(setmetatable({ io.stdout }, { __tostring = function() return "its name" end }))
      end):result()
    end)
    assert.equal("string", type(err))
  end, { "isolate", "process" })

  each("are raised each time they are asked for", function(M)
    local h = M.start(function() error "again" end)
    local first = helper.raises("again", h.result, h)
    assert.equal(first, helper.raises("again", h.result, h))
  end)

  each("traceback says where raised, in which worker and where started", function(M, model)
    local function deep() error "lost" end
    local h = M.start({ name = "unlucky" }, function()
      deep()
      return 1
    end)
    ended(h)
    local trace = h:traceback()
    assert.matches("handle_errors_spec%.lua:%d+: in .*deep", trace)
    assert.matches("in " .. model .. " unlucky, started at [^\n]*handle_errors_spec%.lua:%d+$",
      trace)
    assert.equal(trace, h:traceback())
  end)

  each("traceback is nil where none was raised", function(M)
    local fine, stopped = M.start(function() end), M.start({ name = "stopped" }, sleep_long)
    ended(fine)
    stopped:cancel()
    ended(stopped)
    assert.is_nil(fine:traceback())
    assert.is_nil(stopped:traceback())
  end)

  each("one that nobody asked for is told once, at exit", function(_, model)
    local run = helper.script(([[
      local M = require "heddle.%s"
      h = M.start({name="poor"}, function() error "boom" end)
      h:join()
      collectgarbage()
      print(h:status())
    ]]):format(model))
    assert.equal("failed\n", run.out)
    assert.equal(0, run.code)
    assert.matches("poor", run.err)
    assert.matches("stack traceback:", run.err)
    assert.equal(1, select(2, run.err:gsub("boom", "")))
  end)

  each("one that nobody asked for is told when the handle is collected", function(_, model)
    local run = helper.script(([[
      local M = require "heddle.%s"
      do
        local h = M.start(function() error "boom" end)
        h:join()
      end
      collectgarbage() collectgarbage()
      io.stderr:write "collected\n"
    ]]):format(model))
    assert.equal(0, run.code)
    assert.matches("boom.*collected", run.err)
    assert.equal(1, select(2, run.err:gsub("boom", "")))
  end)

  each("one that was asked for is not told", function(_, model)
    local run = helper.script(([[
      local h = require("heddle.%s").start(function() error "boom" end)
      print(pcall(h.result, h))
      h = nil
      collectgarbage()
    ]]):format(model))
    assert.equal("", run.err)
    assert.matches("^false\t.*boom", run.out)
  end)

  each("one whose result was waited for in vain is told", function(_, model)
    local run = helper.script(([[
      local event = require "heddle.sync".event()
      local h = require("heddle.%s").start(function(e) e:wait() error "boom" end, event)
      print(h:result(0.01))
      event:set()
    ]]):format(model))
    assert.equal("nil\ttimeout\n", run.out)
    assert.equal(1, select(2, run.err:gsub(": boom", "")))
  end)

  each("one that nobody asked for is told at os.exit", function(_, model)
    local run = helper.script(([[
      local M = require "heddle.%s"
      h = M.start(function() error "kept" end)
      h:join()
      M.start(function() error "dropped" end):join()
      os.exit(3)
    ]]):format(model))
    assert.equal(3, run.code)
    assert.equal(1, select(2, run.err:gsub(": kept", "")))
    assert.equal(1, select(2, run.err:gsub(": dropped", "")))
  end)

  each("those of a worker's own workers are told, once each", function(_, model)
    local run = helper.script(([[
      print(require("heddle.%s").start(function()
        local task, thread = require "heddle.task", require "heddle.thread"
        kept = task.start(function() error "kept" end)
        task.start(function() error "dropped" end)
        thread.start(function() error "joined" end):join()
        local asked = task.start(function() error "asked" end)
        pcall(asked.result, asked)
        return "ended"
      end):result())
    ]]):format(model))
    assert.equal("ended\n", run.out)
    for _, word in ipairs { "kept", "dropped", "joined" } do
      assert.equal(1, select(2, run.err:gsub(": " .. word, "")), run.err)
    end
    assert.is_nil(run.err:find "asked\n")
  end)

  it("a forked process tells none of its parent's", function()
    local run = helper.script [[
      local process, task = require "heddle.process", require "heddle.task"
      h = task.start(function() error "boom" end)
      h:join()
      process.start({ method = "fork" }, function() end):join()
      process.start({ method = "fork" }, function() os.exit(0) end):join()
    ]]
    assert.equal(1, select(2, run.err:gsub(": boom", "")))
  end)

  each("a cancelled one is no error to tell", function(_, model)
    local run = helper.script(([[
      local h = require("heddle.%s").start(function() require("heddle").sleep(60) end)
      require("heddle").sleep(0.02)
      h:cancel()
      h:join()
      print(h:status())
    ]]):format(model))
    assert.equal("", run.err)
    assert.equal("cancelled\n", run.out)
  end)
end)
