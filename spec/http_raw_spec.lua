-- HTTP with a bad other side: servers that stall, break off or talk nonsense; clients that do.

local helper = require "spec.helper"
local heddle = require "heddle"
local http = require "heddle.http"
local task = require "heddle.task"
local uv = require("heddle.loop").uv

-- What a process makes once and keeps.
do
  local first <close> = assert(http.serve("127.0.0.1:0", function() return 200 end))
  http.get(first.url)
  http.close_idle()
  local socket = uv.new_tcp()
  socket:bind("127.0.0.1", 0)
  socket:listen(1, function() end)
  socket:close()
end

-- Listens and calls `talk(connection)` for each client; returns the URL and the listener, whose
-- `connections` it closes with itself.
local function listen(talk)
  local listener = { socket = uv.new_tcp(), connections = {} }
  listener.socket:bind("127.0.0.1", 0)
  listener.socket:listen(16, function()
    local connection = uv.new_tcp()
    listener.socket:accept(connection)
    listener.connections[#listener.connections + 1] = connection
    talk(connection)
  end)
  function listener:close()
    self.socket:close()
    for _, connection in ipairs(self.connections) do
      if not connection:is_closing() then connection:close() end
    end
  end
  listener.url = "http://127.0.0.1:" .. listener.socket:getsockname().port .. "/"
  return setmetatable(listener, { __close = listener.close })
end

-- A listener that answers each first piece of a request with `text`, then ends the connection
-- unless it is to stall.
local function answering(text, stalls)
  return listen(function(connection)
    connection:read_start(function(_, bytes)
      if not bytes then return end
      connection:read_stop()
      connection:write(text)
      if not stalls then connection:shutdown() end
    end)
  end)
end

local function failure(page, why, code)
  assert.is_nil(page)
  return code or why
end

describe("the client and a server that misbehaves", function()
  after_each(function() http.close_idle() end)

  it("gives up on one that stalls, whenever it does", function()
    for _, text in ipairs { "", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" } do
      local server <close> = answering(text, true)
      assert.equal("timeout", failure(http.get(server.url, { timeout = 0.05 })))
      assert.same({ nil, "timeout" }, { task.timeout(0.05, http.get, server.url) })
      local one = task.start(http.get, server.url)
      helper.wait_for(function() return #server.connections == 3 end)
      one:cancel()
      one:join()
      assert.equal("cancelled", one:status())
    end
  end)

  it("says when it broke off", function()
    for _, text in ipairs {
      "", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    } do
      local server <close> = answering(text)
      local _, why, code = http.get(server.url, { timeout = 10 })
      assert.equal("ECONNRESET", code, text .. (why or ""))
      assert.truthy(why:find(server.url, 1, true))
    end
    local server <close> = listen(function(connection)
      connection:read_start(function() connection:close_reset() end)
    end)
    assert.equal("ECONNRESET", failure(http.get(server.url, { timeout = 10 })))
  end)

  it("says when it talks nonsense", function()
    for _, text in ipairs {
      "hello\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    } do
      local server <close> = answering(text)
      assert.equal("EPROTO", failure(http.get(server.url, { timeout = 10 })), text)
    end
  end)

  it("limits what it takes in", function()
    local long = ("x"):rep(50000)
    local head = ("X-Long: %s\r\n"):format(long):rep(30)
    local server <close> = answering("HTTP/1.1 200 OK\r\n" .. head .. "\r\n")
    assert.equal("EFBIG", failure(http.get(server.url, { timeout = 10 })))
    local endless <close> = answering("HTTP/1.1 200 OK\r\n\r\n" .. long)
    assert.equal("EFBIG", failure(http.get(endless.url, { max_body = 49999, timeout = 10 })))
    assert.equal(50000, #http.get(endless.url, { max_body = 50000, timeout = 10 }).body)
  end)

  it("reads chunks, and skips what comes before the answer", function()
    local server <close> = answering("HTTP/1.1 100 Continue\r\nX-No: 1\r\n\r\nHTTP/1.1 200 OK\r\n"
      .. "Transfer-Encoding: chunked\r\nx-a:  b \r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    local page = assert(http.get(server.url, { timeout = 10 }))
    assert.equal("abcde", page.body)
    assert.equal("b", page.headers["X-A"])
    assert.is_nil(page.headers["x-no"])
  end)
end)

describe("the server and a client that misbehaves", function()
  local server, requests

  before_each(function()
    requests = 0
    server = assert(http.serve("127.0.0.1:0", function(req)
      requests = requests + 1
      if req.path == "/nap" then heddle.sleep(0.02) end
      return 200, req.path .. " " .. req.body
    end, { max_body = 1000 }))
  end)

  after_each(function()
    server:close(0)
    http.close_idle()
  end)

  -- Sends a text; returns what comes back until the connection ends or `done` finds its pattern in
  -- it, and what ended it.
  local function send(text, done)
    local socket, got, ended = uv.new_tcp(), "", nil
    socket:connect("127.0.0.1", server.port, function()
      socket:write(text)
      socket:read_start(function(err, bytes)
        got = got .. (bytes or "")
        if err or not bytes then ended = err or "EOF" end
      end)
    end)
    helper.wait_for(function() return ended or done and got:find(done) end)
    socket:close()
    return got, ended
  end

  local CLOSE = "\r\nHost: x\r\nConnection: close\r\n\r\n"

  it("answers nonsense and ends it", function()
    for _, text in ipairs { "nonsense\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9" .. CLOSE } do
      local got, ended = send(text)
      assert.equal("EOF", ended, text)
      assert.truthy(got == "" or got:find "^HTTP/1%.%d [45]%d%d", got)
    end
    assert.equal(0, requests)
    assert.equal("/ ", http.get(server.url .. "/").body)
  end)

  it("serves what is sent in pieces, in a row and in chunks", function()
    local two = "GET /nap HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1" .. CLOSE
    local got = send(two)
    assert.truthy(got:find "\r\n\r\n/nap HTTP/1.1 200 OK\r\n.*\r\n\r\n/b $")
    got = send("POST /c HTTP/1.1\r\nTransfer-Encoding: chunked" .. CLOSE
      .. "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert.truthy(got:find "/c abcde$")
    got = send "GET /old HTTP/1.0\r\n\r\n"
    assert.truthy(got:find "/old $")
  end)

  it("takes no more than it may", function()
    local got = send("POST / HTTP/1.1\r\nContent-Length: 1001" .. CLOSE)
    assert.truthy(got:find "^HTTP/1.1 413 ")
    send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked" .. CLOSE
      .. "400\r\n" .. ("x"):rep(0x400) .. "\r\n0\r\n\r\n")
    send("GET /" .. ("x"):rep(100000) .. " HTTP/1.1" .. CLOSE)
    assert.equal(0, requests)
  end)

  it("lets the handler end when the client has gone", function()
    local inside, go, ended = false, false, false
    local gone <close> = assert(http.serve("127.0.0.1:0", function()
      inside = true
      helper.wait_for(function() return go end)
      ended = true
      return 200, ("x"):rep(100000)
    end))
    local one = task.start(http.get, gone.url)
    helper.wait_for(function() return inside end)
    one:cancel()
    one:join()
    http.close_idle()
    go = true
    helper.wait_for(function() return ended end)
  end)

  it("is not held up by clients that send half a request", function()
    local sockets = {}
    for i = 1, 20 do
      sockets[i] = uv.new_tcp()
      sockets[i]:connect("127.0.0.1", server.port, function()
        local half = "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab"
        sockets[i]:write(i % 2 == 0 and "GET / HTT" or half)
      end)
    end
    for i = 1, 5 do assert.equal("/" .. i .. " ", http.get(server.url .. "/" .. i).body) end
    server:close()
    for i = 1, 20 do sockets[i]:close() end
    assert.equal(5, requests)
  end)
end)
