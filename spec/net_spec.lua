-- heddle.net: TCP and Unix sockets in every model; reads, writes, time-outs, closing, bad input.

local helper = require "spec.helper"
local heddle = require "heddle"
local net = require "heddle.net"
local task = require "heddle.task"
local thread = require "heddle.thread"
local process = require "heddle.process"

helper.case_limit = 20

local each = helper.each_model
local SOCKET = os.tmpname() -- a name for Unix sockets; the file itself goes at once
os.remove(SOCKET)

-- Where a listener is reached.
local function reach(listener) return listener.address end

-- Two ends of one connection.
local function pair()
  local listener <close> = assert(net.listen "127.0.0.1:0")
  local far = task.start(function() return assert(listener:accept(10)) end)
  local near = assert(net.connect(listener.address, 10))
  return near, far:result()
end

-- What a process makes once and keeps: this OS thread's descriptors.
do
  local a, b = pair()
  a:close()
  b:close()
end

-- Answers each line in capitals until the listener is closed.
local function serve(listener)
  return task.start(function()
    while true do
      local connection = listener:accept()
      if not connection then return "served" end
      task.start(function()
        local _ <close> = connection
        for line in function() return connection:read "l" end do
          if not connection:write(line:upper() .. "\n") then return end
        end
      end)
    end
  end)
end

