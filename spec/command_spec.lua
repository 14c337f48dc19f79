-- heddle.run_command: results, pipes, time-outs, cancelling, what is left behind, bad input.

local helper = require "spec.helper"
local heddle = require "heddle"
local task = require "heddle.task"
local thread = require "heddle.thread"

helper.case_limit = 20

local each = helper.each_model
local run = heddle.run_command

-- What a process makes once and keeps: this OS thread's descriptors.
run { "sleep", "0.05" }

local function sh(code, options) return assert(run({ "sh", "-c", code }, options)) end

-- Whether a process lives, zombies not counted.
local function lives(pid)
  local state = helper.slurp("/proc/" .. pid .. "/stat"):match "%) (%a)"
  return state ~= nil and state ~= "Z"
end

describe("run_command", function()
  each("gives the exit code and what was written", function(M)
    local result = M.start(function()
      return heddle.run_command { "sh", "-c", "echo out; echo err >&2; exit 3" }
    end):result()
    assert.same({ code = 3, stdout = "out\n", stderr = "err\n" }, result)
  end)

  it("gives the signal that killed it", function()
    assert.same({ signal = 9, stdout = "", stderr = "" }, sh "kill -9 $$")
    assert.same({ signal = 15, stdout = "x\n", stderr = "" }, sh "echo x; kill -TERM $$")
  end)

  it("takes the words as they are", function()
    local words = { "printf", "%s|", "a b", "", "$HOME", "'\"", "*", "é" }
    assert.equal("a b||$HOME|'\"|*|é|", run(words).stdout)
  end)

  it("feeds standard input, and gives none otherwise", function()
    assert.equal("3\n2\n1\n", run({ "sort", "-r" }, { stdin = "1\n3\n2\n" }).stdout)
    assert.equal("", run({ "cat" }).stdout)
    assert.equal("", run({ "cat" }, { stdin = "" }).stdout)
    assert.equal(0, run({ "true" }, { stdin = ("x"):rep(1000000) }).code)
  end)

  it("moves much in all directions at once", function()
    local big = ("0123456789abcdef"):rep(100000)
    local result = sh("tee /dev/stderr", { stdin = big })
    assert.is_true(result.stdout == big)
    assert.is_true(result.stderr == big)
  end)

  it("runs in another folder and environment", function()
    assert.equal("/\n", run({ "pwd" }, { cwd = "/" }).stdout)
    assert.equal("A=1\n", run({ "env" }, { env = { A = "1" } }).stdout)
    assert.equal("", run({ "env" }, { env = {} }).stdout)
    assert.truthy(run({ "env" }).stdout:find "PATH=")
  end)

  it("leaves nothing of ours open or ignored in it", function()
    local open <close> = io.open "/dev/null"
    local seen = sh "ls /proc/self/fd | wc -l; grep -E 'Sig(Blk|Ign)' /proc/self/status"
    assert.truthy(open)
    local count, blocked, ignored = seen.stdout:match "^(%d+)\nSigBlk:\t(%x+)\nSigIgn:\t(%x+)\n$"
    assert.equal("4", count) -- three, and the folder itself
    assert.equal(0, tonumber(blocked, 16) & 0x7fffffff)
    assert.equal(0, tonumber(ignored, 16) & 0x7fffffff)
  end)

  it("suspends its task only", function()
    local ticks = 0
    local other = task.start(function()
      for _ = 1, 5 do
        heddle.sleep(0.001)
        ticks = ticks + 1
      end
    end)
    sh "sleep 0.1"
    other:join()
    assert.equal(5, ticks)
  end)

  it("runs many at once, in tasks and threads, while a thread computes", function()
    local stop, n = false, 0
    local busy = thread.start(function()
      while not stop do n = n + 1 end
    end)
    local handles = {}
    for i = 1, 12 do
      handles[i] = (i % 3 == 0 and thread or task).start(function()
        return heddle.run_command({ "sh", "-c", "echo " .. i }).stdout
      end)
    end
    for i, got in ipairs(task.gather(handles)) do assert.equal(i .. "\n", got) end
    stop = true
    busy:join()
  end)
end)

describe("what can't be started", function()
  it("is nil, message, code", function()
    local function failed(wanted, wanted_code, got, message, code)
      assert.is_nil(got)
      assert.equal(wanted, message)
      assert.equal(wanted_code, code)
    end
    failed("no-such-program: No such file or directory", "ENOENT", run { "no-such-program" })
    failed("/tmp: Permission denied", "EACCES", run { "/tmp" })
    failed("/no/such: No such file or directory", "ENOENT", run({ "true" }, { cwd = "/no/such" }))
    failed("/dev/null: Not a directory", "ENOTDIR", run({ "true" }, { cwd = "/dev/null" }))
  end)
end)

