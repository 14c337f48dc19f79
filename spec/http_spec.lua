-- HTTP: the client and the server against each other, in every model; what ends a request early;
-- bad input.

local helper = require "spec.helper"
local heddle = require "heddle"
local http = require "heddle.http"
local queue = require "heddle.queue"
local sync = require "heddle.sync"
local task = require "heddle.task"
local thread = require "heddle.thread"

local raises = helper.raises

-- What the servers of these cases answer.
local pages = {
  ["/slow"] = function() heddle.sleep(30) end,
  ["/nap"] = function() heddle.sleep(0.01) return 200, "rested" end,
  ["/big"] = function(req) return 200, ("x"):rep(tonumber(req.query)) end,
  ["/peer"] = function(req) return 200, req.peer end,
  ["/loop"] = function() return 302, nil, { Location = "/loop" } end,
  ["/to"] = function(req) return 302, "moved", { Location = req.query } end,
  ["/cookies"] = function()
    return 204, nil, { ["Set-Cookie"] = { "a=1, 2", "b=3" }, Vary = { "a", "b" } }
  end,
}

local function answer(req)
  if pages[req.path] then return pages[req.path](req) end
  local text = ("%s %s?%s %s"):format(req.method, req.path, req.query, req.body)
  return 200, text, { ["X-One"] = 1 }
end

-- What a process makes once and keeps: the libraries, the pipe of this thread's bell.
do
  local first <close> = assert(http.serve("127.0.0.1:0", answer))
  http.get(first.url)
  http.close_idle()
end

local server

local function begin() server = assert(http.serve("127.0.0.1:0", answer)) end

local function finish()
  server:close(0)
  http.close_idle()
end

-- A request's failure: its message and code.
local function failure(page, why, code)
  assert.is_nil(page)
  return why, code
end

