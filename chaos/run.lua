-- The long runs: random kills, forks of a busy process, and storms.
--
--   heddle chaos/run.lua [--kills=1000] [--forks=1000] [--storms=1000] [--seed=N]
--
-- Each trial says its seed; with --seed the same choices are made again. The last line is
-- `N passed, N failed`, the exit status 1 after a fault.

package.path = "./?.lua;" .. package.path
local trials = require "chaos.trials"

local flags = { kills = 1000, forks = 1000, storms = 1000, seed = os.time() % 1000000 }
for _, word in ipairs(arg) do
  local name, value = word:match "^%-%-(%w+)=(%d+)$"
  if not flags[name] then
    io.stderr:write("chaos/run.lua: unknown flag or bad number: ", word, "\n")
    os.exit(2)
  end
  flags[name] = tonumber(value)
end

local function say(line)
  print(line)
  io.stdout:flush()
end

local failed = 0
local kills = trials.kills(flags.kills, flags.seed, say)
local forks = trials.forks(flags.forks, flags.seed, say)
local storms = trials.storms(flags.storms, flags.seed, say)
if flags.kills > 0 then
  say(("kills: hung %s, lost %s, doubled %s"):format(trials.share(kills.hung, kills.kills),
    trials.share(kills.lost, kills.kills), trials.share(kills.doubled, kills.kills)))
  say(("       torn %d, out of order %d, lock faults %d, other %d"):format(kills.torn, kills.order,
    kills.lock, kills.other))
  say(("       of %d items put, %d were taken; %d were in the hand of a killed one"):format(
    kills.put, kills.got, kills.hand))
  failed = failed + (kills.failed > 0 and 1 or 0)
end
if flags.forks > 0 then
  say(("forks: hung %s, wrong %d"):format(trials.share(forks.hung, forks.forks), forks.wrong))
  failed = failed + (forks.failed > 0 and 1 or 0)
end
if flags.storms > 0 then
  say(("storms: hung %s, left %d, broken %d, raised %d"):format(
    trials.share(storms.hung, storms.rounds), storms.left, storms.broken, storms.raised))
  failed = failed + (storms.failed > 0 and 1 or 0)
end
say(("%d passed, %d failed"):format(3 - failed, failed))
os.exit(failed == 0)
