-- heddle top, and --live.

local helper = require "spec.helper"
local terminal = require "spec.terminal"
local top = require "heddle.top"

-- A program in the background. It prints its process's number; a line typed to it lets it end.
local Child = {}
Child.__index = Child

local function child(code, words)
  local stem = os.tmpname()
  helper.spit(stem .. ".lua", code)
  local go = os.tmpname()
  os.remove(go)
  assert(os.execute("mkfifo " .. go))
  local line = ("timeout %d %s %s %s %s <%s 2>&1"):format(20 * helper.slack,
    helper.quote(helper.absolute_executable()), words or "", stem .. ".lua", go, go)
  local self = setmetatable({ out = io.popen(line), go = assert(io.open(go, "w")) }, Child)
  self.paths = { stem, stem .. ".lua", go }
  for text in self.out:lines() do -- a live view may come first
    self.pid = math.tointeger(text)
    if self.pid then break end
  end
  return self
end

-- Lets it end; what it still printed, and its exit status.
function Child:finish()
  self.go:write "go\n"
  self.go:close()
  local text = self.out:read "a"
  local _, how, code = self.out:close()
  for _, path in ipairs(self.paths) do os.remove(path) end
  return text, how == "signal" and 128 + code or code
end

-- Everything there is to see: a lock that is held and waited for, a queue, each model, one that
-- computes.
local SCENE = [[
local process, thread, isolate = require "heddle.process", require "heddle.thread",
  require "heddle.isolate"
local queue, sync, task = require "heddle.queue", require "heddle.sync", require "heddle.task"
local jobs, lock = queue.new(100), sync.lock()
jobs.name, lock.name = "orders", "till"
for _ = 1, 7 do jobs:put(1) end
local stop = queue.new()
local p = process.start({ name = "far" }, function(q) q:get() end, stop)
local busy = isolate.start({ name = "busy" }, function() while true do end end)
lock:acquire()
local t = thread.start({ name = "late" }, function() lock:acquire() lock:release() end)
io.stdout:write(process.current().pid, "\n")
io.stdout:flush()
require("heddle").input()
lock:release()
stop:put(1)
busy:cancel { hard = true }
print(t:join())
p:join()
]]

-- A pool of two workers and a service, with more jobs than they can do at once.
local JOBS = [[
local mix, pool, service = require "heddle.mix", require "heddle.pool", require "heddle.service"
local task = require "heddle.task"
local stop = false
local jobs = service.new { model = "%s", workers = 1, quiet = true,
  mix = mix.new { jobs = 100000, kinds = { slow = { io = 0.05 } } } }
local serving = task.start(function() jobs:run() end)
local crew = pool.new("%s", 2, { name = "crew" })
local feeder = task.start(function()
  while not stop do
    for _ = 1, 8 do crew:submit(function() require("heddle").sleep(0.03) end) end
    crew:submit(function() end):result()
  end
end)
io.stdout:write(require("heddle.process").current().pid, "\n")
io.stdout:flush()
require("heddle").input()
stop = true
serving:cancel()
feeder:join()
crew:shutdown()
serving:join()
print "ended"
]]

-- Types the steps into a shell with job control, in which a command runs.
local function in_shell(command, steps) return terminal.shell(command, steps, { columns = 100 }) end

-- Types the steps into top, or a program with --live.
local function at_terminal(words, steps)
  return terminal.run({ helper.absolute_executable(), table.unpack(words) }, steps,
    { columns = 100 })
end

local function script_file(code)
  local path = os.tmpname()
  helper.spit(path, code)
  return path
end

