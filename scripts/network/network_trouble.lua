-- What a network can do wrong is an expected outcome: nil, a message that says what, and its code.
-- Nobody listens, the server stalls, the page is too large, the server hangs up, the name is
-- unknown.
--
-- From: roundup (I/O: something outside the interpreter)
-- Unlike Python: no exception; each way of failing has a code, as with `io.open`.

local heddle = require "heddle"
local http = require "heddle.http"
local net = require "heddle.net"

local server <close> = http.serve("127.0.0.1:0", function(req)
  if req.path == "/stalls" then heddle.sleep(5) end
  return 200, ("x"):rep(100000)
end)
local rude <close> = assert(net.listen "127.0.0.1:0")
heddle.spawn(function() assert(rude:accept()):close() end)

local function try(what, url, options)
  local began = heddle.now()
  local page, why, code = http.get(url, options)
  print(("%-9s %s %s"):format(what, page and page.status or why, code or ""))
  assert(heddle.now() - began < 4, "it should not take so long")
end

try("fine", server.url .. "/", { timeout = 5 })
try("refused", "http://127.0.0.1:1/", { timeout = 5 })
try("stalls", server.url .. "/stalls", { timeout = 0.2 })
try("too large", server.url .. "/", { timeout = 5, max_body = 1000 })
try("hangs up", ("http://127.0.0.1:%d/"):format(rude.port), { timeout = 5 })
try("unknown", "http://nowhere.invalid/", { timeout = 2 })
