-- A semaphore of 3 lets three threads in at a time; the others wait for one of them to leave.
--
-- From: simple (Threading: Semaphore), roundup (Semaphore)

local heddle = require "heddle"
local shared = require "heddle.shared"
local sync = require "heddle.sync"
local thread = require "heddle.thread"

local semaphore = sync.semaphore(3)
local inside, most = shared.value("int", 0), 0

local function worker(number)
  local _ <close> = semaphore:hold()
  local n = inside:add(1)
  most = math.max(most, n)
  print(("worker %d is in, %d inside"):format(number, n))
  heddle.sleep(0.1)
  inside:add(-1)
end

local threads = {}
for i = 1, 9 do threads[i] = thread.start(worker, i) end
for _, t in ipairs(threads) do t:join() end
print("at most " .. most .. " at once")
