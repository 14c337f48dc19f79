-- What the processes of a storm do, in whatever tree they stand: they use every primitive, at
-- random and without a pause, until they are killed.

local heddle = require "heddle"
local process = require "heddle.process"
local queue = require "heddle.queue"
local shared = require "heddle.shared"
local sync = require "heddle.sync"

local swarm = {}

-- Time-outs short enough that the processes go on, long enough that many of them wait.
local SHORT, LONG = 0.002, 0.01

---The objects that all of them use.
---@return table
function swarm.world()
  return {
    small = queue.new(3, { shared = true }),
    large = queue.new(0, { shared = true }),
    urgent = queue.priority(0, { shared = true }),
    lock = sync.lock(),
    rlock = sync.rlock(),
    condition = sync.condition(),
    semaphore = sync.semaphore(2),
    rwlock = sync.rwlock(),
    event = sync.event(),
    sum = shared.value "int",
    seen = shared.dict(),
  }
end

local function release(guard)
  if guard then guard:release() end
end

local uses = {
  function(w, rng) w.small:put(rng(100), LONG) end,
  function(w) w.small:get(LONG) end,
  function(w, rng) w.large:put_many { rng(100), rng(100), rng(100) } end,
  function(w) w.large:get_many(2, SHORT) end,
  function(w, rng) w.urgent:put { rng(3), rng(100) } end,
  function(w) w.urgent:get(SHORT) end,
  function(w) queue.select({ w.small, w.large, w.urgent }, SHORT) end,
  function(w, rng)
    local guard = w.lock:hold(LONG)
    if guard and rng(5) == 1 then heddle.sleep(0.001) end
    release(guard)
  end,
  function(w)
    local outer = w.rlock:hold(LONG)
    release(w.rlock:hold(0))
    release(outer)
  end,
  function(w)
    local guard = w.condition:hold(LONG)
    if guard then w.condition:wait(SHORT) end
    release(guard)
  end,
  function(w)
    local guard = w.condition:hold(LONG)
    if guard then w.condition:notify(2) end
    release(guard)
  end,
  function(w) release(w.semaphore:hold(LONG)) end,
  function(w) release(w.rwlock:read(LONG)) end,
  function(w) release(w.rwlock:write(LONG)) end,
  function(w) w.event:wait(SHORT) end,
  function(w) w.event:set() end,
  function(w) w.event:clear() end,
  function(w) w.sum:add(1) end,
  function(w, rng) w.seen[rng(20)] = rng(2) == 1 and rng(1000) or nil end,
}

local function start_children(world, up, depth, rng)
  local methods = process.methods()
  for _ = 1, depth > 0 and 2 or 0 do
    local options = { method = methods[rng(#methods)], daemon = true }
    process.start(options, swarm.live, world, up, depth - 1, rng(1 << 30))
  end
end

---Puts its pid on `up`, starts two of its kind, and those two each while `depth` lasts, and uses
---the world until it is killed. The first error it meets it puts on `up`.
---@param world table  of swarm.world
---@param up table  a queue
---@param depth integer
---@param seed integer
function swarm.live(world, up, depth, seed)
  local rng = heddle.rng(seed)
  up:put(io.open("/proc/self/stat"):read "n")
  start_children(world, up, depth, rng)
  local told = false
  while true do
    local ok, err = pcall(uses[rng(#uses)], world, rng)
    if not ok and not told then up:put(tostring(err)) end
    told = told or not ok
  end
end

return swarm
