-- Deaths: random kills, forks of a busy process, storms, the end of the root and of those below it,
-- of those who wait, and of those who hold. The long runs are `make chaos`.

local helper = require "spec.helper"
local heddle = require "heddle"
local process = require "heddle.process"
local queue = require "heddle.queue"
local sync = require "heddle.sync"
local trials = require "chaos.trials"
local native = require "heddle.native.worker"

helper.case_limit = 120

local function quiet() end

local function gone(pid) return not helper.exists(pid) end

-- Runs a script in the background, calls fn(pid, lines it has printed so far) when it has printed
-- `ready`, and waits for its end.
local function with_program(code, fn)
  local path, out = os.tmpname(), os.tmpname()
  helper.spit(path, code)
  local line = ("exec %s %s >%s 2>&1 </dev/null & echo $!"):format(
    helper.quote(helper.absolute_executable()), helper.quote(path), helper.quote(out))
  local pipe = assert(io.popen(line))
  local pid = tonumber(pipe:read "l")
  pipe:close()
  local ok, err = pcall(function()
    helper.wait_for(function() return helper.slurp(out):find "ready\n" end, 10, "the start")
    fn(pid, helper.slurp(out))
  end)
  os.execute("kill -9 " .. pid .. " 2>/dev/null")
  helper.wait_for(function() return gone(pid) end, 2, "the program's end")
  local pids = {}
  for child in helper.slurp(out):gmatch "pid (%d+)" do pids[#pids + 1] = child end
  for _, child in ipairs(pids) do
    helper.wait_for(function() return gone(child) end, 1, "the end of process " .. child)
  end
  table.insert(pids, pid)
  helper.wait_for(function()
    native.reap_strangers()
    for _, child in ipairs(pids) do if helper.state_of(child) then return false end end
    return true
  end, 2, "reaping")
  local said = helper.slurp(out)
  os.remove(path)
  os.remove(out)
  if not ok then error(tostring(err) .. "\n" .. said, 0) end
end

describe("random kills", function()
  it("lose, double and hang nothing", function()
    local sums = trials.kills(40, os.time(), quiet)
    assert.equal("", sums.text)
    assert.equal(40, sums.kills)
    assert.equal(0, sums.hung + sums.lost + sums.doubled + sums.torn + sums.order + sums.lock)
  end)
end)

describe("a fork of a busy process", function()
  it("never hangs", function()
    local sums = trials.forks(20, os.time(), quiet)
    assert.equal("", sums.text)
    assert.equal(0, sums.hung + sums.wrong)
  end)
end)

describe("a storm", function()
  it("leaves nobody behind, and every primitive works after it", function()
    local sums = trials.storms(20, os.time(), quiet)
    assert.equal("", sums.text)
    assert.equal(0, sums.hung + sums.left + sums.broken + sums.raised)
  end)
end)

describe("a fork", function()
  it("does not wait for an isolate that waits for input", function()
    local result = helper.script([[
      local heddle, process = require "heddle", require "heddle.process"
      local up = require "heddle.queue".new(0, {shared = true})
      require "heddle.isolate".start({daemon = true}, function(u)
        u:put(1)
        io.popen("sleep 1.5"):read "l"
      end, up)
      up:get()
      heddle.sleep(0.05)
      local begun = heddle.now()
      assert(process.start({method = "fork"}, function() return 5 end):result(5) == 5)
      print(heddle.now() - begun < 1)
      os.exit(0)
    ]], { limit = 10 })
    assert.equal("true\n", result.out)
  end)

  it("writes nothing twice", function()
    local result = helper.script([[
      local process, queue = require "heddle.process", require "heddle.queue"
      local q = queue.new()
      local other = require "heddle.thread".start(function() q:get() end)
      local path = os.tmpname()
      local file = assert(io.open(path, "w"))
      file:write "once "
      process.start({method = "fork"}, function() end):join()
      file:close()
      q:put(1)
      other:join()
      for line in io.lines(path) do print(line) end
      os.remove(path)
    ]], { limit = 10 })
    assert.equal("once \n", result.out)
  end)
end)

local everybody = [[
package.path = "./?.lua;" .. package.path
local heddle, process, queue = require "heddle", require "heddle.process", require "heddle.queue"
local q = queue.new(0, {shared = true})
local up = queue.new(0, {shared = true})
local function say(f)
  local file = assert(io.open("/proc/self/stat"))
  print("pid " .. file:read("n"))
  file:close()
end
local function waits(q, up, say) say() up:put(1) q:get() end
local function spins(up, say) say() up:put(1) while true do end end
local function sleeps(up, say) say() up:put(1) heddle.sleep(1000) end
local function starts(q, up, say, waits, spins, process)
  say()
  process.start({method = "fork"}, waits, q, up, say)
  process.start({method = "spawn"}, spins, up, say)
  process.start({method = "forkserver"}, waits, q, up, say)
  up:put(1)
  q:get()
end
local n = 0
for _, method in ipairs(process.methods()) do
  process.start({method = method}, waits, q, up, say)
  process.start({method = method}, spins, up, say)
  process.start({method = method}, sleeps, up, say)
  process.start({method = method}, starts, q, up, say, waits, spins, process)
  n = n + 7
end
for _ = 1, n do up:get() end
print "ready"
heddle.sleep(1000)
]]

describe("the root's death", function()
  it("takes all of its processes with it within a second", function()
    with_program(everybody, function(pid, said)
      local pids = {}
      for child in said:gmatch "pid (%d+)" do pids[#pids + 1] = child end
      assert.equal(21, #pids)
      os.execute("kill -9 " .. pid)
      local begun = helper.now()
      for _, child in ipairs(pids) do
        helper.wait_for(function() return gone(child) end, 1, "the end of process " .. child)
      end
      assert.is_true(helper.now() - begun < 1 * helper.slack)
    end)
  end)

  it("takes a stopped process with it", function()
    with_program(everybody, function(pid, said)
      local child = said:match "pid (%d+)"
      os.execute("kill -STOP " .. child)
      helper.wait_for(function() return helper.state_of(child) == "T" end, 1)
      os.execute("kill -9 " .. pid)
      helper.wait_for(function() return gone(child) end, 1, "the end of the stopped one")
    end)
  end)

  it("leaves no fork server behind", function()
    with_program([[
      local process, heddle = require "heddle.process", require "heddle"
      process.start({method = "forkserver"}, function() end):join()
      local me = io.open("/proc/self/stat"):read "n"
      local list = io.popen("ps -o pid=,comm= --ppid " .. me)
      for pid in list:read("a"):gmatch "(%d+) forkserver" do print("pid " .. pid) end
      list:close()
      print "ready"
      heddle.sleep(1000)
    ]], function(pid) os.execute("kill -9 " .. pid) end)
  end)
end)

describe("the death of a process in the middle", function()
  local function children_of(method)
    local up, never = queue.new(0, { shared = true }), queue.new(0, { shared = true })
    local middle = process.start({ method = method }, function(u, n)
      local function own_pid()
        local file = assert(io.open "/proc/self/stat")
        local pid = file:read "n"
        file:close()
        return pid
      end
      local p = require "heddle.process"
      for _, m in ipairs(p.methods()) do
        p.start({ method = m }, function(u2, n2, f) u2:put(f()) n2:get() end, u, n, own_pid)
      end
      n:get()
    end, up, never)
    return middle, { up:get(5), up:get(5), up:get(5) }
  end

  for _, method in ipairs(process.methods()) do
    it("takes its children with it [" .. method .. "]", function()
      local middle, pids = children_of(method)
      assert.equal(3, #pids)
      assert.is_true(middle:kill())
      assert.is_true(middle:join(20))
      for _, pid in ipairs(pids) do
        helper.wait_for(function() return not helper.state_of(pid) end, 2, "the end of " .. pid)
      end
    end)
  end

  it("ends as a stopped process ends", function()
    local h = process.start(function() require "heddle".sleep(100) end)
    assert.is_true(h:kill "SIGSTOP")
    assert.is_nil((h:join(0.05)))
    assert.is_true(h:kill())
    assert.is_true(h:join(20))
    assert.equal(-9, h:exitcode())
  end)
end)

describe("a stopped holder", function()
  it("is not taken for dead", function()
    local lock, up = sync.lock(), queue.new(0, { shared = true })
    local h = process.start(function(l, u)
      l:acquire()
      u:put(1)
      require "heddle".sleep(1)
      l:release()
    end, lock, up)
    up:get()
    h:kill "SIGSTOP"
    assert.same({ nil, "timeout" }, { lock:acquire(0.5) })
    h:kill "SIGCONT"
    assert.same({ true }, { lock:acquire(5) })
    lock:release()
    assert.is_true(h:join(5))
  end)
end)

describe("the death of those who wait", function()
  for _, method in ipairs(process.methods()) do
    it("leaves the others in line [" .. method .. "]", function()
      local q, lock = queue.new(1, { shared = true }), sync.lock()
      local up = queue.new(0, { shared = true })
      lock:acquire()
      local function sleeper(q2, lock2, up2, n)
        up2:put(n)
        if n % 2 == 0 then
          up2:put { n, q2:get() }
        else
          lock2:acquire()
          up2:put { n, "lock" }
          lock2:release()
        end
      end
      local handles = {}
      for n = 1, 6 do
        handles[n] = process.start({ method = method }, sleeper, q, lock, up, n)
        assert.equal(n, up:get(5))
      end
      helper.wait_for(function()
        return tostring(q):find "3 waiting" and tostring(lock):find "3 waiting"
      end)
      handles[1]:kill()
      handles[2]:kill()
      local begun = heddle.now()
      lock:release()
      q:put "item"
      local seen = {}
      for _ = 1, 3 do
        local got = assert(up:get(2 * helper.slack))
        seen[got[1]] = got[2]
      end
      assert.is_true(seen[4] == "item" or seen[6] == "item")
      seen[4], seen[6] = nil, nil
      assert.same({ [3] = "lock", [5] = "lock" }, seen)
      assert.is_true(heddle.now() - begun < 1 * helper.slack)
      handles[4]:kill()
      handles[6]:kill()
      for _, h in ipairs(handles) do assert.is_true(h:join(5)) end
      assert.is_truthy(tostring(q):find "0 waiting")
    end)

    it("is told by the handle [" .. method .. "]", function()
      local h = process.start({ method = method, name = "victim" }, function()
        require "heddle".sleep(100)
      end)
      h:kill()
      assert.is_true(h:join(2 * helper.slack))
      assert.equal("failed", h:status())
      assert.equal(-9, h:exitcode())
      helper.raises("worker died: signal 9", h.result, h)
    end)
  end

  it("goes fast for many tasks of one process", function()
    local q, up = queue.new(0, { shared = true }), queue.new(0, { shared = true })
    local h = process.start(function(q2, up2)
      local heddle2 = require "heddle"
      for _ = 1, 20000 do heddle2.spawn(function() q2:get() end) end
      heddle2.sleep(0)
      up2:put(1)
      q2:get()
    end, q, up)
    up:get(10 * helper.slack)
    helper.wait_for(function() return tostring(q):find "20001 waiting" end, 10)
    h:kill()
    assert.is_true(h:join(2 * helper.slack))
    q:put "left"
    assert.equal("left", q:get(20))
  end)
end)

-- Runs a script that knows its fork server's pid; it must print `fine`.
local function with_server(code)
  local result = helper.script([[
    local process, heddle = require "heddle.process", require "heddle"
    local queue = require "heddle.queue"
    local me = io.open("/proc/self/stat"):read "n"
    local function server_pid()
      local list = io.popen("ps -o pid=,comm= --ppid " .. me)
      local pid = list:read("a"):match "(%d+) forkserver\n"
      list:close()
      return pid
    end
  ]] .. code, { limit = 30 })
  assert.equal("fine\n", result.all)
  assert.equal(0, result.code)
end

describe("the fork server's death", function()
  it("ends its children and nothing else; the next one takes over", function()
    with_server [[
      local up = queue.new(0, { shared = true })
      local other = process.start({ method = "spawn" }, function(u) return u:get() end, up)
      local child = process.start({ method = "forkserver" }, function() while true do end end)
      while not child.pid do heddle.sleep(0.001) end
      os.execute("kill -9 " .. server_pid())
      assert(child:join(5))
      local ok, why = pcall(child.result, child)
      assert(not ok and why:find "worker died: signal 9", why)
      assert(process.start({ method = "forkserver" }, function() return 7 end):result(5) == 7)
      up:put "on"
      assert(other:result(5) == "on")
      print "fine"
    ]]
  end)

  it("loses no request", function()
    with_server [[
      for round = 1, 20 do
        local handles = {}
        for n = 1, 4 do
          handles[n] = process.start({ method = "forkserver" }, function() return n end)
          local pid = n == 2 and server_pid()
          if pid then os.execute("kill -9 " .. pid) end
        end
        for n, h in ipairs(handles) do
          assert(h:join(5), "no end")
          local ok, value = pcall(h.result, h)
          assert(ok and value == n or value:find "worker died: signal 9", value)
        end
      end
      print "fine"
    ]]
  end)
end)
