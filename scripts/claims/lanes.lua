-- Concurrency is not parallelism: tasks take turns, isolates run side by side.
-- Each of two workers does ten pieces of work; a lane shows when it was at one of them.
--
-- From: concepts (Concurrency is not Parallelism), article (Joe Armstrong's two queues), simple
--   (parallelism and asynchrony)
-- Unlike Python: isolates are its subinterpreters, each with a lock of its own since 3.12.

local heddle = require "heddle"
local queue = require "heddle.queue"
local work = require "heddle.work"

local WIDTH = 60

local function worker(lane, log)
  for _ = 1, 10 do
    local from = heddle.now()
    work.spin(0.01)
    log:put { lane = lane, from = from, to = heddle.now() }
    heddle.yield()
  end
end

local function draw(pieces, began, ended)
  local lanes = { {}, {} }
  for _, p in ipairs(pieces) do
    for x = 1, WIDTH do
      local middle = began + (x - 0.5) / WIDTH * (ended - began)
      if middle >= p.from and middle < p.to then lanes[p.lane][x] = true end
    end
  end
  local both = 0
  for x = 1, WIDTH do both = both + (lanes[1][x] and lanes[2][x] and 1 or 0) end
  for i, lane in ipairs(lanes) do
    local marks = {}
    for x = 1, WIDTH do marks[x] = lane[x] and "#" or "." end
    print(("  worker %d %s"):format(i, table.concat(marks)))
  end
  print(("  both at work in %d of %d columns"):format(both, WIDTH))
end

for _, model in ipairs { "coroutines", "isolates" } do
  local log, pieces, began = queue.new(), {}, heddle.now()
  for lane = 1, 2 do heddle.model(model).start(worker, lane, log) end
  for i = 1, 20 do pieces[i] = log:get() end
  print(("%s, %.2f s:"):format(model, heddle.now() - began))
  draw(pieces, began, heddle.now())
end
