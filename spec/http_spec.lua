-- HTTP: the client against the server, in every model; what ends a request early; bad input.

local helper = require "spec.helper"
local heddle = require "heddle"
local http = require "heddle.http"
local task = require "heddle.task"

-- What the servers of these cases answer.
local function answer(req)
  if req.path == "/slow" then
    heddle.sleep(30)
  elseif req.path == "/nap" then
    heddle.sleep(0.01)
  elseif req.path == "/error" then
    error "boom"
  elseif req.path == "/big" then
    return 200, ("x"):rep(tonumber(req.query))
  elseif req.path == "/to" then
    return 302, nil, { Location = req.query }
  elseif req.path == "/loop" then
    return 302, nil, { Location = "/loop" }
  end
  return 200, ("%s %s?%s %s"):format(req.method, req.path, req.query, req.body), { ["X-One"] = 1 }
end

-- What a process makes once and keeps: the libraries, the pipe of this thread's bell.
do
  local first <close> = assert(http.serve("127.0.0.1:0", answer))
  http.get(first.url)
  http.close_idle()
end

describe("heddle.http", function()
  local server

  before_each(function() server = assert(http.serve("127.0.0.1:0", answer)) end)

  after_each(function()
    server:close(0)
    http.close_idle()
  end)

  it("fetches a page", function()
    local page = assert(http.get(server.url .. "/a%20b?x=1&y=%20"))
    assert.equal(200, page.status)
    assert.equal("GET /a b?x=1&y=%20 ", page.body)
    assert.equal("1", page.headers["x-one"])
    assert.equal("1", page.headers["X-One"])
    assert.equal(tostring(#page.body), page.headers["Content-Length"])
    assert.is_nil(page.headers["no-such"])
  end)

  it("sends other methods and bodies", function()
    local function send(method, body)
      return assert(http.request { url = server.url .. "/p", method = method, body = body })
    end
    assert.equal("POST /p? hello", send(nil, "hello").body)
    assert.equal("POST /p? ", send "POST" .body)
    assert.equal("PUT /p? a\0b", send("PUT", "a\0b").body)
    assert.equal("DELETE /p? ", send "delete" .body)
    local big = ("y"):rep(3000000)
    assert.equal("POST /p? " .. big, send("POST", big).body)
    local head = send "HEAD"
    assert.equal("", head.body)
    assert.equal("9", head.headers["content-length"])
  end)

  helper.each_model("works beside a server in another worker", function(model)
    local queue = require "heddle.queue"
    local urls, stop = queue.new(1, { shared = true }), require("heddle.sync").event()
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

  it("ends a request when its time is up", function()
    local page, why = http.get(server.url .. "/slow", { timeout = 0.02 })
    assert.is_nil(page)
    assert.equal("timeout", why)
    assert.same({ nil, "timeout" }, { task.timeout(0.02, http.get, server.url .. "/slow") })
  end)

  it("says why a request failed", function()
    local free = assert(http.serve("127.0.0.1:0", answer))
    free:close()
    local page, why, code = http.get(free.url)
    assert.is_nil(page)
    assert.equal("ECONNREFUSED", code)
    assert.truthy(why:find(free.url, 1, true))
  end)

  it("refuses a body that is too large", function()
    local page, why, code = http.get(server.url .. "/big?1001", { max_body = 1000 })
    assert.is_nil(page)
    assert.truthy(why:find "larger than max_body %(1000 bytes%)")
    assert.equal("EFBIG", code)
    assert.equal(1000, #http.get(server.url .. "/big?1000", { max_body = 1000 }).body)
  end)
end)
