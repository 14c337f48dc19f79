-- One call that does not wait but works stalls the whole event loop; a thread beside it does not.
-- A heart beats every 10 ms while a job of 0.3 s runs: as a task, then in an isolate of its own.
--
-- From: concepts (What is the Event Loop?), roundup (event loop)
-- Unlike Python: there it is `loop.run_in_executor` that takes the work off the loop.

local heddle = require "heddle"
local isolate = require "heddle.isolate"
local task = require "heddle.task"
local work = require "heddle.work"

local function longest_pause(job)
  local longest, last, over = 0, heddle.now(), false
  local heart = task.start(function()
    while not over do
      heddle.sleep(0.01)
      local now = heddle.now()
      longest, last = math.max(longest, now - last), now
    end
  end)
  heddle.sleep(0.03)
  job()
  heddle.sleep(0.03)
  over = true
  heart:join()
  return longest
end

local stalled = longest_pause(function() work.spin(0.3) end)
local beside = longest_pause(function() isolate.start(work.spin, 0.3):join() end)
print(("in the loop's own thread: a pause of %3.0f ms"):format(stalled * 1e3))
print(("in an isolate beside it:  a pause of %3.0f ms"):format(beside * 1e3))
