-- What the workers of a trial do, in whatever model: they put numbered items, take them, hold the
-- lock, and write down each step in a ledger of their own, one write(2) a line, so that what they
-- had done is known when they were killed.
--
-- Lines of a ledger: `P n` will put item n, `p n` has put it, `X n` has not; `g` will take one,
-- `G who n` has taken it, `T who n` has taken a torn one; `E` the worker has come to its end.
-- Lines of the lock's ledger, which the holders share: `A who`, `B who` (abandoned), `R who`.

local heddle = require "heddle"

local worker = {}

local function ledger(path)
  local file = assert(io.open(path, "a"))
  file:setvbuf "no"
  return file
end

---A number that changes with any part of an item.
---@param who integer
---@param n integer
---@param text string
---@return integer
function worker.checksum(who, n, text)
  local sum = who * 1000003 + n
  for i = 1, #text, 61 do sum = sum * 31 + text:byte(i) & 0x7fffffff end
  return sum + #text
end

-- Mostly small ones; now and then one that travels in a block of its own.
local function make_item(rng, who, n)
  local size = rng(20) == 1 and rng(4000, 20000) or rng(0, 200)
  local text = string.char(97 + n % 26):rep(size)
  return { who = who, n = n, text = text, sum = worker.checksum(who, n, text) }
end

local function stopped(world)
  local _, why = world.halt:try_get()
  return why == "closed"
end

local function hold_lock(world, who, rng, lock_file)
  if rng(6) > 1 then return end
  local got, abandoned = world.lock:acquire(rng(2) == 1 and 10 or nil)
  if not got then return end
  lock_file:write((abandoned and "B " or "A ") .. who .. "\n")
  if rng(2) == 1 then heddle.yield() end
  if rng(10) == 1 then heddle.sleep(0.001) end
  lock_file:write("R " .. who .. "\n")
  world.lock:release()
end

local function put_one(world, who, n, rng, file)
  while world.queue:size() > 500 do heddle.sleep(0.001) end -- it may have no limit
  file:write("P " .. n .. "\n")
  local put = world.queue:put(make_item(rng, who, n), rng(8) == 1 and 0.002 or nil)
  file:write((put and "p " or "X ") .. n .. "\n")
end

---Puts items until it is told to stop.
---@param world table  queue, halt, lock, folder
---@param who integer  unique in the trial
---@param seed integer
function worker.produce(world, who, seed)
  local rng, file = heddle.rng(seed), ledger(world.folder .. "/put." .. who)
  local lock_file = ledger(world.folder .. "/lock")
  local n = 0
  while not stopped(world) do
    n = n + 1
    put_one(world, who, n, rng, file)
    hold_lock(world, who, rng, lock_file)
    if rng(4) == 1 then heddle.sleep(rng() * world.pause) end
  end
  file:write "E\n"
  file:close()
  lock_file:close()
end

local function take_one(world, rng, file)
  file:write "g\n"
  local item, why
  if rng(8) == 1 then
    item, why = world.queue:try_get()
  else
    item, why = world.queue:get(rng(8) == 1 and 0.002 or nil)
  end
  if item == nil then return why end
  local whole = item.sum == worker.checksum(item.who, item.n, item.text)
  file:write(("%s %d %d\n"):format(whole and "G" or "T", item.who, item.n))
end

---Takes items until the queue is closed and empty.
---@param world table  queue, halt, lock, folder
---@param who integer  unique in the trial
---@param seed integer
function worker.consume(world, who, seed)
  local rng, file = heddle.rng(seed), ledger(world.folder .. "/get." .. who)
  local lock_file = ledger(world.folder .. "/lock")
  while take_one(world, rng, file) ~= "closed" do
    hold_lock(world, who, rng, lock_file)
    if rng(4) == 1 then heddle.sleep(rng() * world.pause) end
  end
  file:write "E\n"
  file:close()
  lock_file:close()
end

return worker