describe("heddle top", function()
  helper.preload()

  it("shows who lives in a program and what they wait for", function()
    local c, r = child(SCENE), nil
    helper.wait_for(function()
      r = helper.heddle { "top", tostring(c.pid) }
      return r.out:find("held by main", 1, true) and r.out:find "busy +running +%d+%% +%d+%%"
        and r.out:find "late +blocked +%d%% +%d%% +%d+%% %d"
    end, 8, "the picture")
    local text, status = c:finish()
    assert.equal(0, r.code)
    assert.equal("", r.err)
    assert.truthy(r.out:find("^heddle top: " .. c.pid .. "  "))
    assert.truthy(r.out:find "orders +7 of 100")
    assert.truthy(r.out:find "till %(held by main%)")
    assert.truthy(r.out:find "process +far +%d+ ")
    assert.truthy(r.out:find "LOCK WAIT")
    assert.equal("true\n", text)
    assert.equal(0, status)
  end)

  it("says in one line what it can't show", function()
    local other = io.popen("echo $$; exec sleep 20")
    local pid = other:read "l"
    local r = helper.heddle { "top", pid }
    os.execute("kill " .. pid)
    other:close()
    assert.equal(1, r.code)
    assert.equal(("heddle: top: can't show %s: it is no heddle program\n"):format(pid), r.err)
    r = helper.heddle { "top", "2147483647" }
    assert.equal(1, r.code)
    assert.equal("heddle: top: can't show 2147483647: no process has that number\n", r.err)
    r = helper.heddle { "top", "me" }
    assert.equal(2, r.code)
    assert.truthy(r.err:find "^heddle: top: a whole number from 1 [^\n]*'me'\n$")
  end)

  it("shows no other user's program", function()
    local pid = "1" -- another's, unless this is root, who lends a program to nobody
    local setuid = [[exec python3 -c 'import os; print(os.getpid(), flush=True); os.setuid(65534)
os.execvp("sleep", ["sleep", "20"])']]
    local root = helper.slurp "/proc/self/status":match "Uid:%s+(%d+)" == "0"
    local other = root and io.popen(setuid)
    if other then pid = other:read "l" end
    local r
    helper.wait_for(function()
      r = helper.heddle { "top", pid }
      return r.err:find "another user"
    end)
    if other then
      os.execute("kill " .. pid)
      other:close()
    end
    assert.equal(1, r.code)
    assert.equal(("heddle: top: can't show %s: it belongs to another user\n"):format(pid), r.err)
  end)

  it("asks which one, where several run", function()
    local c = child(SCENE) -- and the specs themselves
    local r = helper.heddle { "top" }
    c:finish()
    assert.equal(2, r.code)
    assert.truthy(r.err:find "^heddle: top: which one%? %d+ heddle programs run: [^\n]*\n$")
    assert.truthy(r.err:find(c.pid .. " (", 1, true))
  end)

  it("takes the only one, and says when there is none", function()
    assert.equal(7, top.choose { { pid = 7, command = "heddle a.lua" } })
    local err = helper.raises(nil, top.choose, {})
    assert.equal("top: no heddle program of this user runs", err.failed)
  end)

  for _, model in ipairs { "threads", "isolates", "processes", "coroutines" } do
    it("shows what each worker does now, and how fast: " .. model, function()
      local c = child(JOBS:format(model, model))
      local seen = {}
      helper.wait_for(function()
        local r = helper.heddle { "top", tostring(c.pid) }
        local name = model == "coroutines" and "task +Job%-%d" or "crew%-1"
        seen.job = seen.job or r.out:find(name .. "[^\n]* #%d")
        seen.kind = seen.kind or r.out:find "#%d+ slow"
        seen.rate = seen.rate or r.out:find "jobs done %(%d+%.%d/s%)"
        seen.queue = seen.queue or r.out:find "jobs of crew +%d"
        return seen.job and seen.kind and seen.rate and seen.queue
      end, 8, "the jobs")
      local text, status = c:finish()
      assert.equal("ended\n", text)
      assert.equal(0, status)
    end)
  end

  it("follows the terminal's size", function()
    local c = child(SCENE)
    local r = at_terminal({ "top", tostring(c.pid) }, { "await here held by main", "resize 8 60",
      "gone here held by main", "await here more", "resize 24 150", "await here held by main",
      "type q", "end" })
    c:finish()
    assert.equal(0, r.code)
  end)

  it("gives the terminal back while it is stopped", function()
    local c = child(SCENE)
    local mode = "$(stty -a | grep -o ' -*icanon')"
    local r = in_shell(("%s top %d; echo 'stopped' %s; fg; echo 'over'"):format(
      helper.absolute_executable(), c.pid, mode), { "await here held by main", "type \\x1a",
      "await stopped icanon", "await here held by main", "type q", "await over", "end" })
    c:finish()
    assert.equal(0, r.code, r.out)
  end)

  it("redraws in place on a terminal until q or Ctrl-C", function()
    local c = child(SCENE)
    local words = { "top", tostring(c.pid) }
    local first = at_terminal(words, { "await held by main", "type q", "end" })
    local second = at_terminal(words, { "await lock wait", "type \\x03", "end" })
    local _, status = c:finish()
    assert.equal(0, first.code)
    assert.equal(0, second.code)
    local _, pictures = first.out:gsub("heddle top: ", "")
    assert.equal(1, pictures, first.out)
    assert.equal(0, status)
  end)

  it("leaves the terminal as it was when it is terminated", function()
    local c = child(SCENE)
    local file = os.tmpname()
    local inner = ("echo $$ >%s; exec %s top %d"):format(file, helper.absolute_executable(), c.pid)
    local stty = ("sh -c %s; echo then $? $(stty -a | grep -o ' -*icanon')"):format(
      helper.quote(inner))
    local kill = ("run kill -TERM $(cat %s)"):format(file)
    local r = terminal.run({ "sh", "-c", stty },
      { "await WAITS FOR", kill, "await then 0 icanon", "end" }, { columns = 100 })
    c:finish()
    os.remove(file)
    assert.equal(0, r.code, r.out)
  end)

  it("ends with the program", function()
    local c = child(SCENE)
    local r = at_terminal({ "top", tostring(c.pid) },
      { "await WAITS FOR", "run kill -9 " .. c.pid, "await has ended", "end" })
    c:finish()
    assert.equal(0, r.code)
  end)

  it("leaves the program whole, also when it is killed itself", function()
    local c = child(SCENE)
    for i = 1, 12 do
      os.execute(("timeout -s KILL %.3f %s top %d >/dev/null 2>&1"):format(0.01 + 0.013 * i,
        helper.quote(helper.absolute_executable()), c.pid))
    end
    local text, status = c:finish()
    assert.equal("true\n", text)
    assert.equal(0, status)
  end)

  it("hides no deadlock of the program that it watches", function()
    local path = script_file [[require("heddle").sleep(0.4) require("heddle.queue").new():get()]]
    local r = helper.heddle({ "--live", path }, { limit = 20 })
    os.remove(path)
    assert.equal(3, r.code)
    assert.truthy(r.err:find("deadlock", 1, true))
  end)
end)

describe("--live", function()
  it("prints lines on stderr where that is no terminal", function()
    local path = script_file(([[require("heddle").sleep(%g) print "out" os.exit(7)]]):format(
      1.5 * helper.slack))
    local r = helper.heddle { "--live", path }
    os.remove(path)
    assert.equal("out\n", r.out)
    assert.truthy(r.err:find "^live: %d[^\n]*1 process, 1 task")
    assert.truthy(r.err:find "\n  process +main +blocked .* sleep\n")
    assert.falsy(r.err:find "\27")
    assert.equal(7, r.code)
  end)

  it("shows a demo's and a comparison's workers as plain lines, too", function()
    local path = script_file [[return require("heddle.mix").new { jobs = 1,
      kinds = { nap = { io = 1.2 } } }]]
    local r = helper.heddle { "demo", "threads", "--mix=" .. path, "--live", "--quiet" }
    assert.equal(0, r.code)
    assert.truthy(r.err:find "\n  thread +Thread%-%d +blocked +#%d nap", r.err)
    r = helper.heddle { "compare", path, "--models=isolates", "--workers=1", "--rounds=1",
      "--warmup=0", "--live" }
    os.remove(path)
    assert.equal(0, r.code)
    assert.truthy(r.err:find "\n  isolate +Isolate%-1 +blocked +#0 nap", r.err)
    assert.falsy(r.out:find "live:")
  end)

  it("is no program of its own for heddle top", function()
    local c = child(SCENE, "--live")
    local r = helper.heddle { "top" }
    c:finish()
    assert.equal(2, r.code)
    assert.falsy(r.err:find "top %-%-pin")
    local _, times = r.err:gsub(c.pid .. " %(", "")
    assert.equal(1, times)
  end)

  it("keeps to the last lines of a terminal, and leaves it as it was", function()
    local path = script_file [[require("heddle").input() print "done"]]
    local r = at_terminal({ "--live", path }, { "await WAITS FOR", "type go\\n", "end" })
    os.remove(path)
    assert.equal(0, r.code)
    assert.falsy(r.out:find("WAITS FOR", 1, true), r.out)
    assert.truthy(r.out:find "done")
  end)

  it("leaves the terminal as it was when the script fails or is killed", function()
    local newlines = ("\\n"):rep(24)
    for _, ending in ipairs { "error 'no'", "os.execute('kill -TERM $PPID')" } do
      local path = script_file('require("heddle").input() ' .. ending)
      local r = in_shell(("%s --live %s; echo over; cat; echo end"):format(
        helper.absolute_executable(), path), { "await here WAITS FOR", "type go\\n",
        "await here over", "gone WAITS FOR", "type " .. newlines, "gone here over",
        "type last\\n", "await_times 2 last", "type \\x04", "end" })
      os.remove(path)
      assert.equal(0, r.code, r.out)
    end
  end)

  it("follows the terminal's size, and leaves it to the shell after Ctrl-Z", function()
    local path = script_file [[require("heddle").input() print "done"]]
    local r = in_shell(("%s --live %s; echo 'stopped'; cat; fg; echo 'over'"):format(
      helper.absolute_executable(), path), { "await here lock wait 0%", "resize 15 40",
      "gone lock wait", "await here …", "resize 30 110", "gone …", "await here lock wait 0%",
      "type \\x1a", "await here stopped", "gone WAITS FOR", "type \\x04", "await here WAITS FOR",
      "type go\\n", "await over", "gone WAITS FOR", "end" })
    os.remove(path)
    assert.equal(0, r.code, r.out)
  end)

  it("shows a demo's workers, too", function()
    local r = at_terminal({ "demo", "threads", "--jobs=2", "--time=0.5", "--live" }, { "end" })
    assert.equal(0, r.code)
    assert.falsy(r.out:find("WAITS FOR", 1, true), r.out)
  end)
end)