describe("the end of the time", function()
  it("kills the program and its group", function()
    local got, why = run({ "sh", "-c", "sleep 60 & sleep 60" }, { timeout = 0.05 })
    assert.is_nil(got)
    assert.equal("timeout", why)
    got, why = run({ "sleep", "60" }, { timeout = 0 })
    assert.is_nil(got)
    assert.equal("timeout", why)
  end)

  it("is not reached by a program that ends in time", function()
    assert.equal(0, run({ "true" }, { timeout = 20 * helper.slack }).code)
  end)

  it("does not wait for one that has left the group", function()
    local file = os.tmpname()
    local got, why = run({ "setsid", "sh", "-c", "echo $$ >" .. file .. "; exec sleep 60" },
      { timeout = 0.3 * helper.slack })
    assert.is_nil(got)
    assert.equal("timeout", why)
    local pid = helper.slurp(file):match "%d+"
    if pid then os.execute("kill -9 " .. pid) end
    os.remove(file)
  end)
end)

describe("a cancelled task", function()
  local function cancelled(stop)
    local file = os.tmpname()
    stop(function() return run { "sh", "-c", "echo $$ >" .. file .. "; sleep 60" } end, function()
      return helper.wait_for(function() return helper.slurp(file):match "%d+" end)
    end)
    local pid = helper.slurp(file):match "%d+"
    os.remove(file)
    helper.wait_for(function() return not lives(pid) end)
  end

  it("kills its program, cancelled softly or hard", function()
    for _, options in ipairs { {}, { hard = true } } do
      cancelled(function(body, ready)
        local h = task.start(body)
        ready()
        h:cancel(options)
        h:join()
        assert.equal("cancelled", h:status())
      end)
    end
  end)

  it("kills its program when task.timeout ends it", function()
    cancelled(function(body)
      local got, why = task.timeout(0.3 * helper.slack, body)
      assert.is_nil(got)
      assert.equal("timeout", why)
    end)
  end)

  each("kills its program in a worker that is stopped", function(M)
    local file = os.tmpname()
    local h = M.start(function()
      return heddle.run_command { "sh", "-c", "echo $$ >" .. file .. "; exec sleep 60" }
    end)
    helper.wait_for(function() return helper.slurp(file):match "%d+" end)
    h:cancel { hard = true }
    h:join()
    local pid = helper.slurp(file):match "%d+"
    os.remove(file)
    helper.wait_for(function() return not lives(pid) end)
  end, { "thread", "isolate", "process" })
end)

describe("the end of heddle", function()
  local function gone_after(options, code)
    local file = os.tmpname()
    local result = helper.script(([[
      local heddle = require "heddle"
      heddle.task.start(function()
        repeat heddle.sleep(0.01) until io.open("FILE"):read "n"
        print "ready"
      end)
      heddle.run_command { "sh", "-c", "echo $$ >FILE; exec sleep 60" }
    ]]):gsub("FILE", file), options)
    local pid = helper.slurp(file):match "%d+"
    os.remove(file)
    assert.equal(code, result.code)
    helper.wait_for(function() return not lives(pid) end)
  end

  it("by Ctrl-C or SIGKILL ends the program, too", function()
    gone_after({ interrupt = "ready" }, 130)
    gone_after({ interrupt = "ready", signal = "KILL" }, 137)
  end)
end)

describe("bad input", function()
  local function refused(wanted, ...)
    local arguments = table.pack(...)
    local err = helper.raises(nil, function()
      run(table.unpack(arguments, 1, arguments.n))
      return nil
    end)
    local text = tostring(err):gsub("^spec/command_spec%.lua:%d+: ", "")
    assert(text:find("run_command: " .. wanted) == 1, ("%q: not %q"):format(text, wanted))
    assert(text:find "%[[%l-]+%]$", "no code at the end of: " .. text)
  end

  it("is refused, and nothing is started", function()
    refused("argv: a list of strings such as .* expected, got nil")
    refused("argv: a list of strings such as .* expected, got string", "ls -l")
    refused("argv: the name of a program expected, got no word", {})
    refused("argv%[1%]: a string expected, got number", { 5 })
    refused("argv%[2%]: a string expected, got table", { "true", {} })
    refused("argv%[1%]: a string without zero bytes expected", { "a\0b" })
    refused("options: a table expected, got number", { "true" }, 5)
    refused("options: unknown option 'input' %(there are: ", { "true" }, { input = "x" })
    refused("stdin: a string expected, got number", { "true" }, { stdin = 5 })
    refused("cwd: a string expected, got table", { "true" }, { cwd = {} })
    refused("cwd: a string without zero bytes expected", { "true" }, { cwd = "\0" })
    refused("timeout: a number expected, got string", { "true" }, { timeout = "1" })
    refused("timeout: .*, got a negative number", { "true" }, { timeout = -1 })
    refused("timeout: .*, got NaN", { "true" }, { timeout = 0 / 0 })
    refused("env: a table expected, got string", { "true" }, { env = "A=1" })
    refused("env%.A: a string expected, got number", { "true" }, { env = { A = 1 } })
    refused("env: a name: a string expected, got number", { "true" }, { env = { "A=1" } })
    refused("env: a name without '=' expected", { "true" }, { env = { ["A=B"] = "1" } })
    helper.raises("can't block here", function()
      table.sort({ 1, 2 }, function() run { "true" } end)
    end)
  end)
end)
