-- A task for each link: the pages of a site are fetched together and read as they come.
--
-- From: roundup (asyncio: scraping pages concurrently)
-- Unlike Python: `http.get` makes only its task wait, so that needs no other library than threads
-- do; the site is the scenario's own.

local heddle = require "heddle"
local http = require "heddle.http"
local task = require "heddle.task"

local TITLES = { lock = "Locks", queue = "Queues", event = "Events", barrier = "Barriers" }

local server <close> = http.serve("127.0.0.1:0", function(req)
  local name = req.path:sub(2)
  if name == "" then
    local links = {}
    for page in pairs(TITLES) do links[#links + 1] = ('<a href="/%s">%s</a>'):format(page, page) end
    return 200, table.concat(links, "\n") .. '\n<a href="/nowhere">gone</a>'
  end
  heddle.sleep(0.02 * #name) -- the longer the name, the later it comes
  if not TITLES[name] then return 404, "not found" end
  return 200, ("<html><title>%s</title></html>"):format(TITLES[name])
end)

local function scrape(path)
  local page = assert(http.get(server.url .. path, { timeout = 10 }))
  local title = page.body:match "<title>(.-)</title>" or "no title"
  print(("%-9s status %d, %s"):format(path, page.status, title))
end

local index = assert(http.get(server.url .. "/", { timeout = 10 }))
task.scope(function(s)
  for path in index.body:gmatch 'href="(.-)"' do s:start(scrape, path) end
end)
