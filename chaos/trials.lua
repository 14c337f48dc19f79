-- Runs trials of chaos/ and sums what the judge found: for chaos/run.lua and spec/chaos_spec.lua.

local helper = require "spec.helper"

local trials = {}

local kinds = { "hung", "lost", "doubled", "torn", "order", "lock", "other" }

---`0 of 1,000 (below 0.3 %)`: with no fault in n trials their share is below 3/n, at 95 %.
---@param faults integer
---@param n integer
---@return string
function trials.share(faults, n)
  local text = tostring(n):reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  local bound = faults == 0 and (" (below %.2g %%)"):format(300 / n) or ""
  return ("%d of %s%s"):format(faults, text, bound)
end

local function figures(text)
  local found = {}
  for name, n in (text:match "([^\n]*)\n?$"):gmatch "(%w+)=(%d+)" do found[name] = tonumber(n) end
  return found
end

-- One program with `kills` kills, judged. Returns the judge's figures and lines, nil after a fault.
local function one_trial(seed, kills)
  local folder = os.tmpname()
  os.remove(folder)
  os.execute("mkdir " .. helper.quote(folder))
  local run = helper.heddle({ "chaos/kills.lua", seed, folder, kills }, { limit = 20 + kills })
  local verdict = helper.heddle { "chaos/judge.lua", folder }
  local found = figures(verdict.out)
  found.fine = run.code == 0 and verdict.code == 0
  found.text = verdict.out .. (found.fine and "" or
    ("exit status %d, ledgers in %s\n%s"):format(run.code, folder, run.err))
  if found.fine then os.execute("rm -r " .. helper.quote(folder)) end
  return found
end

---Random kills, 20 in each program.
---@param kills integer
---@param seed integer  of the first program; the next ones count up
---@param say fun(line: string)
---@return table sums  by kind of fault; `failed` programs; `text` of these
function trials.kills(kills, seed, say)
  local sums = { kills = 0, put = 0, got = 0, hand = 0, failed = 0, text = "" }
  for _, kind in ipairs(kinds) do sums[kind] = 0 end
  while sums.kills < kills do
    local found = one_trial(seed, math.min(20, kills - sums.kills))
    for name, n in pairs(sums) do
      if math.type(n) == "integer" then sums[name] = n + (found[name] or 0) end
    end
    if (found.kills or 0) == 0 then sums.kills = sums.kills + 1 end -- a trial that came to nothing
    say(("seed %d: %s"):format(seed, found.text:match "^(.-)%s*$"))
    if not found.fine then
      sums.failed = sums.failed + 1
      sums.text = sums.text .. ("seed %d:\n%s"):format(seed, found.text)
    end
    seed = seed + 1
  end
  return sums
end

---Forks of a busy process, 50 in each program.
---@param forks integer
---@param seed integer
---@param say fun(line: string)
---@return table sums  forks, hung, wrong, failed, text
function trials.forks(forks, seed, say)
  local sums = { forks = 0, hung = 0, wrong = 0, failed = 0, text = "" }
  while sums.forks < forks do
    local n = math.min(50, forks - sums.forks)
    local run = helper.heddle({ "chaos/forks.lua", seed, n }, { limit = 60 + n })
    local found = figures(run.err:gsub("%s+$", ""))
    sums.forks = sums.forks + n
    sums.hung = sums.hung + (found.hung or n)
    sums.wrong = sums.wrong + (found.wrong or 0)
    say(("seed %d: %s"):format(seed, run.err:match "([^\n]*)\n?$"))
    if run.code ~= 0 then
      sums.failed = sums.failed + 1
      sums.text = sums.text .. ("seed %d: exit status %d\n%s"):format(seed, run.code, run.err)
    end
    seed = seed + 1
  end
  return sums
end

---Storms, 20 rounds in each program.
---@param rounds integer
---@param seed integer
---@param say fun(line: string)
---@return table sums  rounds, hung, left, broken, raised, failed, text
function trials.storms(rounds, seed, say)
  local sums = { rounds = 0, hung = 0, left = 0, broken = 0, raised = 0, failed = 0, text = "" }
  while sums.rounds < rounds do
    local n = math.min(20, rounds - sums.rounds)
    local run = helper.heddle({ "chaos/storm.lua", seed, n }, { limit = 60 + 2 * n })
    local found = figures(run.err:gsub("%s+$", ""))
    sums.rounds = sums.rounds + n
    sums.hung = sums.hung + (found.hung or 1) -- without a last line it did not come to its end
    for _, kind in ipairs { "left", "broken", "raised" } do
      sums[kind] = sums[kind] + (found[kind] or 0)
    end
    say(("seed %d: %s"):format(seed, run.err:match "([^\n]*)\n?$"))
    if run.code ~= 0 then
      sums.failed = sums.failed + 1
      sums.text = sums.text .. ("seed %d: exit status %d\n%s"):format(seed, run.code, run.err)
    end
    seed = seed + 1
  end
  return sums
end

return trials
