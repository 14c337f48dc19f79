-- A future tells how far its job is; one that has not begun can be taken back.
--
-- From: simple (concurrent.futures: the Future tracks the progress of the task)
-- Unlike Python: a job that runs can be cancelled, too, where it waits; there only one that does
-- not.

local heddle = require "heddle"
local pool = require "heddle.pool"
local sync = require "heddle.sync"

local function job(begun, seconds)
  begun:set()
  heddle.sleep(seconds)
  return "done its work"
end

local function show(what, future)
  print(("%-28s running %-5s done %-5s cancelled %s"):format(what, future:running(), future:done(),
    future:cancelled()))
end

local p <close> = pool.new("threads", 1)
local first_begun, second_begun = sync.event(), sync.event()
local first = p:submit(job, first_begun, 0.2)
local second = p:submit(job, second_begun, 0.2)

first_begun:wait()
show("the first has begun:", first)
show("the second waits in line:", second)
print("cancel the second:", second:cancel())
print("the first has " .. first:result())
show("the first in the end:", first)
show("the second in the end:", second)
print("the second ever ran: " .. tostring(second_begun:is_set()))
