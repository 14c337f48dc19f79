-- Reading from a connection and writing to it: formats, time-outs, ends.

local helper = require "spec.helper"
local heddle = require "heddle"
local net = require "heddle.net"
local task = require "heddle.task"
local thread = require "heddle.thread"

helper.case_limit = 20

local SOCKET = os.tmpname() -- a name for Unix sockets; the file itself goes at once
os.remove(SOCKET)

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

describe("read", function()
  local near, far
  before_each(function() near, far = pair() end)
  after_each(function()
    near:close()
    far:close()
  end)

  it("gives what is there", function()
    near:write "abc"
    assert.equal("abc", far:read())
    near:write "de"
    assert.equal("de", far:read(nil, 10))
  end)

  it("gives so many bytes, lines, everything", function()
    near:write "abcdef"
    near:write "first\nsecond\r\n\nthird"
    near:shutdown()
    assert.equal("", far:read(0))
    assert.equal("ab", far:read(2))
    assert.equal("cdef", far:read(4.0))
    assert.equal("first", far:read "l")
    assert.equal("second\r\n", far:read "L")
    assert.equal("", far:read "l")
    assert.equal("thi", far:read(3))
    assert.equal("rd", far:read "l")
    for _, what in ipairs { 1, "l", "L" } do
      local got, why = far:read(what)
      assert.is_nil(got)
      assert.equal("closed", why)
    end
    assert.equal("", far:read "a")
    local got, why = far:read()
    assert.is_nil(got)
    assert.equal("closed", why)
  end)

  it("gives what came before the end, be it less than asked for", function()
    near:write "abc"
    near:close()
    assert.equal("abc", far:read(10))
    local got, why = far:read(10)
    assert.is_nil(got)
    assert.equal("closed", why)
  end)

  it("waits for what comes in pieces, big and small", function()
    local big = ("0123456789"):rep(100000)
    local writer = task.start(function()
      for i = 1, 100 do
        near:write(tostring(i % 10))
        heddle.yield()
      end
      near:write "\n"
      near:write(big)
      near:write(big)
      near:shutdown()
    end)
    assert.equal(("1234567890"):rep(10), far:read "l")
    assert.is_true(far:read(#big) == big)
    assert.is_true(far:read "a" == big)
    writer:join()
  end)

  it("times out, and loses nothing", function()
    near:write "half"
    local got, why = far:read("l", 0.01)
    assert.is_nil(got)
    assert.equal("timeout", why)
    got, why = far:read(5, 0)
    assert.is_nil(got)
    assert.equal("timeout", why)
    near:write " a line\nrest"
    assert.equal("half a line", far:read("l", 10))
    assert.equal("rest", far:read())
    got, why = far:read(nil, 0)
    assert.is_nil(got)
    assert.equal("timeout", why)
    near:write "now"
    helper.wait_for(function() return far:read(nil, 0) == "now" end)
  end)

  it("is cancelled, by hand and by task.timeout", function()
    local reader = task.start(function() return far:read() end)
    heddle.yield()
    reader:cancel()
    assert.is_true(reader:join(10))
    assert.equal("cancelled", reader:status())
    local got, why = task.timeout(0.01, function() return far:read() end)
    assert.is_nil(got)
    assert.equal("timeout", why)
    near:write "still"
    assert.equal("still", far:read())
  end)

  it("is woken by close, in every OS thread", function()
    local here = task.start(function() return far:read() end)
    local there = thread.start(function() return far:read "l" end)
    helper.wait_for(function() return there:status() == "blocked" end)
    heddle.sleep(0.01)
    assert.is_true(far:close())
    for _, h in ipairs { here, there } do
      local got, why = h:result()
      assert.is_nil(got)
      assert.equal("closed", why)
    end
    assert.is_true(far:close())
    assert.equal("connection (closed)", tostring(far))
  end)

  it("is shared by tasks: each gets lines whole", function()
    local lines = {}
    local readers = {}
    for i = 1, 3 do
      readers[i] = task.start(function()
        for line in function() return far:read "l" end do lines[#lines + 1] = line end
      end)
    end
    for i = 1, 30 do
      near:write(("%03d"):format(i):rep(5) .. "\n")
      if i % 5 == 0 then heddle.yield() end
    end
    near:close()
    for _, reader in ipairs(readers) do reader:join() end
    table.sort(lines)
    assert.equal(30, #lines)
    for i, line in ipairs(lines) do assert.equal(("%03d"):format(i):rep(5), line) end
  end)
end)

describe("write", function()
  local BIG <const> = ("x"):rep(8000000)
  local near, far
  before_each(function() near, far = pair() end)
  after_each(function()
    near:close()
    far:close()
  end)

  it("waits while the other side does not read", function()
    local writer = task.start(function() return near:write(BIG) end)
    heddle.yield()
    local got, why = near:write("y", 0.01)
    assert.is_nil(got)
    assert.equal("timeout", why)
    assert.is_true(writer:alive())
    assert.equal(#BIG, #far:read(#BIG))
    assert.is_true(writer:result())
    assert.is_true(near:write "y")
    assert.equal("y", far:read())
  end)

  it("writes each message whole", function()
    local writers = {}
    for i = 1, 3 do
      writers[i] = task.start(function()
        for _ = 1, 3 do assert(near:write(tostring(i):rep(1000000))) end
      end)
    end
    local all = far:read(9000000)
    task.gather(writers)
    for i = 1, 3 do
      local _, blocks = all:gsub(tostring(i):rep(1000000), "")
      assert.equal(3, blocks)
    end
  end)

  it("is cancelled in the middle, and others may write then", function()
    local writer = task.start(function() return near:write(BIG) end)
    local other = task.start(function() return near:write "end" end)
    heddle.sleep(0.01)
    writer:cancel()
    writer:join()
    local all = task.start(function() return far:read "a" end)
    assert.is_true(other:result())
    near:shutdown()
    assert.truthy(all:result():find "^x+end$")
  end)

  it("of nothing is fine, also to one who has closed", function()
    assert.is_true(near:write "")
    far:close()
    local got, message, code
    helper.wait_for(function()
      got, message, code = near:write "x"
      return not got
    end)
    assert.truthy(code == "EPIPE" or code == "ECONNRESET")
    assert.equal("string", type(message))
  end)

  it("is refused after shutdown and close; reads go on", function()
    assert.is_true(near:shutdown())
    local got, why = near:write "x"
    assert.is_nil(got)
    assert.equal("closed", why)
    assert.equal("", far:read "a")
    far:write "answer"
    assert.equal("answer", near:read())
    near:close()
    for _, name in ipairs { "write", "read", "shutdown" } do
      got, why = near[name](near, name == "write" and "x" or nil)
      assert.is_nil(got)
      assert.equal("closed", why)
    end
  end)
end)
