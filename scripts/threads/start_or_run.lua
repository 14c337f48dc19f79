-- `start` begins a thread and returns at once; calling `run` yourself makes no thread at all.
-- Three jobs started and joined take as long as one; the same three run in turn take their sum.
--
-- From: article (Multithreading), demo (Thread-based concurrency: start and join)

local heddle = require "heddle"
local thread = require "heddle.thread"

local Job = thread.extend "Job"

function Job:init(number)
  self.number = number
end

function Job:run()
  print(("job %d runs in %s"):format(self.number, thread.current().name))
  heddle.sleep(0.2)
end

local function timed(what, fn)
  local began = heddle.now()
  fn({ Job(1), Job(2), Job(3) })
  print(("%s: %.1f s"):format(what, heddle.now() - began))
end

timed("start and join", function(jobs)
  for _, job in ipairs(jobs) do job:start() end
  for _, job in ipairs(jobs) do job:join() end
end)
timed("run, one after the other", function(jobs)
  for _, job in ipairs(jobs) do job:run() end
end)