describe("http.get and http.request", function()
  before_each(begin)
  after_each(finish)

  it("fetch a page", function()
    local page = assert(http.get(server.url .. "/a%20b?x=1&y=%20"))
    assert.equal(200, page.status)
    assert.equal("GET /a b?x=1&y=%20 ", page.body)
    assert.equal("1", page.headers["x-one"])
    assert.equal("1", page.headers["X-One"])
    assert.equal(tostring(#page.body), page.headers["Content-Length"])
    assert.is_nil(page.headers["no-such"])
    local cookies = assert(http.get(server.url .. "/cookies"))
    assert.equal(204, cookies.status)
    assert.equal("a=1, 2\nb=3", cookies.headers["set-cookie"])
    assert.equal("a, b", cookies.headers.vary)
  end)

  it("send other methods and bodies", function()
    local function send(method, body)
      return assert(http.request { url = server.url .. "/p", method = method, body = body })
    end
    assert.equal("POST /p? hello", send(nil, "hello").body)
    assert.equal("POST /p? ", send "POST".body)
    assert.equal("PUT /p? a\0b", send("PUT", "a\0b").body)
    assert.equal("DELETE /p? ", send "delete".body)
    assert.equal("GET /p? q", send("GET", "q").body)
    local big = ("y"):rep(3000000)
    assert.equal("POST /p? " .. big, send("POST", big).body)
    local head = send "HEAD"
    assert.equal("", head.body)
    assert.equal("9", head.headers["content-length"])
  end)

  it("send headers", function()
    pages["/headers"] = function(req)
      local h = req.headers
      return 200, ("%s|%s|%s|%s"):format(h["x-a"], h["X-EMPTY"], h.accept, h["content-type"])
    end
    local headers = { ["X-A"] = { 1, "two" }, ["X-Empty"] = "", Accept = "text/x" }
    local function send(body)
      return http.request { url = server.url .. "/headers", headers = headers, body = body }.body
    end
    assert.equal("1, two||text/x|nil", send())
    assert.equal("1, two||text/x|nil", send "x")
    headers["content-type"] = "a/b"
    assert.equal("1, two||text/x|a/b", send "x")
  end)

  it("keep connections for the next request", function()
    local first = http.get(server.url .. "/peer").body
    assert.equal(first, http.get(server.url .. "/peer").body)
    http.close_idle()
    assert.not_equal(first, http.get(server.url .. "/peer").body)
  end)

  it("follow redirections up to a limit", function()
    assert.equal("GET /there? ", http.get(server.url .. "/to?/there").body)
    local _, code = failure(http.get(server.url .. "/loop", { redirects = 3 }))
    assert.equal("ELOOP", code)
    local page = assert(http.get(server.url .. "/to?/there", { redirects = 0 }))
    assert.equal(302, page.status)
    assert.equal("moved", page.body)
    _, code = failure(http.get(server.url .. "/to?file:///etc/passwd"))
    assert.equal("EPROTO", code)
  end)

  it("end when their time is up", function()
    local slow = server.url .. "/slow"
    assert.same({ nil, "timeout" }, { http.get(slow, { timeout = 0.02 }) })
    assert.same({ nil, "timeout" }, { http.get(slow, { timeout = 0 }) })
    assert.same({ nil, "timeout" }, { task.timeout(0.02, http.get, slow) })
    assert.equal("rested", http.get(server.url .. "/nap", { timeout = 20 }).body)
  end)

  it("are cancelled where they wait", function()
    for _, how in ipairs { false, { hard = true } } do
      local closed = false
      local one = task.start(function()
        local _ <close> = setmetatable({}, { __close = function() closed = true end })
        return http.get(server.url .. "/slow")
      end)
      heddle.sleep(0.02)
      assert.is_true(one:cancel(how or nil))
      assert.equal(heddle.CANCELLED, (raises(nil, one.result, one)))
      assert.is_true(closed)
    end
    assert.equal("rested", http.get(server.url .. "/nap").body)
  end)

  it("go on in a task that cleans up after a cancel", function()
    local body
    local one = task.start(function()
      local _ <close> = setmetatable({}, {
        __close = function() body = http.get(server.url .. "/nap").body end,
      })
      http.get(server.url .. "/slow")
    end)
    heddle.sleep(0.01)
    one:cancel()
    one:join()
    assert.equal("rested", body)
  end)

  it("suspend the task around a coroutine, and refuse to where that can't be", function()
    local pull = coroutine.wrap(function()
      for i = 1, 3 do coroutine.yield(http.get(server.url .. "/" .. i).body) end
    end)
    for i = 1, 3 do assert.equal(("GET /%d? "):format(i), pull()) end
    raises("can't block here.*%[cannot%-block%]$", string.gsub, "x", "x", function()
      http.get(server.url)
    end)
  end)

  it("wait beside each other and beside a thread that computes", function()
    local stop = false
    local busy = thread.start(function() while not stop do end end) -- luacheck: ignore 542
    local all = {}
    for i = 1, 30 do
      all[i] = task.start(function() return http.get(server.url .. "/nap").body end)
    end
    for i = 1, 30 do assert.equal("rested", (all[i]:result())) end
    stop = true
    busy:join()
  end)

  it("say why they failed", function()
    local free = assert(http.serve("127.0.0.1:0", answer))
    free:close()
    local why, code = failure(http.get(free.url))
    assert.equal("ECONNREFUSED", code)
    assert.truthy(why:find(free.url, 1, true))
    why, code = failure(http.get "http://no-such-host.invalid/")
    assert.equal("EAI_NONAME", code)
    assert.truthy(why:find "no%-such%-host%.invalid")
    code = select(2, failure(http.get((server.url:gsub("^http", "https")))))
    assert.equal("EPROTO", code)
  end)

  it("refuse a body that is too large", function()
    local why, code = failure(http.get(server.url .. "/big?1001", { max_body = 1000 }))
    assert.truthy(why:find "larger than max_body %(1000 bytes%)")
    assert.equal("EFBIG", code)
    assert.equal(1000, #http.get(server.url .. "/big?1000", { max_body = 1000 }).body)
    assert.equal(10, #http.get(server.url .. "/big?10", { max_body = math.huge }).body)
  end)

  it("refuse misuse", function()
    raises("^http%.get: url: a string expected, got nothing %[bad%-argument%]$", http.get)
    raises("http%.get: url: an http:// or https:// URL expected, got 'x' %[bad%-url%]$",
      http.get, "x")
    for _, url in ipairs { "ftp://a/", "http://", "http://a b/", "http://a\0b/" } do
      raises("%[bad%-url%]$", http.get, url)
    end
    local url = server.url
    raises("http%.get: options: a table expected, got 1", http.get, url, 1)
    raises("unknown option 'timout' %(did you mean 'timeout'%?%) %[unknown%-option%]$",
      http.get, url, { timout = 1 })
    raises("unknown option 'body'", http.get, url, { body = "x" })
    raises("http%.get: timeout: a number of seconds >= 0 expected, got %-1 %[bad%-time%]$",
      http.get, url, { timeout = -1 })
    raises("timeout: .*%[bad%-time%]$", http.get, url, { timeout = 0 / 0 })
    raises("max_body: a number of bytes >= 0 expected, got %-1 %[bad%-option%]$",
      http.get, url, { max_body = -1 })
    raises("redirects: a whole number from 0", http.get, url, { redirects = 1.5 })
    raises("headers: a table of strings", http.get, url, { headers = "x" })
    raises("headers: X: a string or a number expected, got boolean",
      http.get, url, { headers = { X = true } })
    raises("headers: X: a value in one line", http.get, url, { headers = { X = "a\r\nY: b" } })
    raises("headers: a header's name expected as key, got 'a b'",
      http.get, url, { headers = { ["a b"] = "" } })
    raises("http%.request: options: a table expected, got string", http.request, url)
    raises("http%.request: url: a string expected, got nothing", http.request, {})
    raises("body: a string expected, got table", http.request, { url = url, body = {} })
    raises("method: a word such as GET", http.request, { url = url, method = "GET /" })
  end)
end)

describe("heddle.http in every model", function()
  before_each(begin)
  after_each(finish)

  helper.each_model("serves and fetches", function(model)
    local urls, stop = queue.new(1, { shared = true }), sync.event()
    local worker = model.start(function()
      local web = require "heddle.http"
      local own <close> = assert(web.serve("127.0.0.1:0", function(req) return 200, req.path end))
      urls:put(own.url)
      assert(web.get(own.url .. "/own").body == "/own")
      stop:wait()
    end)
    local url = urls:get()
    local all = {}
    for i = 1, 20 do all[i] = task.start(function() return http.get(url .. "/" .. i).body end) end
    for i = 1, 20 do assert.equal("/" .. i, (all[i]:result())) end
    stop:set()
    worker:result()
  end)

  it("works in all of them at once", function()
    local workers = {}
    local url = server.url .. "/nap"
    for _, name in ipairs(helper.models) do
      workers[#workers + 1] = heddle.model(name).start(function()
        local web, begun = require "heddle.http", require("heddle.task").start
        local all, n = {}, 0
        for i = 1, 5 do all[i] = begun(function() return web.get(url) end) end
        for i = 1, 5 do n = n + #all[i]:result().body end
        return n
      end)
    end
    for _, worker in ipairs(workers) do assert.equal(30, (worker:result())) end
  end)

  it("hands a response to another interpreter", function()
    local url = server.url
    local headers = require("heddle.isolate").start(function()
      return require("heddle.http").get(url).headers
    end):result()
    assert.equal("1", headers["X-ONE"])
  end)

  it("leaves a forked child nothing of the parent's sockets", function()
    assert(http.get(server.url))
    local port, go = server.port, sync.event()
    local child = require("heddle.process").start({ method = "fork" }, function()
      go:wait()
      local web = require "heddle.http"
      local _, _, code = web.get("http://127.0.0.1:" .. port)
      local again = assert(web.serve("127.0.0.1:" .. port, function() return 200, "child" end))
      local body = web.get(again.url).body
      again:close()
      return code, body
    end)
    finish()
    go:set()
    local code, body = child:result()
    assert.equal("ECONNREFUSED", code)
    assert.equal("child", body)
  end)
end)
