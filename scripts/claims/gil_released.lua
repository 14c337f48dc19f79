-- Native work that gives up the interpreter's lock lets other threads run; work that keeps it does
-- not. The main thread ticks every 10 ms while another one works for 0.3 s in C.
--
-- From: concepts (What is the GIL?), article (GIL: rewriting key parts in C)
-- Unlike Python: `hashlib` always gives it up for larger inputs; here it is an option, to show
-- both.

local heddle = require "heddle"
local thread = require "heddle.thread"
local work = require "heddle.work"

local function ticks_during(options)
  local ticks, works = 0, false
  local worker = thread.start(function()
    works = true
    work.spin(0.3, options)
    works = false
  end)
  repeat
    heddle.sleep(0.01)
    if works then ticks = ticks + 1 end
  until not worker:alive()
  return ticks
end

print("the lock kept:     " .. ticks_during { release = false } .. " ticks")
print("the lock given up: " .. ticks_during { release = true } .. " ticks")
