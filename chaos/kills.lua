-- One trial of random kills:
--
--   heddle chaos/kills.lua SEED FOLDER KILLS
--
-- Producers and consumers share one queue and one lock: processes started in all three ways, and a
-- task, a thread and an isolate of the root. Processes are killed at random moments and replaced.
-- The ledgers go to FOLDER (chaos/worker.lua), `kills` there says who was killed, `end` is written
-- when all have ended. chaos/judge.lua tells from these files whether all was well.

package.path = "./?.lua;" .. package.path

local heddle = require "heddle"
local process = require "heddle.process"
local queue = require "heddle.queue"
local sync = require "heddle.sync"
local worker = require "chaos.worker"

local seed, folder, kills = tonumber(arg[1]), arg[2], tonumber(arg[3])
local slack = tonumber(os.getenv "HEDDLE_SLACK" or "") or 1
local patience = 2 * slack -- seconds without progress: hung
local rng = heddle.rng(seed)
local methods = process.methods()
local roles = { worker.produce, worker.consume }

local world = {
  queue = queue.new(({ 1, 3, 50, 0 })[rng(4)], { shared = true }),
  halt = queue.new(0, { shared = true }),
  lock = sync.lock(),
  folder = folder,
  pause = ({ 0, 0.0005, 0.003 })[rng(3)],
}
local record = assert(io.open(folder .. "/kills", "a"))
record:setvbuf "no"
local born = 0

local function start(model, role, options)
  born = born + 1
  local handle = model.start(options or {}, roles[role], world, born, seed * 1000 + born)
  return { handle = handle, who = born, role = role }
end

local function start_process(role)
  return start(process, role, { method = methods[rng(#methods)] })
end

-- What the world has done so far: the ledgers' length.
local function progress()
  local sum = 0
  for name in require("lfs").dir(folder) do
    sum = sum + (require("lfs").attributes(folder .. "/" .. name, "size") or 0)
  end
  return sum
end

local function hung(what)
  record:write("HUNG ", what, "\n")
  io.stderr:write("hung: ", what, "; queue ", tostring(world.queue), "; lock ",
    tostring(world.lock), "\n")
  if os.getenv "CHAOS_HOLD" then heddle.sleep(1e6) end
  os.exit(1)
end

-- Raises the alarm when nothing moves although the workers have work.
local function watch()
  local seen, since = progress(), heddle.now()
  while true do
    heddle.sleep(0.1)
    local now = progress()
    if now ~= seen then
      seen, since = now, heddle.now()
    elseif heddle.now() - since > patience then
      hung("no progress for " .. patience .. " s")
    end
  end
end

-- SIGKILL, and what its handle must tell then.
local function kill(victim)
  record:write("K " .. victim.who .. "\n")
  victim.handle:kill()
  if not victim.handle:join(patience) then hung("no end of the killed " .. victim.who) end
  local code = victim.handle:exitcode()
  local ok, why = pcall(victim.handle.result, victim.handle)
  local text = ok and "result" or tostring(why):match "[^\n]*"
  record:write(("D %d %d %s\n"):format(victim.who, code, text))
end

local function end_of(list)
  for _, one in ipairs(list) do
    if not one.handle:join(10 * patience) then hung("no end of worker " .. one.who) end
    if one.handle:status() ~= "done" then
      local _, why = pcall(one.handle.result, one.handle)
      record:write(("F %d %s\n"):format(one.who, tostring(why)))
    end
  end
end

local function main()
  local all = {}
  for _, name in ipairs { "task", "thread", "isolate" } do
    for role = 1, 2 do all[#all + 1] = start(require("heddle." .. name), role) end
  end
  local victims = {}
  for i = 1, 4 do victims[i] = start_process((i - 1) % 2 + 1) end
  local watcher = heddle.spawn({ daemon = true }, watch)
  for _ = 1, kills do
    heddle.sleep(rng() * 0.02)
    local i = rng(#victims)
    kill(victims[i])
    victims[i] = start_process(victims[i].role)
  end
  for _, one in ipairs(victims) do all[#all + 1] = one end
  local producers, consumers = {}, {}
  for _, one in ipairs(all) do table.insert(one.role == 1 and producers or consumers, one) end
  world.halt:close()
  end_of(producers)
  world.queue:close()
  end_of(consumers)
  watcher:cancel()
  local abandoned = select(2, world.lock:acquire(patience))
  record:write("end ", world.queue:size(), " ", tostring(world.lock:locked()), " ",
    abandoned or "-", "\n")
end

main()
