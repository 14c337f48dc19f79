-- Processes that fetch gain nothing over threads: all of them wait, and processes take longer to
-- start.
--
-- From: roundup (I/O Bound => threading or asyncio)
-- Unlike Python: tasks are measured beside them, by the same function.

local heddle = require "heddle"
local http = require "heddle.http"

local PAGES = 12

local server <close> = http.serve("127.0.0.1:0", function(req)
  heddle.sleep(0.1)
  return 200, "page " .. req.path
end)

local function fetch(url)
  return assert(require "heddle.http".get(url, { timeout = 10 })).body
end

for _, model in ipairs { "coroutines", "threads", "processes" } do
  local M, began, workers = heddle.model(model), heddle.now(), {}
  for i = 1, PAGES do workers[i] = M.start(fetch, ("%s/%d"):format(server.url, i)) end
  local fetched = 0
  for i, w in ipairs(workers) do
    if w:result() == "page /" .. i then fetched = fetched + 1 end
  end
  print(("%-10s %d pages, %.2f s"):format(model, fetched, heddle.now() - began))
end
