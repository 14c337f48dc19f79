-- A condition lets a thread sleep until what it waits for is true, and checks again when woken.
-- A producer fills a box that holds two things at most; a consumer empties it.
--
-- From: demo (Synchronization primitives: Conditions, Events and Semaphores)
-- Unlike Python: `with condition:` is a guard that is closed.

local sync = require "heddle.sync"
local thread = require "heddle.thread"

local box, ROOM, ITEMS = {}, 2, 6
local changed = sync.condition()

local producer = thread.start(function()
  for i = 1, ITEMS do
    local _ <close> = changed:hold()
    changed:wait_for(function() return #box < ROOM end)
    box[#box + 1] = i
    print(("put %d, %d in the box"):format(i, #box))
    changed:notify_all()
  end
end)

local consumer = thread.start(function()
  for _ = 1, ITEMS do
    local _ <close> = changed:hold()
    changed:wait_for(function() return #box > 0 end)
    local item = table.remove(box, 1)
    print(("got %d, %d in the box"):format(item, #box))
    changed:notify_all()
  end
end)

producer:join()
consumer:join()
