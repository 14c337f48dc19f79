-- Two endless loops and a join never end as meant: the join is over before or between two items.
-- `join` waits until every item that was put is done, and knows nothing of those to come; the
-- threads go on for ever, and with them the program. (Here they are daemons, so that it ends.)
--
-- From: simple (Threading, third listing)
-- Unlike Python: the listing as it stands, but for the daemons and shorter pauses.

local heddle = require "heddle"
local queue = require "heddle.queue"
local thread = require "heddle.thread"

local data = queue.new()
local fetched = 0

local fetcher = thread.start({ daemon = true, name = "fetcher" }, function()
  while true do
    heddle.sleep(0.02)
    fetched = fetched + 1
    data:put("item " .. fetched)
  end
end)
thread.start({ daemon = true, name = "processor" }, function()
  while true do
    print("processed " .. data:get())
    data:task_done()
  end
end)

data:join()
print(("join is over: %d items so far, and the fetcher is %s"):format(fetched, fetcher:status()))
heddle.sleep(0.15)
print("and later there are more: " .. tostring(fetched > 1))
