-- heddle.input: lines of standard input in every model, to several tasks, to the end; closed input.

local helper = require "spec.helper"

helper.case_limit = 20

local each = helper.each_model

-- Runs a script with a shell's redirection of standard input.
local function redirected(how, code)
  local path = os.tmpname()
  helper.spit(path, code)
  local line = ("%s %s %s"):format(helper.quote(helper.absolute_executable()), path, how)
  local run = helper.command { "sh", "-c", line }
  os.remove(path)
  return run
end

describe("heddle.input", function()
  each("reads lines, then nil", function(_, model)
    local run = helper.script((([[
      require("heddle.MODEL").start(function()
        local input = require("heddle").input
        for _ = 1, 5 do print(input()) end
      end):result()
    ]]):gsub("MODEL", model)), { stdin = "one\n\n  three\nrest" })
    assert.equal("one\n\n  three\nrest\nnil\n", run.all)
    assert.equal(0, run.code)
  end)

  each("is nil at once where standard input is closed or empty", function(_, model)
    local code = ([[
      require("heddle.MODEL").start(function() print(require("heddle").input()) end):result()
    ]]):gsub("MODEL", model)
    for _, how in ipairs { "<&-", "</dev/null" } do
      local run = redirected(how, code)
      assert.equal("nil\n", run.all)
      assert.equal(0, run.code)
    end
  end)

  it("gives a line to each task and thread that asks", function()
    local run = helper.script([[
      local heddle, got = require "heddle", {}
      local handles = {}
      for i = 1, 6 do
        local M = require(i % 2 == 0 and "heddle.thread" or "heddle.task")
        handles[i] = M.start(function() got[i] = tostring(heddle.input()) end)
      end
      for _, h in ipairs(handles) do h:join() end
      table.sort(got)
      print(table.concat(got, " "))
    ]], { stdin = "a\nb\nc\nd" })
    assert.equal("a b c d nil nil\n", run.all)
  end)

  it("writes the prompt first, suspends its task only, and is cancelled", function()
    local run = helper.command { "sh", "-c", "sleep 2 | " .. helper.quote(
      helper.absolute_executable()) .. [[ -e '
      local heddle, task = require "heddle", require "heddle.task"
      local ticks = 0
      task.start({ daemon = true }, function()
        while true do
          heddle.sleep(0.001)
          ticks = ticks + 1
        end
      end)
      local asker = task.start(heddle.input, "name? ")
      repeat heddle.sleep(0.001) until ticks > 3
      asker:cancel()
      asker:join()
      print(asker:status())
      os.exit(0)'; kill $(jobs -p) 2>/dev/null]] }
    assert.equal("name? cancelled\n", run.all)
  end)

  it("refuses a prompt that is no string", function()
    local run = helper.script 'print(pcall(require("heddle").input, {}))'
    assert.truthy(run.out:find "input: prompt: a string expected, got table %[bad%-argument%]\n$")
  end)
end)
