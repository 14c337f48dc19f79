-- heddle.monkey: patched functions suspend their task only and do what the originals do.

local helper = require "spec.helper"

helper.case_limit = 20

-- Runs code after a patch, with a task beside it that counts in `ticks`.
local function patched(what, code, options)
  return helper.script(([[
    require("heddle").monkey.patch { %s = true }
    local heddle, task = require "heddle", require "heddle.task"
    local ticks = 0
    task.start({ daemon = true }, function()
      while true do
        heddle.sleep(0.001)
        ticks = ticks + 1
      end
    end)
    local function show(...) print(...) end
  ]]):format(what) .. code, options)
end

-- What the same code prints unpatched.
local function plain(code, options)
  return helper.script("local show = print\n" .. code, options)
end

local function same(what, code, options)
  local wanted, got = plain(code, options), patched(what, code, options)
  assert.equal(wanted.out, got.out)
  assert.equal(wanted.err, got.err)
  assert.equal(0, got.code)
  return got.out
end

describe("os.execute", function()
  it("does what it did", function()
    local out = same("os", [[
      show(os.execute())
      show(os.execute "true")
      show(os.execute "exit 3")
      show(os.execute "kill -9 $$")
      show(os.execute "echo to stdout; cat", 5)
      show(os.execute "no-such-program-at-all 2>/dev/null")
    ]], { stdin = "from stdin\n" })
    assert.truthy(out:find "to stdout\nfrom stdin\n")
  end)

  it("suspends its task only", function()
    local run = patched("os", [[
      local path = os.tmpname()
      task.start(function()
        repeat heddle.sleep(0.001) until ticks > 3
        io.open(path, "w"):write("go"):close()
      end)
      os.execute("until [ -s " .. path .. " ]; do sleep 0.01; done")
      print(os.remove(path))
    ]])
    assert.equal("true\n", run.all)
  end)

  it("is killed with its task, and refuses what it refused", function()
    local run = patched("os", [[
      print(task.timeout(0.05, os.execute, "exec sleep 60"))
      print(pcall(os.execute, {}))
    ]])
    assert.truthy(run.out:find "^nil\ttimeout\nfalse\tbad argument #1 to 'execute'")
    assert.is_true(run.wall < 30)
  end)

  it("works in every model", function()
    local run = helper.script [[
      for _, model in ipairs { "task", "thread", "isolate", "process" } do
        print(model, require("heddle." .. model).start(function()
          require("heddle.monkey").patch { os = true, io = true }
          local pipe <close> = io.popen "echo piped"
          return pipe:read(), select(3, os.execute "exit 4")
        end):result())
      end
    ]]
    assert.equal("task\tpiped\t4\nthread\tpiped\t4\n"
      .. "isolate\tpiped\t4\nprocess\tpiped\t4\n", run.all)
  end)
end)

