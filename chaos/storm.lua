-- One trial of storms:
--
--   heddle chaos/storm.lua SEED ROUNDS
--
-- In each round three processes, each with two of its own, started in all ways, use every primitive
-- without a pause (chaos/swarm.lua). About half of them, now and then the fork server too, are
-- killed in one moment, then the rest. None may be left after that, and each primitive must work.
-- Faults are told on stderr; its last line is `rounds=N hung=N left=N broken=N raised=N`.

package.path = "./?.lua;" .. package.path

local heddle = require "heddle"
local process = require "heddle.process"
local queue = require "heddle.queue"
local swarm = require "chaos.swarm"

local seed, rounds = tonumber(arg[1]), tonumber(arg[2])
local slack = tonumber(os.getenv "HEDDLE_SLACK" or "") or 1
local patience = 10 * slack -- seconds
local rng = heddle.rng(seed)
local methods = process.methods()
local faults = { hung = 0, left = 0, broken = 0, raised = 0 }
local me = io.open("/proc/self/stat"):read "n"

local function fault(kind, round, text, ...)
  faults[kind] = faults[kind] + 1
  io.stderr:write(kind, ": round ", round, " of seed ", seed, ": ", text:format(...), "\n")
  for _, one in ipairs(heddle.ps()) do
    io.stderr:write(("  %s %s %s %s\n"):format(one.model, one.name, one.state, one.waits_for or ""))
  end
  if os.getenv "CHAOS_HOLD" then heddle.sleep(1e6) end
end

local function wait_for(predicate)
  local limit = heddle.now() + patience
  while not predicate() do
    if heddle.now() > limit then return false end
    heddle.sleep(0.002)
  end
  return true
end

-- Starts the roots of the trees; returns their handles and the pids of all.
local function start_trees(world, up, round)
  local roots, pids = {}, {}
  for i = 1, 3 do
    local method = methods[rng(#methods)]
    roots[i] = process.start({ method = method }, swarm.live, world, up, 1, rng(1 << 30))
  end
  while #pids < 9 do
    local pid = up:get(2 * patience)
    if math.type(pid) == "integer" then
      pids[#pids + 1] = pid
    elseif pid then
      fault("raised", round, "%s", pid)
    else
      fault("hung", round, "only %d of 9 processes have begun", #pids)
      break
    end
  end
  return roots, pids
end

local function servers()
  local list, pipe = {}, io.popen("pgrep -x forkserver -P " .. me)
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local function kill_some(pids)
  local victims = rng(8) == 1 and servers() or {}
  for _, pid in ipairs(pids) do
    if rng(2) == 1 then victims[#victims + 1] = pid end
  end
  os.execute("kill -9 " .. table.concat(victims, " ") .. " 2>/dev/null")
end

local function kill_rest(roots, round)
  for _, root in ipairs(roots) do root:kill() end
  for i, root in ipairs(roots) do
    if not root:join(patience) then fault("hung", round, "no end of tree %d", i) end
    pcall(root.result, root)
  end
end

local function exists(pid)
  local file = io.open("/proc/" .. pid .. "/stat")
  if file then file:close() end
  return file ~= nil
end

local function check_that_none_is_left(pids, round)
  for _, pid in ipairs(pids) do
    if not wait_for(function() return not exists(pid) end) then
      fault("left", round, "process %d is still there", pid)
    end
  end
  local function alone()
    for _, one in ipairs(heddle.ps()) do
      if one.model == "process" and one.name ~= "main" then return false end
    end
    return true
  end
  if not wait_for(alone) then fault("left", round, "heddle.ps() lists processes") end
end

-- Whether each primitive does what it is for. Nobody else uses it any more.
local checks = {
  lock = function(w) return w.lock:acquire(patience) and w.lock:release() == nil end,
  rlock = function(w) return w.rlock:acquire(patience) and w.rlock:release() == nil end,
  condition = function(w) return w.condition:acquire(patience) and w.condition:release() == nil end,
  rwlock = function(w)
    local guard = w.rwlock:write(patience)
    return guard and (guard:release() or true)
  end,
  semaphore = function(w)
    return w.semaphore:acquire(patience) and w.semaphore:acquire(patience)
      and not w.semaphore:acquire(0)
  end,
  event = function(w)
    w.event:set()
    return w.event:wait(0)
  end,
  sum = function(w) return math.type(w.sum:add(1)) == "integer" end,
  seen = function(w)
    w.seen.last = 7
    return w.seen.last == 7
  end,
}
for _, name in ipairs { "small", "large", "urgent" } do
  checks[name] = function(w)
    repeat local item = w[name]:try_get() until item == nil
    return w[name]:put(7, patience) and w[name]:get(patience) == 7
  end
end

local function check_world(world, round)
  for name, check in pairs(checks) do
    local ok, fine = pcall(check, world)
    if not ok or not fine then
      fault("broken", round, "%s: %s: %s", name, tostring(fine), tostring(world[name]))
    end
  end
end

local function report_raised(up, round)
  for text in function() return (up:try_get()) end do
    if type(text) == "string" then fault("raised", round, "%s", text) end
  end
end

for round = 1, rounds do
  local world, up = swarm.world(), queue.new(0, { shared = true })
  local roots, pids = start_trees(world, up, round)
  heddle.sleep(rng() * 0.03)
  kill_some(pids)
  heddle.sleep(rng() * 0.02)
  kill_rest(roots, round)
  check_that_none_is_left(pids, round)
  check_world(world, round)
  report_raised(up, round)
end
io.stderr:write(("rounds=%d hung=%d left=%d broken=%d raised=%d\n"):format(rounds, faults.hung,
  faults.left, faults.broken, faults.raised))
os.exit(faults.hung + faults.left + faults.broken + faults.raised == 0)