-- Some exchanges with such a server at an address; returns what came back.
local function talk(address)
  local listener <close> = assert(net.listen(address))
  local server = serve(listener)
  local got = {}
  for i = 1, 3 do
    local connection <close> = assert(net.connect(reach(listener), 10))
    assert(connection:write("hello " .. i .. "\nagain\n", 10))
    got[#got + 1] = connection:read("l", 10) .. "," .. connection:read("l", 10)
  end
  listener:close()
  return table.concat(got, ";"), server:result()
end

local TALKED = "HELLO 1,AGAIN;HELLO 2,AGAIN;HELLO 3,AGAIN"

describe("a conversation", function()
  each("over TCP", function(M)
    local got, served = M.start(talk, "127.0.0.1:0"):result()
    assert.equal(TALKED, got)
    assert.equal("served", served)
  end)

  each("over TCP v6", function(M) assert.equal(TALKED, (M.start(talk, "[::1]:0"):result())) end)

  each("over a Unix socket, whose file is gone afterwards", function(M)
    assert.equal(TALKED, (M.start(talk, "unix:" .. SOCKET):result()))
    assert.is_nil(io.open(SOCKET))
  end)

  it("by name", function() assert.equal(TALKED, (talk "localhost:0")) end)

  it("in threads while another computes", function()
    local stop, n = false, 0
    local busy = thread.start(function()
      while not stop do n = n + 1 end
    end)
    helper.wait_for(function() return n > 0 end)
    local a, b = thread.start(talk, "127.0.0.1:0"), thread.start(talk, "127.0.0.1:0")
    assert.equal(TALKED, (a:result()))
    assert.equal(TALKED, (b:result()))
    stop = true
    busy:join()
  end)

  it("between two processes", function()
    local listener <close> = assert(net.listen "127.0.0.1:0")
    local client = process.start(function(address)
      local connection <close> = assert(net.connect(address))
      connection:write "ping\n"
      return connection:read "l"
    end, listener.address)
    local connection <close> = assert(listener:accept(10))
    assert.equal("ping", connection:read "l")
    connection:write "pong\n"
    assert.equal("pong", client:result())
  end)

  it("of many at once", function()
    local listener <close> = assert(net.listen "127.0.0.1:0")
    local server = serve(listener)
    local clients = {}
    for i = 1, 100 do
      clients[i] = task.start(function()
        local connection <close> = assert(net.connect(listener.address, 10))
        local sum = 0
        for k = 1, 5 do
          connection:write(i * k .. "\n")
          sum = sum + tonumber(connection:read "l")
        end
        return sum
      end)
    end
    for i, sum in ipairs(task.gather(clients)) do assert.equal(15 * i, sum) end
    listener:close()
    server:join()
  end)

  it("whose ends several OS threads use", function()
    local near, far = pair()
    local reader = thread.start(function() return near:read "a" end)
    local writers = {}
    for i = 1, 3 do
      writers[i] = thread.start(function()
        for _ = 1, 5 do far:write(tostring(i):rep(1000)) end
      end)
    end
    for _, writer in ipairs(writers) do writer:join() end
    far:close()
    local all = reader:result()
    assert.equal(15000, #all)
    for i = 1, 3 do
      local _, blocks = all:gsub(tostring(i):rep(1000), "")
      assert.equal(5, blocks)
    end
    near:close()
  end)
end)

describe("listen and accept", function()
  it("tell where", function()
    local listener <close> = assert(net.listen "127.0.0.1:0")
    assert.is_true(listener.port > 0)
    assert.equal("127.0.0.1:" .. listener.port, listener.address)
    assert.equal("listener at " .. listener.address .. " (open)", tostring(listener))
    local connection <close> = assert(net.connect(listener.address))
    assert.equal(listener.address, connection.peer)
    assert.equal("connection to " .. listener.address .. " (open)", tostring(connection))
  end)

  it("say what goes wrong", function()
    local listener <close> = assert(net.listen "127.0.0.1:0")
    local got, message, code = net.listen(listener.address)
    assert.is_nil(got)
    assert.equal(listener.address .. ": Address already in use", message)
    assert.equal("EADDRINUSE", code)
    got, message, code = net.listen "unix:/nonexistent/socket"
    assert.is_nil(got)
    assert.equal("unix:/nonexistent/socket: No such file or directory", message)
    assert.equal("ENOENT", code)
    got, message, code = net.listen "192.0.2.1:0"
    assert.is_nil(got)
    assert.equal("EADDRNOTAVAIL", code)
    assert.truthy(message:find "^192%.0%.2%.1:0: ")
  end)

  it("time out, are cancelled, are woken by close", function()
    local listener = assert(net.listen "127.0.0.1:0")
    local got, why = listener:accept(0.01)
    assert.is_nil(got)
    assert.equal("timeout", why)
    got, why = listener:accept(0)
    assert.is_nil(got)
    assert.equal("timeout", why)
    got, why = task.timeout(0.01, listener.accept, listener)
    assert.is_nil(got)
    assert.equal("timeout", why)
    local here = task.start(function() return listener:accept() end)
    local there = thread.start(function() return listener:accept() end)
    helper.wait_for(function() return there:status() == "blocked" end)
    heddle.sleep(0.01)
    listener:close()
    for _, h in ipairs { here, there } do
      got, why = h:result()
      assert.is_nil(got)
      assert.equal("closed", why)
    end
    got, why = listener:accept()
    assert.is_nil(got)
    assert.equal("closed", why)
  end)

  it("leave a file alone that is not theirs any more", function()
    local first = assert(net.listen("unix:" .. SOCKET))
    os.remove(SOCKET)
    local second = assert(net.listen("unix:" .. SOCKET))
    first:close()
    local connection = assert(net.connect("unix:" .. SOCKET))
    connection:close()
    second:close()
    assert.is_nil(io.open(SOCKET))
  end)

  each("keep their OS thread, unless nobody can reach them", function(_, model)
    local run = helper.script((([[
      require("heddle.MODEL").start(function()
        local heddle, net = require "heddle", require "heddle.net"
        KEPT = net.listen "127.0.0.1:0"
        require("heddle.loop").after(0.05, function()
          print "closed"
          KEPT:close()
        end, { daemon = true })
        local lost = net.listen "127.0.0.1:0"
        DAEMON = net.listen("127.0.0.1:0", { daemon = true })
        print "function"
      end)
    ]]):gsub("MODEL", model)))
    assert.equal("function\nclosed\n", run.out)
    assert.equal("", run.err)
    assert.equal(0, run.code)
  end)
end)

describe("connect", function()
  it("says what goes wrong", function()
    local listener = assert(net.listen "127.0.0.1:0")
    local address = listener.address
    listener:close()
    local got, message, code = net.connect(address)
    assert.is_nil(got)
    assert.equal(address .. ": Connection refused", message)
    assert.equal("ECONNREFUSED", code)
    got, message, code = net.connect "unix:/nonexistent"
    assert.is_nil(got)
    assert.equal("unix:/nonexistent: No such file or directory", message)
    assert.equal("ENOENT", code)
  end)

  it("looks names up while others go on", function()
    local ticks = 0
    local other = task.start(function()
      while true do
        heddle.sleep(0.001)
        ticks = ticks + 1
      end
    end)
    local got, message, code = net.connect("nosuchhost.invalid:80", 20)
    other:cancel()
    assert.is_nil(got)
    assert.truthy(message == "timeout" or message:find "^nosuchhost.invalid: ")
    assert.truthy(code == nil or code:find "^EAI_")
  end)

  it("times out, and is cancelled", function()
    local got, why = net.connect("127.0.0.1:9", 0)
    assert.is_nil(got)
    assert.truthy(why == "timeout" or why:find "refused")
    local h = task.start(net.connect, "nosuchhost.invalid:80")
    heddle.yield()
    h:cancel()
    assert.is_true(h:join(10))
  end)
end)

describe("sockets", function()
  it("are not copied, but named", function()
    local listener <close> = assert(net.listen "127.0.0.1:0")
    local near, far = pair()
    for _, socket in ipairs { listener, near } do
      helper.raises("can't copy args%[1%]: ", function()
        require("heddle.isolate").start(function() end, socket)
      end)
      helper.raises("can't copy upvalue socket: ", function()
        process.start(function() return socket end)
      end)
    end
    near:close()
    far:close()
  end)

  it("are their parent's: closed in a forked child", function()
    local near, far = pair()
    _G.inherited = near
    local got, why = process.start({ method = "fork" }, function()
      return inherited:read() -- luacheck: ignore inherited
    end):result()
    _G.inherited = nil
    assert.is_nil(got)
    assert.equal("closed", why)
    far:write "mine"
    assert.equal("mine", near:read())
    near:close()
    assert.equal("", far:read "a")
    far:close()
  end)

  it("are closed when nobody has them any more, and at the end of their block", function()
    local far = select(2, pair())
    collectgarbage()
    collectgarbage()
    assert.equal("", far:read "a")
    do
      local _ <close> = far
    end
    assert.equal("connection (closed)", tostring(far))
  end)

  it("can wake a task: no deadlock is reported", function()
    local run = helper.script [[
      local net, task = require "heddle.net", require "heddle.task"
      local listener = net.listen "127.0.0.1:0"
      local other = task.start(function() return listener:accept():read() end)
      local connection = net.connect(listener.address)
      require("heddle.isolate").start(function() require("heddle").sleep(0.1) end):join()
      connection:write "x"
      print(other:result())
    ]]
    assert.equal("x\n", run.all)
    assert.equal(0, run.code)
  end)
end)

describe("bad input", function()
  local refused = helper.refused

  it("is refused by each function", function()
    for _, name in ipairs { "listen", "connect" } do
      for _, bad in ipairs { "", "nonsense", "127.0.0.1", "127.0.0.1:", "1.2.3:4", "host:99999",
        "[::1]", "[zz]:1", "unix:", "unix:" .. ("x"):rep(200), "127.0.0.1:-1", "a b:1" } do
        refused("net%." .. name .. ': address: "host:port", .* expected, got "', net[name], bad)
      end
      refused("net%." .. name .. ": address: .*, got nil", net[name], nil)
      refused("net%." .. name .. ": address: .*, got number", net[name], 80)
    end
    refused("net%.listen: options: a table expected, got number", net.listen, "127.0.0.1:0", 5)
    refused("net%.listen: options: unknown option 'backlog'", net.listen, "127.0.0.1:0",
      { backlog = 5 })
    refused("net%.listen: daemon: true or false expected, got number", net.listen, "127.0.0.1:0",
      { daemon = 1 })
    refused("net%.connect: timeout: .*, got a negative number", net.connect, "127.0.0.1:1", -1)
    refused("net%.connect: timeout: .*, got NaN", net.connect, "127.0.0.1:1", 0 / 0)
    refused("net%.connect: timeout: .*, got string", net.connect, "127.0.0.1:1", "1")
  end)

  it("is refused by each method", function()
    local near, far = pair()
    for _, bad in ipairs { -1, 1.5, "x", "", {}, true } do
      refused("connection:read: what: .* expected, got ", near.read, near, bad)
    end
    refused("connection:read: timeout: .*, got a negative number", near.read, near, nil, -1)
    refused("connection:read: timeout: .*, got string", near.read, near, "l", "1")
    refused("connection:write: s: a string expected, got nothing", near.write, near)
    refused("connection:write: s: a string expected, got a number", near.write, near, 5)
    refused("connection:write: timeout: .*, got NaN", near.write, near, "x", 0 / 0)
    refused("connection:read: a connection expected as self, got nothing", near.read)
    refused("connection:close: a connection expected as self, got table", near.close, {})
    local listener <close> = assert(net.listen "127.0.0.1:0")
    refused("listener:accept: timeout: .*, got a negative number", listener.accept, listener, -1)
    refused("listener:accept: a listener expected as self, got ", listener.accept, near)
    refused("listener:close: a listener expected as self, got nothing", listener.close)
    refused(".*can't block here", function()
      table.sort({ 1, 2 }, function() far:read() end)
    end)
    near:close()
    far:close()
  end)
end)
