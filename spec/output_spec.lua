-- print, io.write and io.stderr:write: each call comes out whole, at the call, in every model.

local helper = require "spec.helper"

helper.case_limit = 25

local LINES, WORKERS = 150, 4

local function lines_of(text)
  local counts, bad = {}, nil
  for line in text:gmatch "([^\n]*)\n" do
    local id, rest = line:match "^<(%d+) %d+ (x+)>$"
    if not id or #rest ~= 200 then bad = bad or line end
    counts[id or "?"] = (counts[id or "?"] or 0) + 1
  end
  return counts, bad
end

local function expect_whole(run)
  assert.equal("", run.err)
  assert.equal(0, run.code)
  local counts, bad = lines_of(run.out)
  assert.is_nil(bad)
  for id = 1, WORKERS do assert.equal(LINES, counts[tostring(id)], "worker " .. id) end
end

local function body(call)
  return ([[
    local function work(id, lines)
      for n = 1, lines do %s end
    end
  ]]):format(call)
end

local calls = {
  print = 'print(("<%d %d %s>"):format(id, n, ("x"):rep(200)))',
  ["io.write"] = 'io.write("<", id, " ", n, " ", ("x"):rep(200), ">\\n")',
}

describe("one call", function()
  for name, call in pairs(calls) do
    helper.each_model(name .. " comes out whole", function(_, model)
      expect_whole(helper.script(body(call) .. ([[
        local M = require "heddle.%s"
        local thread = require "heddle.thread"
        thread.switch_interval(1e-4)
        for id = 1, %d do M.start(work, id, %d) end
      ]]):format(model, WORKERS, LINES)))
    end)
  end

  it("comes out whole from all models at once", function()
    expect_whole(helper.script(body(calls.print) .. ([[
      for id, model in ipairs { "task", "thread", "isolate", "process" } do
        require("heddle." .. model).start(work, id, %d)
      end
    ]]):format(LINES)))
  end)

  it("of io.stderr:write comes out whole from all models at once", function()
    local run = helper.script(body(calls["io.write"]:gsub("io%.write%(", "io.stderr:write(")) .. ([[
      for id, model in ipairs { "task", "thread", "isolate", "process" } do
        require("heddle." .. model).start(work, id, %d)
      end
    ]]):format(LINES))
    run.out, run.err = run.err, run.out
    expect_whole(run)
  end)

  it("of a megabyte comes out whole", function()
    local run = helper.script [[
      local function work(c) io.write(c:rep(300000), "\n") end
      for i, model in ipairs { "thread", "isolate", "process" } do
        require("heddle." .. model).start(work, tostring(i))
      end
    ]]
    local seen = 0
    for line in run.out:gmatch "([^\n]*)\n" do
      assert.equal(300000, #line)
      assert.equal(line:sub(1, 1):rep(300000), line)
      seen = seen + 1
    end
    assert.equal(3, seen)
  end)
end)

describe("output comes at the call", function()
  helper.each_model("without a newline, into a pipe, before the worker ends", function(_, model)
    local path = os.tmpname()
    helper.spit(path, ([[
      require("heddle.%s").start(function()
        io.write "at once"
        require("heddle").sleep(30)
      end)
      require("heddle").sleep(30)
    ]]):format(model))
    local run = helper.command({ "sh", "-c", ([[
      mkfifo %s.fifo
      %s %s >%s.fifo &
      head -c 7 %s.fifo
      kill -9 $!
    ]]):format(path, helper.absolute_executable(), path, path, path) }, { limit = 20 })
    os.remove(path)
    os.remove(path .. ".fifo")
    assert.equal("at once", run.out)
    assert.is_true(run.wall < 15 * helper.slack)
  end)

  helper.each_model("in the order of the calls, with what the starter wrote", function(_, model)
    local run = helper.script(([[
      io.write "1 "
      require("heddle.%s").start(function()
        print "2"
        io.write "3 "
      end):join()
      print "4"
    ]]):format(model))
    assert.equal("1 2\n3 4\n", run.out)
  end)

  it("io.stdout:write and io.stderr:write go the same way", function()
    local run = helper.script [[
      io.stdout:write("a", 1, " ")
      io.write(2, " ", 3.5, "\n")
      io.stderr:write("e\n")
      print(nil, true, 1, 1.0, "x")
    ]]
    assert.equal("a1 2 3.5\nnil\ttrue\t1\t1.0\tx\n", run.out)
    assert.equal("e\n", run.err)
  end)

  it("io.write returns the file and takes no table", function()
    local run = helper.script [[
      io.write(tostring(io.write("x") == io.stdout), "\n")
      print(pcall(io.write, {}))
    ]]
    assert.matches("^xtrue\nfalse\t.*string expected, got table", run.out)
  end)

  it("print calls tostring's metamethods and names", function()
    local run = helper.script [[
      print(setmetatable({}, { __tostring = function() return "mine" end }))
      print((tostring(setmetatable({}, { __name = "Kind" })):gsub("0x%x+", "P")))
      print(pcall(print, setmetatable({}, { __tostring = function() return {} end })))
    ]]
    assert.matches("^mine\nKind: P\nfalse\t.*__tostring.*must return a string", run.out)
  end)

  it("io.output and files of one's own work as in Lua", function()
    local run = helper.script [[
      local path = os.tmpname()
      io.output(path)
      io.write "to the file"
      io.close()
      io.output(io.stdout)
      print(io.open(path):read "a")
      os.remove(path)
    ]]
    assert.equal("to the file\n", run.out)
  end)
end)
