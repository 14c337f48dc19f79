-- The HTTP server: handlers as tasks, their errors and bad results, closing, what it keeps alive.

local helper = require "spec.helper"
local heddle = require "heddle"
local http = require "heddle.http"
local sync = require "heddle.sync"
local task = require "heddle.task"
local thread = require "heddle.thread"

local raises = helper.raises

-- What a process makes once and keeps: the libraries, the pipe of this thread's bell.
do
  local first <close> = assert(http.serve("127.0.0.1:0", function() return 200 end))
  http.get(first.url)
  http.close_idle()
end

local function serve(fn, options) return assert(http.serve("127.0.0.1:0", fn, options)) end

describe("http.serve", function()
  after_each(function() http.close_idle() end)

  it("runs each request as a task that may wait", function()
    local gate, names = sync.event(), {}
    local server <close> = serve(function(req)
      names[#names + 1] = task.current().name
      gate:wait()
      return 200, req.path
    end)
    local all = {}
    for i = 1, 50 do all[i] = task.start(function() return http.get(server.url .. "/" .. i) end) end
    helper.wait_for(function() return #names == 50 end)
    assert.equal("blocked", task.list()[#task.list()]:status())
    gate:set()
    for i = 1, 50 do assert.equal("/" .. i, (all[i]:result()).body) end
  end)

  it("tells the handler all of the request", function()
    local seen
    local server <close> = serve(function(req)
      seen = req
      return 200
    end)
    assert(http.request { url = server.url .. "/%C3%A4%zz?q=%20&r", body = "\0\255" })
    assert.equal("POST", seen.method)
    assert.equal("/ä%zz", seen.path)
    assert.equal("q=%20&r", seen.query)
    assert.equal("\0\255", seen.body)
    assert.equal("127.0.0.1:" .. server.port, seen.headers.host)
    assert.equal("2", seen.headers["Content-Length"])
    assert.truthy(seen.peer:find "^127%.0%.0%.1:%d+$")
    assert(http.get(server.url))
    assert.equal("/", seen.path)
    assert.equal("", seen.query)
    assert.equal("", seen.body)
  end)

  it("sends what the handler returns", function()
    local results = {}
    local server <close> = serve(function() return table.unpack(results, 1, results.n) end)
    local function get(...)
      results = table.pack(...)
      return assert(http.get(server.url))
    end
    assert.equal(204, get(204).status)
    assert.equal("a\0b", get(200, "a\0b").body)
    assert.equal(404, get(404.0, "none", {}).status)
    assert.equal("v", get(200, nil, { ["X-V"] = "v", ["Content-Length"] = 17 }).headers["x-v"])
    assert.equal("1, 2", get(599, "", { X = { 1, 2 } }).headers.x)
    local big = ("z"):rep(5000000)
    assert.equal(big, get(200, big).body)
  end)

  it("serves a Unix socket", function()
    local path = os.tmpname()
    os.remove(path)
    local server <close> = assert(http.serve("unix:" .. path, function(req)
      return 200, tostring(req.peer)
    end))
    assert.equal("nil", http.get(server.url, { unix = path }).body)
    assert.is_nil(server.port)
    server:close()
    assert.is_nil(io.open(path))
    local _, _, code = http.get(server.url, { unix = path })
    assert.equal("ENOENT", code)
  end)

  it("serves IPv6 where there is any", function()
    local server, why, code = http.serve("[::1]:0", function() return 200, "six" end)
    if not server then
      assert.equal("EAFNOSUPPORT", code == "EADDRNOTAVAIL" and "EAFNOSUPPORT" or code, why)
      return
    end
    assert.equal("six", http.get(server.url).body)
    server:close()
  end)

  it("keeps many connections", function()
    local server <close> = serve(function(req)
      heddle.yield()
      return 200, req.peer
    end)
    local peers, all = {}, {}
    for i = 1, 100 do
      all[i] = task.start(function()
        for _ = 1, 5 do peers[http.get(server.url).body] = true end
      end)
    end
    for i = 1, 100 do all[i]:result() end
    local count = 0
    for _ in pairs(peers) do count = count + 1 end
    assert.is_true(count <= 100, count .. " connections for 100 at once")
  end)

  it("refuses a body that is too large", function()
    local server <close> = serve(function(req) return 200, req.body end, { max_body = 1000 })
    assert.equal(1000, #http.request { url = server.url, body = ("x"):rep(1000) }.body)
    assert.equal(413, http.request { url = server.url, body = ("x"):rep(1001) }.status)
    assert.equal("again", http.request { url = server.url, body = "again" }.body)
  end)

  it("says why it can't listen", function()
    local first <close> = serve(function() return 200 end)
    local server, why, code = http.serve("127.0.0.1:" .. first.port, print)
    assert.is_nil(server)
    assert.equal("EADDRINUSE", code)
    assert.equal(("127.0.0.1:%d: Address already in use"):format(first.port), why)
    assert.equal("EADDRNOTAVAIL", (select(3, http.serve("192.0.2.1:0", print))))
    assert.equal("ENOENT", (select(3, http.serve("unix:/no/such/folder/x", print))))
  end)

  it("refuses misuse", function()
    raises("^http%.serve: addr: a string expected, got nil %[bad%-argument%]$", http.serve)
    raises("http%.serve: fn: a function expected, got nil", http.serve, "127.0.0.1:0")
    for _, addr in ipairs {
      "", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", "host:80", "[::1]", "[x]:1", "unix:",
      "1.2.3.4:80 ", "unix:" .. ("x"):rep(200), "127.0.0.1:0\0", "300.0.0.1:80",
    } do
      raises("http%.serve: addr: .* expected, got '.*' %[bad%-address%]$", http.serve, addr, print)
    end
    raises("unknown option 'deamon' %(did you mean 'daemon'%?%) %[unknown%-option%]$",
      http.serve, "127.0.0.1:0", print, { deamon = true })
    raises("daemon: true or false expected, got 1 %[bad%-option%]$",
      http.serve, "127.0.0.1:0", print, { daemon = 1 })
    local server <close> = serve(function() return 200 end)
    raises("server:close: timeout: .*%[bad%-time%]$", server.close, server, -1)
    raises("server:close: a server expected as self, got table .*%[bad%-self%]$", server.close, {})
    raises("can't copy", require("heddle.isolate").start, print, server)
  end)

  it("answers a handler's error by 500 and goes on", function()
    local result = helper.script [[
      local http = require "heddle.http"
      local results = {
        ["/error"] = function() error "boom" end,
        ["/object"] = function()
          error(setmetatable({}, { __tostring = function() return "ob" end }))
        end,
        ["/none"] = function() end,
        ["/status"] = function() return 99 end,
        ["/text"] = function() return "hello" end,
        ["/body"] = function() return 200, 5 end,
        ["/headers"] = function() return 200, "", "x" end,
        ["/name"] = function() return 200, "", { ["a b"] = "x" } end,
        ["/value"] = function() return 200, "", { a = "x\r\nb: c" } end,
        ["/type"] = function() return 200, "", { a = true } end,
        ["/fine"] = function() return 200 end,
      }
      local server <close> = http.serve("127.0.0.1:0", function(req) return results[req.path]() end)
      for path in pairs(results) do print(path, http.get(server.url .. path).status) end
    ]]
    assert.equal(0, result.code, result.all)
    for line in result.out:gmatch "[^\n]+" do
      local path, status = line:match "^(%S+)\t(%d+)$"
      assert.equal(path == "/fine" and "200" or "500", status, path)
    end
    for _, expected in ipairs {
      "heddle: http: GET /error: [^\n]*:3: boom\nstack traceback:\n",
      "GET /object: ob\nstack traceback",
      "GET /none: the handler's status: a whole number from 200 to 599 expected, got nil\n",
      "GET /status: the handler's status: .* got 99\n",
      "GET /text: the handler's status: .* got string\n",
      "GET /body: the handler's body: a string or nil expected, got number\n",
      "GET /headers: the handler's headers: a table or nil expected, got string\n",
      "GET /name: the handler's headers: 'a b' can't be sent",
      "GET /value: the handler's headers: 'a' can't be sent",
      "GET /type: the handler's headers: a: a string expected, got boolean\n",
    } do
      assert.truthy(result.err:find(expected), expected .. " in:\n" .. result.err)
    end
  end)
end)

describe("server:close", function()
  after_each(function() http.close_idle() end)

  it("lets requests under way go on for a while", function()
    local gate, inside = sync.event(), false
    local server = serve(function()
      inside = true
      gate:wait()
      return 200, "done"
    end)
    local one = task.start(function() return http.get(server.url) end)
    helper.wait_for(function() return inside end)
    local closing = task.start(function() return server:close(30) end)
    helper.wait_for(function()
      return tostring(server):find "closing" and not http.get(server.url, { timeout = 5 })
    end)
    assert.is_true(closing:alive())
    gate:set()
    assert.equal("done", one:result().body)
    assert.is_true(closing:result())
    assert.equal(("http server 127.0.0.1:%d (closed)"):format(server.port), tostring(server))
    assert.is_true(server:close())
  end)

  it("then cancels them and waits for their clean-up", function()
    local cleaned, inside
    local server = serve(function()
      local _ <close> = setmetatable({}, {
        __close = function()
          heddle.sleep(0.01)
          cleaned = true
        end,
      })
      inside = true
      heddle.sleep(30)
    end)
    local one = task.start(function() return http.get(server.url) end)
    helper.wait_for(function() return inside end)
    server:close(0.01)
    assert.is_true(cleaned)
    local page, _, code = one:result()
    assert.equal(page and 503 or "ECONNRESET", page and page.status or code)
  end)

  it("works in a handler, by a block's end and from another thread", function()
    local server
    server = serve(function()
      server:close()
      return 200, "bye"
    end)
    assert.equal("bye", http.get(server.url).body)
    helper.wait_for(function() return tostring(server):find "closed" end)
    assert.is_false((pcall(function()
      local inner <close> = serve(function() heddle.sleep(30) end)
      task.start(function() http.get(inner.url) end)
      heddle.sleep(0.01)
      error "out"
    end)))
    local other = serve(function() return 200 end)
    thread.start(function() other:close() end):result()
    assert.truthy(tostring(other):find "closed")
  end)

  it("goes on when the task that waits for it is cancelled", function()
    local gate, inside = sync.event(), false
    local server = serve(function()
      inside = true
      gate:wait()
      return 200, "slept"
    end)
    local one = task.start(function() return http.get(server.url) end)
    helper.wait_for(function() return inside end)
    assert.same({ nil, "timeout" }, { task.timeout(0.01, server.close, server, 60) })
    gate:set()
    assert.equal("slept", one:result().body)
    helper.wait_for(function() return tostring(server):find "closed" end)
  end)
end)

describe("a server and its program", function()
  local before = 'local http, heddle = require "heddle.http", require "heddle"\n'

  it("keeps it as a task does", function()
    local result = helper.script(before .. [[
      local server = http.serve("127.0.0.1:0", function() return 200, "kept" end)
      local client = require("heddle.process").start(function(url)
        heddle.sleep(0.1)
        io.write(http.get(url).body)
      end, server.url)
      client:on_done(function() server:close() end)
    ]])
    assert.equal(0, result.code, result.all)
    assert.equal("kept", result.out)
  end)

  it("does not as a daemon, nor do its handlers", function()
    local result = helper.script(before .. [[
      local server = http.serve("127.0.0.1:0", function() heddle.sleep(100) end, { daemon = true })
      require("heddle.task").start({ daemon = true }, http.get, server.url)
      heddle.sleep(0.05)
      print "end"
    ]])
    assert.same({ 0, "end\n", "" }, { result.code, result.out, result.err })
  end)

  it("ends with it at Ctrl-C", function()
    local result = helper.script(before .. [[
      local server = http.serve("127.0.0.1:0", function() print "ready" heddle.sleep(100) end)
      require("heddle.task").start(http.get, server.url)
    ]], { interrupt = "ready" })
    assert.equal(130, result.code, result.all)
  end)

  it("in a thread, ends with the thread's tasks", function()
    local url
    local worker = thread.start(function()
      local server = http.serve("127.0.0.1:0", function() return 200, "from a thread" end)
      url = server.url
      task.start(function()
        heddle.sleep(0.05)
        server:close()
      end)
    end)
    helper.wait_for(function() return url end)
    assert.equal("from a thread", http.get(url).body)
    assert.is_true(worker:join(10))
    http.close_idle()
  end)
end)

describe("TLS", function()
  -- A server of openssl's with a certificate that it signed itself; returns its URL and a
  -- function that ends it.
  local function secure_server(folder)
    local made = helper.command({ "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
      "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost",
      "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1" }, { cwd = folder })
    assert.equal(0, made.code, made.all)
    os.execute(("cd %s && { timeout %d openssl s_server -accept 127.0.0.1:0 -cert cert.pem "
      .. "-key key.pem -www >log 2>&1 & echo $! >pid; }"):format(folder, 20 * helper.slack))
    local port = helper.wait_for(function()
      return helper.slurp(folder .. "/log"):match "ACCEPT 127%.0%.0%.1:(%d+)"
    end, 10, "the server of openssl")
    return "https://127.0.0.1:" .. port .. "/", function()
      os.execute("kill " .. helper.slurp(folder .. "/pid"))
    end
  end

  it("is refused without a certificate that is trusted", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(require("lfs").mkdir(folder))
    local url, stop = secure_server(folder)
    local page, why, code = http.get(url, { timeout = 10 })
    assert.is_nil(page)
    assert.equal("ECERT", code)
    assert.truthy(why:find "certificate")
    page = assert(http.get(url, { timeout = 10, ca = folder .. "/cert.pem" }))
    assert.equal(200, page.status)
    assert.equal("ECERT", (select(3, http.get(url, { timeout = 10, ca = "/no/such/file" }))))
    http.close_idle()
    stop()
    for _, name in ipairs { "key.pem", "cert.pem", "log", "pid" } do
      os.remove(folder .. "/" .. name)
    end
    require("lfs").rmdir(folder)
  end)
end)
