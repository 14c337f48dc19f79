-- Threads that fetch wait for the network together: twenty pages take hardly longer than one.
-- The pages come from a local server that takes 50 ms for each.
--
-- From: roundup (I/O bound: many requests by threads), concepts (Multithreading: network requests)
-- Unlike Python: the server is the scenario's own, so no network is needed.

local heddle = require "heddle"
local http = require "heddle.http"
local thread = require "heddle.thread"

local PAGES = 20

local server <close> = http.serve("127.0.0.1:0", function(req)
  heddle.sleep(0.05)
  return 200, "this is page " .. req.path
end)

local function fetch(number)
  local page = assert(http.get(("%s/%d"):format(server.url, number), { timeout = 10 }))
  return #page.body
end

local function timed(what, fn)
  local began = heddle.now()
  local bytes = fn()
  print(("%-20s %d pages, %d bytes, %.2f s"):format(what, PAGES, bytes, heddle.now() - began))
end

timed("one after the other:", function()
  local bytes = 0
  for i = 1, PAGES do bytes = bytes + fetch(i) end
  return bytes
end)
timed("twenty threads:", function()
  local threads, bytes = {}, 0
  for i = 1, PAGES do threads[i] = thread.start(fetch, i) end
  for _, t in ipairs(threads) do bytes = bytes + t:result() end
  return bytes
end)
