-- heddle.ps, heddle.tree, heddle.locks; Ctrl-\; the names that the system knows.

local helper = require "spec.helper"
local heddle = require "heddle"
local task = require "heddle.task"
local thread = require "heddle.thread"
local isolate = require "heddle.isolate"
local process = require "heddle.process"
local sync = require "heddle.sync"
local queue = require "heddle.queue"

local FILE = "ps_spec.lua:%d+"
local find_limit = 10
process.current() -- its object stays

local function find(rows, name, model)
  for _, row in ipairs(rows) do
    if row.name == name and (not model or row.model == model) then return row end
  end
end

-- The row of that name once it is what is wanted.
local function row_of(name, wanted)
  local row
  helper.wait_for(function()
    row = find(heddle.ps(), name)
    return row and (not wanted or wanted(row))
  end, find_limit, name)
  return row
end

local function waits(row) return row.waits_for and row.where end

local function acquire(lock)
  lock:acquire()
  lock:release()
end

local function comm(pid, tid)
  return (helper.slurp(("/proc/%d/task/%d/comm"):format(pid, tid)):gsub("\n", ""))
end

describe("heddle.ps", function()
  helper.each_model("shows one that waits for a lock", function(M, model)
    local lock = sync.lock()
    lock.name = "the lock of " .. model
    lock:acquire()
    local h <close> = setmetatable({ M.start({ name = "waiter" }, acquire, lock) }, {
      __close = function(self)
        lock:release()
        self[1]:join()
      end,
    })
    local row = row_of("waiter", waits)
    assert.equal(model, row.model)
    assert.equal(h[1].id, row.id)
    assert.equal("blocked", row.state)
    assert.equal(lock.name, row.waits_for)
    assert.matches("^" .. FILE .. "$", row.where)
    assert.equal(task.current().name, row.held_by)
    assert.is_true(row.since >= 0 and row.since < 60)
    assert.is_nil(row.cycle)
    local here = find(heddle.ps(), "main", "process")
    if model == "process" then
      assert.equal(h[1].pid, row.pid)
    else
      assert.equal(here.pid, row.pid)
    end
    heddle.sleep(0.01)
    assert.is_true(find(heddle.ps(), "waiter").since > row.since)
  end)

  it("names what is waited for", function()
    local q, event = queue.new(0, { name = "inbox" }), sync.event()
    event.name = "go"
    local hs = {
      task.start({ name = "sleeper" }, heddle.sleep, 60),
      task.start({ name = "getter" }, function() q:get() end),
      thread.start({ name = "eventual" }, function() event:wait() end),
    }
    hs[4] = task.start({ name = "joiner" }, function() hs[3]:join() end)
    hs[5] = task.start({ name = "second" }, function() hs[1]:join() end)
    assert.equal("sleep", row_of("sleeper", waits).waits_for)
    assert.equal("inbox", row_of("getter", waits).waits_for)
    assert.equal("go", row_of("eventual", waits).waits_for)
    assert.equal("end of eventual", row_of("joiner", waits).waits_for)
    assert.equal("end of sleeper", row_of("second", waits).waits_for)
    event:set()
    hs[1]:cancel()
    q:close()
    for _, h in ipairs(hs) do h:join() end
  end)

  helper.each_model("shows one that computes and where", function(M)
    local started, stop = sync.event(), require("heddle.shared").value("bool", false)
    local h = M.start({ name = "busy" }, function(event, done)
      event:set()
      repeat local _ = 1 until done:get()
    end, started, stop)
    started:wait()
    local row = row_of("busy", function(r) return r.where end)
    assert.is_true(row.state == "running" or M == task)
    assert.matches(FILE, row.where)
    assert.is_nil(row.since)
    stop:set(true)
    h:join()
  end, { "thread", "isolate", "process" })

  it("shows workers of workers, of every start method", function()
    local go = sync.event()
    local function middle(event)
      local inner = require("heddle.thread").start({ name = "inner thread" }, function()
        require("heddle.task").start({ name = "inner task" }, function() event:wait() end)
        event:wait()
      end)
      inner:join()
    end
    local hs = { isolate.start({ name = "middle isolate" }, middle, go) }
    for _, method in ipairs(process.methods()) do
      if method ~= "fork" then
        hs[#hs + 1] = process.start({ name = "by " .. method, method = method }, middle, go)
      end
    end
    helper.wait_for(function()
      local inner = 0
      for _, row in ipairs(heddle.ps()) do
        if row.name:find "^inner" and row.state == "blocked" then inner = inner + 1 end
      end
      return inner == 2 * #hs
    end, find_limit, "all of them")
    local root = heddle.tree()[1]
    assert.equal("main", root.name)
    for _, h in ipairs(hs) do
      local node = find(root.children, h.name)
      assert.equal(h.id, node.id)
      local inner = find(node.children, "inner thread")
      assert.equal("thread", inner.model)
      assert.equal("blocked", find(inner.children, "inner task").state)
    end
    local text = tostring(heddle.tree())
    assert.matches("\n├─ isolate middle isolate [^\n]*\n│  └─ thread inner thread", text)
    go:set()
    for _, h in ipairs(hs) do h:join() end
  end)

  it("prints an aligned table with a title", function()
    local h = task.start({ name = "a rather long name" }, heddle.sleep, 60)
    heddle.yield()
    local lines = {}
    for line in tostring(heddle.ps()):gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.matches("^MODEL%s+ID%s+NAME%s+PID%s+STATE%s+SINCE%s+WHERE", lines[1])
    local column = lines[1]:find "NAME"
    local seen
    for _, line in ipairs(lines) do
      if line:find("a rather long name", column, true) == column then seen = line end
    end
    assert.matches("^task .* blocked .*ps_spec.lua:%d+.*sleep", seen)
    h:cancel()
    h:join()
  end)

  it("prints many that are alike as a few and their number", function()
    local hs = {}
    for i = 1, 250 do hs[i] = task.start(heddle.sleep, 60) end
    local other = task.start({ name = "another" }, function() heddle.sleep(60) end)
    heddle.yield()
    local rows = heddle.ps()
    local text = tostring(rows)
    assert.is_true(#rows > 250)
    assert.matches("\ntask +%(240 more like this%)\n", text)
    assert.equal(10, select(2, text:gsub("Task%-%d+", "")))
    assert.matches("\ntask +%d+ +another ", text)
    for _, h in ipairs(hs) do h:cancel() end
    other:cancel()
    for _, h in ipairs(hs) do h:join() end
    other:join()
  end)

  it("has every handle that is listed, once", function()
    local go = sync.event()
    local wanted, hs = {}, {}
    for _, model in ipairs(helper.models) do
      for _ = 1, 3 do
        local h = require("heddle." .. model).start(function(event) event:wait() end, go)
        hs[#hs + 1], wanted[h.id] = h, model
      end
    end
    wanted[task.current().id] = "task"
    wanted[process.current().id] = "process"
    local seen = {}
    helper.wait_for(function()
      seen = {}
      for _, row in ipairs(heddle.ps()) do
        assert.is_nil(seen[row.id], "an id is there twice")
        seen[row.id] = row.model
      end
      for id, model in pairs(wanted) do
        if seen[id] ~= model then return false end
      end
      return true
    end, find_limit)
    go:set()
    for _, h in ipairs(hs) do h:join() end
    local left = find(heddle.ps(), hs[1].name)
    assert.is_nil(left)
  end)

  it("marks a cycle of locks", function()
    local run = helper.script [[
      local heddle, task, sync = require "heddle", require "heddle.task", require "heddle.sync"
      local a, b = sync.lock(), sync.lock()
      local function take(x, y)
        x:acquire()
        heddle.sleep(0.001)
        y:acquire()
      end
      task.start({ name = "Ann", daemon = true }, take, a, b)
      task.start({ name = "Bob", daemon = true }, take, b, a)
      task.start({ name = "Eve", daemon = true }, function() heddle.sleep(0.002) a:acquire() end)
      heddle.sleep(0.05)
      for _, row in ipairs(heddle.ps()) do
        if row.model == "task" then print(row.name, row.held_by, row.cycle) end
      end
      a:release()
    ]]
    assert.matches("Ann\tBob\ttrue\n", run.out)
    assert.matches("Bob\tAnn\ttrue\n", run.out)
    assert.matches("Eve\tAnn\tnil\n", run.out)
  end)

  it("is asked by many at once", function()
    local function ask()
      local ps = require("heddle").ps
      for _ = 1, 5 do
        local rows, n = ps(), 0
        for _, row in ipairs(rows) do
          if row.name:find "^asker" then n = n + 1 end
        end
        if n < 1 then error "not even itself" end
      end
    end
    local hs = {}
    for i, model in ipairs(helper.models) do
      local M = require("heddle." .. model)
      hs[i] = M.start({ name = "asker " .. model }, ask)
    end
    for _, h in ipairs(hs) do h:result() end
  end)
end)

describe("heddle.locks", function()
  it("shows holders and who waits, in order", function()
    local lock, semaphore = sync.lock(), sync.semaphore(0)
    lock.name, semaphore.name = "wanted", "permits"
    lock:acquire()
    local hs = {}
    for i = 1, 3 do hs[i] = task.start({ name = "w" .. i }, acquire, lock) end
    hs[4] = thread.start({ name = "starved" }, function() semaphore:acquire() end)
    local rows
    helper.wait_for(function()
      rows = heddle.locks()
      return #find(rows, "wanted").waiters == 3 and #find(rows, "permits").waiters == 1
    end)
    local row = find(rows, "wanted")
    assert.equal("lock", row.kind)
    assert.equal(task.current().name, row.held_by)
    assert.equal(task.current().name, row.holder)
    assert.same({ "w1", "w2", "w3" }, row.waiters)
    assert.same({ "starved" }, find(rows, "permits").waiters)
    assert.matches("KIND%s+NAME%s+STATE%s+HELD_BY%s+WAITERS", tostring(rows))
    local line = ("lock%%s+wanted%%s+held%%s+%s%%s+w1, w2, w3"):format(task.current().name)
    assert.matches(line, tostring(rows))
    lock:release()
    semaphore:release()
    for _, h in ipairs(hs) do h:join() end
    assert.is_nil(find(heddle.locks(), "wanted").held_by)
    assert.is_nil(find(heddle.locks(), "wanted").holder)
  end)

  it("leaves out locks that the collector takes away meanwhile", function()
    heddle.locks()
    for _ = 1, 5 do
      collectgarbage "stop"
      for _ = 1, 2000 do sync.lock() end
      collectgarbage "restart"
      for _, row in ipairs(heddle.locks()) do assert.matches("^[%l]*lock$", row.kind) end
    end
  end)
end)

describe("SIGQUIT", function()
  local HEAD = [[
    local heddle, task = require "heddle", require "heddle.task"
    local thread, isolate = require "heddle.thread", require "heddle.isolate"
    local process = require "heddle.process"
    local me = io.open("/proc/self/stat"):read("n")
    local function kill(pid) io.popen("kill -QUIT " .. pid):close() end
    local function quit() kill(me) end
  ]]

  local function expect(run, ...)
    assert.equal(0, run.code, run.all)
    assert.matches("went on\n$", run.out)
    assert.matches("MODEL%s+ID%s+NAME", run.err)
    for _, pattern in ipairs { ... } do assert.matches(pattern, run.err) end
  end

  it("prints what lives while all sleep, and the program goes on", function()
    expect(helper.script(HEAD .. [[
      local h = task.start({ name = "napper" }, heddle.sleep, 60)
      local p = process.start({ name = "child" }, function() require("heddle").sleep(60) end)
      local quitter = thread.start(function()
        heddle.sleep(0.05)
        quit()
        heddle.sleep(0.5)
      end)
      quitter:join()
      h:cancel()
      p:kill()
      p:join()
      print "went on"
    ]]), "task +%d+ +napper +%d+ +blocked", "process +%d+ +child", "thread +%d+ +Thread%-1")
  end)

  it("prints while the main task computes, and while a thread does", function()
    expect(helper.script(HEAD .. [[
      local done
      local h = thread.start({ name = "other" }, function()
        heddle.sleep(0.05)
        quit()
        local t = heddle.now() + 0.3
        while heddle.now() < t do local _ = 1 end
        quit()
        heddle.sleep(0.1)
        done = true
      end)
      while not done do local _ = 1 end
      h:join()
      print "went on"
    ]]), "thread +%d+ +other", "process +%d+ +main +%d+ +running")
  end)

  it("from the terminal kills no child", function()
    expect(helper.script(HEAD .. [[
      local children, up, go = {}, require("heddle.queue").new(), require("heddle.sync").event()
      for i, method in ipairs(process.methods()) do
        children[i] = process.start({ method = method }, function()
          up:put(1)
          go:wait()
          return "lived"
        end)
      end
      for _ = 1, #children do up:get() end
      for _, child in ipairs(children) do kill(child.pid) end
      quit()
      heddle.sleep(0.1)
      go:set()
      for _, child in ipairs(children) do assert(child:result() == "lived") end
      print "went on"
    ]]))
  end)
end)

describe("the system", function()
  helper.each_model("knows the name of one", function(M, model)
    local go = sync.event()
    local h = M.start({ name = "named-" .. model .. "-and-more" }, function(event)
      event:wait()
    end, go)
    local row = row_of(h.name, waits)
    assert.equal(("named-" .. model .. "-and-more"):sub(1, 15), comm(row.pid, row.tid))
    h.name = "renamed"
    assert.equal("renamed", h.name)
    helper.wait_for(function() return comm(row.pid, row.tid) == "renamed" end)
    assert.equal("renamed", find(heddle.ps(), "renamed").name)
    go:set()
    h:join()
  end, { "thread", "isolate", "process" })

  it("knows the names of processes of each start method", function()
    local go = sync.event()
    for _, method in ipairs(process.methods()) do
      local h = process.start({ name = "child-" .. method, method = method }, function(event)
        event:wait()
      end, go)
      helper.wait_for(function()
        return h.pid and comm(h.pid, h.pid) == ("child-" .. method):sub(1, 15)
      end, find_limit, method)
      go:set()
      h:join()
      go:clear()
    end
  end)
end)

describe("a handle's name", function()
  helper.each_model("can be changed, nothing else can", function(M)
    local h = M.new(print)
    h.name = "another"
    assert.equal("another", h.name)
    assert.matches("another", tostring(h))
    helper.raises("name: a string expected, got a number %[bad%-argument%]$",
      function() h.name = 1 end)
    helper.raises("field 'colour' can't be set.*%[no%-field%]$", function() h.colour = 1 end)
  end)
end)
