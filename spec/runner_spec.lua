-- The runner and the checks of `make lint` themselves: each must be able to fail.

local helper = require "spec.helper"

-- Runs a spec file with this content under the executable.
local function run_spec(content, flags)
  local path = os.tmpname() .. "_spec.lua"
  helper.spit(path, content)
  local words = { helper.executable, "spec/run.lua", "--case=1", "--limit=5", path }
  if flags then table.insert(words, 3, flags) end
  local result = helper.command(words, { limit = 60 })
  os.remove(path)
  os.remove((path:gsub("_spec%.lua$", "")))
  result.last = result.out:match "([^\n]*)\n$"
  return result
end

-- Runs a command over a file of src/ with this content.
local function check_source(name, content, awk)
  local root = os.tmpname()
  os.remove(root)
  local path = root .. "/src/" .. name
  os.execute("mkdir -p " .. path:gsub("/[^/]*$", ""))
  helper.spit(path, content)
  local result = helper.command { "awk", "-f", awk, path }
  os.execute("rm -r " .. root)
  return result
end

describe("the spec runner", function()
  it("counts what passed", function()
    local result = run_spec "it('a', function() end) it('b', function() assert.equal(1, 1) end)"
    assert.equal("2 passed, 0 failed", result.last)
    assert.equal(0, result.code)
  end)

  it("shows what failed, where, and what it had printed", function()
    local result = run_spec "it('sums', function() print('noise') assert.equal(3, 1 + 1) end)"
    assert.equal("0 passed, 1 failed", result.last)
    assert.equal(1, result.code)
    assert.matches("FAIL [^\n]*: sums\n", result.out)
    assert.matches("noise", result.out)
    assert.matches("_spec.lua:1: Expected objects to be equal", result.out)
  end)

  it("gives the reason of what is pending", function()
    local result = run_spec "it('later', function() pending('needs a network') end)"
    assert.matches("PENDING [^\n]*: later: needs a network\n", result.out)
    assert.equal("0 passed, 0 failed", result.last)
  end)

  it("fails a file that does not compile", function()
    local result = run_spec "it('a' function"
    assert.equal("0 passed, 1 failed", result.last)
  end)

  it("fails a hook that raises", function()
    local result = run_spec "before_each(function() error('bad hook') end) it('a', function() end)"
    assert.equal("0 passed, 1 failed", result.last)
    assert.matches("bad hook", result.out)
  end)

  it("fails a case that leaves a file open", function()
    local result = run_spec "it('opens', function() _G.left = io.open('Makefile') end)"
    assert.equal("0 passed, 1 failed", result.last)
    assert.matches("left behind: fd %d+ %-> [^\n]*/Makefile", result.out)
  end)

  it("fails a case that leaves a child process", function()
    local result = run_spec "it('forks', function() _G.left = io.popen('sleep 3') end)"
    assert.matches("left behind: [^\n]*process %d+ %(sh, state S%)", result.out)
    assert.equal(1, result.code)
  end)

  it("fails a case that loops, and names it", function()
    local result = run_spec [[
      it('fine', function() end)
      it('spins', function() while true do end end)]]
    assert.equal("1 passed, 1 failed", result.last)
    assert.matches("spins", result.out)
  end)

  it("fails a file whose process dies", function()
    local result = run_spec "it('dies', function() os.execute('kill -SEGV $PPID') end)"
    assert.equal("0 passed, 1 failed", result.last)
    assert.matches("in case: dies", result.out)
  end)

  it("fails a file that ends badly after its last case", function()
    local result = run_spec "it('a', function() end) teardown(function() os.exit(7) end)"
    assert.equal("1 passed, 1 failed", result.last)
    assert.matches("exit status 7", result.out)
  end)

  it("runs only the cases asked for", function()
    local two = "it('one', function() end) it('two', function() error('no') end)"
    assert.equal("1 passed, 0 failed", run_spec(two, "--only=one").last)
  end)

  it("refuses an unknown flag", function()
    local result = helper.command { helper.executable, "spec/run.lua", "--what=1" }
    assert.equal(2, result.code)
    assert.matches("unknown flag", result.err)
  end)
end)

describe("a case of tasks", function()
  if not pcall(require, "heddle.task") then return end

  it("fails when it leaves a task", function()
    local result = run_spec [[
      it('starts', function() require 'heddle.task'.start(require 'heddle'.sleep, 60) end)]]
    assert.equal("0 passed, 1 failed", result.last)
    assert.matches("left behind: [^\n]*Task", result.out)
  end)

  it("fails when it waits too long, and the next one runs", function()
    local result = run_spec [[
      it('waits', function() require 'heddle'.sleep(60) end)
      it('fine', function() end)]]
    assert.equal("1 passed, 1 failed", result.last)
    assert.matches("no end within 1 s", result.out)
  end)
end)

describe("the check of the rooms", function()
  local function rooms(name, content)
    return check_source(name, content, "tools/rooms.awk")
  end

  it("lets includes point downwards", function()
    assert.equal(0, rooms("sync/lock.c", '#include "loop/park.h"\n#include "base/list.h"\n').code)
    assert.equal(0, rooms("sync/sync_lua.c", '#include "loop/task.h"\n#include <lua.h>\n').code)
    assert.equal(0, rooms("host/main.c", '#include "worker/thread.h"\n').code)
  end)

  it("names the line of one that points upwards", function()
    local result = rooms("base/clock.c", '#include <time.h>\n#include "loop/park.h"\n')
    assert.equal(1, result.code)
    assert.matches("base/clock.c:2: base/ may not include loop/", result.out)
    assert.equal(1, rooms("sync/lock.c", '#include "loop/task.h"\n').code)
    assert.equal(1, rooms("value/encode.c", '#include "loop/park.h"\n').code)
  end)

  it("keeps Lua to the binding files", function()
    local result = rooms("sync/lock.c", "#include <lua.h>\n")
    assert.equal(1, result.code)
    assert.matches("lock.c:1: lua.h belongs in binding files", result.out)
  end)
end)

describe("the check of the sizes", function()
  it("names a function longer than a screen", function()
    local long = "int f(void) {\n" .. ("  g();\n"):rep(60) .. "}\n"
    assert.equal(1, check_source("base/long.c", long, "tools/sizes.awk").code)
    local short = "int f(void) {\n" .. ("  g();\n"):rep(58) .. "}\n"
    assert.equal(0, check_source("base/short.c", short, "tools/sizes.awk").code)
  end)
end)