describe("io.read and io.lines", function()
  local TEXT = "first\nsecond\n  12 0x1F -3.5e1x 99999\nlast line\n\nrest of\nit"

  it("do what they did, on standard input", function()
    same("io", [[
      show(io.read())
      show(io.read(3, 0, "l"))
      show(io.read("n", "n", "n", 1))
      show(io.read "n")
      show(io.read "L")
      for line in io.lines() do
        show(line)
        if line == "" then break end
      end
      show(io.stdin:read "L")
      show(io.read "a")
      show(io.read "a")
      show(io.read())
      show(io.read(1))
      show(io.read(0))
      show(io.read "n")
      for line in io.stdin:lines() do show(line) end
      show(io.type(io.stdin), io.type(5))
    ]], { stdin = TEXT })
  end)

  it("share what was read ahead with heddle.input, in every order", function()
    local run = patched("io", [[
      show(io.read(), heddle.input(), io.read "n")
      show(heddle.input(), heddle.input(), io.read(1), heddle.input(), io.read "a")
    ]], { stdin = "a\nb\n5x\nc\nde\nf" })
    assert.equal("a\tb\t5\nx\tc\td\te\tf\n", run.all)
  end)

  it("name the caller's line where a file can't be opened", function()
    local run = patched("io", "local line = io.lines '/nonexistent'\n")
    assert.truthy(run.err:find("%.lua:%d+: cannot open file '/nonexistent'"), run.err)
    assert.is_nil(run.err:match "^[^\n]*heddle/monkey")
  end)

  it("do what they did, on files", function()
    local path = os.tmpname()
    helper.spit(path, TEXT)
    same("io", (([[
      for line in io.lines("PATH") do show(line) end
      local file <close> = io.open "PATH"
      show(file:read("l", 3))
      io.input "PATH"
      show(io.read "a")
      show((pcall(io.lines, "/nonexistent")))
    ]]):gsub("PATH", path)))
    os.remove(path)
  end)

  it("suspend their task only", function()
    local executable, mark = helper.quote(helper.absolute_executable()), os.tmpname()
    os.remove(mark)
    local program = ([[ -e '
      require("heddle.monkey").patch { io = true }
      local heddle, task = require "heddle", require "heddle.task"
      local ticks = 0
      task.start({ daemon = true }, function()
        while true do
          heddle.sleep(0.001)
          ticks = ticks + 1
          if ticks == 4 then io.open("MARK", "w"):close() end
        end
      end)
      print(io.read())']]):gsub("MARK", mark)
    local run = helper.command { "sh", "-c",
      helper.line_after(mark, "line") .. executable .. program }
    os.remove(mark)
    assert.equal("line\n", run.all)
  end)
end)

describe("io.popen", function()
  it("does what it did", function()
    same("io", [[
      local pipe = io.popen "echo a; echo 1 2; printf 'no newline'; exit 3"
      show(io.type(pipe), pipe:read("l", "n", "n", "l"))
      for line in pipe:lines() do show(line) end
      show(pipe:read "a")
      show(pipe:read())
      show(pipe:close())
      show(io.type(pipe), pcall(pipe.read, pipe))
      pipe = io.popen("cat >&2; exit 2", "w")
      show(pipe:write("text ", 5, "\n") == pipe, pipe:flush() ~= nil)
      show(pipe:close())
      show((pcall(io.popen, "true", "x")))
      local closed <close> = io.popen "true"
    ]])
  end)

  it("suspends its task only, and moves much", function()
    local run = patched("io", [[
      local pipe <close> = io.popen "sleep 0.1; head -c 3000000 /dev/zero"
      print(#pipe:read "a", ticks > 3)
    ]])
    assert.equal("3000000\ttrue\n", run.all)
  end)
end)

describe("LuaSocket", function()
  it("talks between tasks of one thread", function()
    local run = patched("socket", [[
      local socket = require "socket"
      local listener = assert(socket.bind("127.0.0.1", 0))
      local _, port = listener:getsockname()
      task.start(function()
        for _ = 1, 3 do
          local peer = listener:accept()
          task.start(function()
            for line in function() return peer:receive() end do
              heddle.sleep(0.01)
              peer:send(line:upper() .. "\n")
            end
            peer:close()
          end)
        end
      end)
      local clients = {}
      for i = 1, 3 do
        clients[i] = task.start(function()
          local client = assert(socket.connect("localhost", port))
          client:send("hello " .. i .. "\nbye\n")
          local first, second = client:receive "*l", client:receive(3)
          client:close()
          return first, second
        end)
      end
      for i = 1, 3 do print(clients[i]:result()) end
      listener:settimeout(0.01)
      print(listener:accept())
      listener:close()
      print(socket.connect("127.0.0.1", port))
      print((socket.dns.toip "localhost"))
    ]])
    assert.equal("HELLO 1\tBYE\nHELLO 2\tBYE\nHELLO 3\tBYE\nnil\ttimeout\n"
      .. "nil\tconnection refused\n127.0.0.1\n", run.all)
  end)

  it("moves much, selects, sleeps, and sends datagrams", function()
    local run = patched("socket", [[
      local socket = require "socket"
      local listener = assert(socket.bind("127.0.0.1", 0))
      local _, port = listener:getsockname()
      local reader = task.start(function() return #listener:accept():receive "*a" end)
      local client = assert(socket.connect("127.0.0.1", port))
      print(client:send(("x"):rep(3000000)) == 3000000)
      client:close()
      print(reader:result())
      print(#socket.select({ listener }, nil, 0.02))
      local late = task.start(function()
        socket.sleep(0.02)
        return (socket.connect("127.0.0.1", port))
      end)
      local ready = socket.select({ listener }, nil, 20)
      print(ready[1] == listener, late:result() ~= nil)
      local a, b = socket.udp(), socket.udp()
      a:setsockname("127.0.0.1", 0)
      local _, at = a:getsockname()
      task.start(function()
        socket.sleep(0.01)
        b:sendto("datagram", "127.0.0.1", at)
      end)
      print((a:receivefrom()))
      a:settimeout(0.01)
      print(a:receive())
      print(ticks > 3)
    ]])
    assert.equal("true\n3000000\n0\ntrue\ttrue\ndatagram\nnil\ttimeout\ntrue\n", run.all)
  end)

  it("that is closed is told to who waits for it, and is never ready", function()
    local run = patched("socket", [[
      local socket = require "socket"
      local listener = assert(socket.bind("127.0.0.1", 0))
      local client = assert(socket.connect("127.0.0.1", (select(2, listener:getsockname()))))
      local peer, datagrams = listener:accept(), socket.udp()
      datagrams:setsockname("127.0.0.1", 0)
      local waiting = {}
      for i, one in ipairs { client, datagrams } do
        waiting[i] = task.start(function()
          local data, why = one:receive() -- of datagrams LuaSocket says "" here
          return data or why
        end)
      end
      waiting[3] = task.start(function() return select(2, listener:accept()) end)
      heddle.yield()
      client:close()
      datagrams:close()
      listener:close()
      local others = { socket.udp(), socket.udp(), socket.udp() } -- with their numbers
      for i = 1, 3 do print((waiting[i]:result(20))) end
      print(client:close() ~= nil, #others)
      local read, write, why = socket.select({ client }, { datagrams }, 0.01)
      print(#read, #write, why)
      peer:close()
    ]])
    assert.equal("closed\n\nclosed\ntrue\t3\n0\t0\ttimeout\n", run.all)
  end)

  it("gives all until the end, though it came in pieces", function()
    local run = patched("socket", [[
      local socket = require "socket"
      local listener = assert(socket.bind("127.0.0.1", 0))
      local client = assert(socket.connect("127.0.0.1", (select(2, listener:getsockname()))))
      local peer = listener:accept()
      local all = task.start(function() return peer:receive "*a" end)
      for _, piece in ipairs { "one ", "two" } do
        client:send(piece)
        for _ = 1, 5 do heddle.sleep(0.002) end
      end
      client:close()
      print(all:result())
      print(peer:receive "*a")
      peer:close()
      listener:close()
    ]])
    assert.equal("one two\nnil\tclosed\t\n", run.all)
  end)

  it("that is missing is named", function()
    local run = helper.script [[
      package.path = ""
      print(pcall(require("heddle.monkey").patch, { socket = true }))
    ]]
    assert.truthy(run.out:find "LuaSocket is not installed %(Debian: apt install lua%-socket%)")
    assert.truthy(run.out:find "%[not%-installed%]\n$")
  end)
end)

describe("patch", function()
  it("refuses what it does not know, and does nothing twice", function()
    local run = helper.script [[
      local patch = require("heddle.monkey").patch
      for _, bad in ipairs { 5, "os", { socks = true }, { os = 1 } } do print(pcall(patch, bad)) end
      print(pcall(patch))
      patch {}
      patch { os = false }
      local execute = os.execute
      patch { os = true }
      local first = os.execute
      patch { os = true, io = false }
      print(execute ~= first, first == os.execute)
    ]]
    assert.equal(table.concat({
      "false\tmonkey.patch: options: a table such as {os=true} expected, got number [bad-argument]",
      "false\tmonkey.patch: options: a table such as {os=true} expected, got string [bad-argument]",
      "false\tmonkey.patch: options: unknown option 'socks' (there are: io, os, socket) "
        .. "[unknown-option]",
      "false\tmonkey.patch: os: true or false expected, got number [bad-option]",
      "false\tmonkey.patch: options: a table such as {os=true} expected, got nil [bad-argument]",
      "true\ttrue", "" }, "\n"), run.out)
  end)
end)
