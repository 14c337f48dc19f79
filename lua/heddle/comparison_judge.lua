--- Which of several groups of runs was best, by how much, and why. Where all jobs are there at the
-- start, it is the one that does most in a second; where they arrive one by one, which no model can
-- hurry, the one whose jobs take the least time from when they are due. The reason is read from
-- what was measured: CPU seconds against wall time, waits for the GIL and for locks, time that jobs
-- spent waiting, start-up.
-- Stands on: heddle.report_text.

local report_text = require "heddle.report_text"

local comparison_judge = {}

local LEVEL = 1.02 -- two groups whose paces differ by less are level
local FEW = 4      -- groups that the answer names one by one

local percent, seconds = report_text.percent, report_text.seconds


-- How much ---------------------------------------------------------------------------------------

local function mean(g, fn)
  local sum = 0.0
  for _, run in ipairs(g.runs) do sum = sum + fn(run) end
  return sum / #g.runs
end


--- What groups are compared by: work done per second.
local function work_per_second(run)
  return run:pace()
end


--- The same where jobs arrive one by one: how many could be due and done in a second, one after
--- the other.
local function quickness(run)
  local mean_total = run:totals().total.mean
  return mean_total and 1 / math.max(mean_total, 1e-9) or 0.0
end


local function all_arrive(groups)
  for _, g in ipairs(groups) do
    for _, run in ipairs(g.runs) do
      local t = run:totals()
      if not run.arriving or t.left > 0 or t.done == 0 then return false end
    end
  end
  return true
end


--- How many times as fast one group was as another: the mean of the rounds' ratios, and their
--- standard deviation.
local function ratio(a, b, measure)
  local paces, ratios, sum, squares = {}, {}, 0.0, 0.0
  for _, run in ipairs(b.runs) do paces[run.round or 1] = measure(run) end
  for _, run in ipairs(a.runs) do
    local other = paces[run.round or 1]
    if other and other > 0 then ratios[#ratios + 1] = measure(run) / other end
  end
  if #ratios == 0 then return nil end
  for _, x in ipairs(ratios) do sum = sum + x end
  local m = sum / #ratios
  for _, x in ipairs(ratios) do squares = squares + (x - m) ^ 2 end
  return m, #ratios > 1 and math.sqrt(squares / (#ratios - 1)) or nil
end


local function compared(best, other, measure)
  if mean(other, measure) == 0 then return other.label .. " got nothing done" end
  local times, deviation = ratio(best, other, measure)
  if not times then return nil end
  if times < LEVEL or (deviation and times - deviation < 1) then
    return "level with " .. other.label
  end
  local spread = deviation and (" ± %.2f"):format(deviation) or ""
  return ("%.2f%s times as fast as %s"):format(times, spread, other.label)
end


--- Those that the answer names: all where there are few, else the next one, the sequential one and
--- the last.
local function others(list)
  if #list <= FEW then return table.move(list, 2, #list, 1, {}) end
  local named = { list[2] }
  for i = 3, #list do
    if list[i].model == "sequential" or i == #list then named[#named + 1] = list[i] end
  end
  return named
end


-- Why --------------------------------------------------------------------------------------------

--- What a group's runs say, in the mean.
local function figures(g)
  local f = {}
  for _, key in ipairs { "cpu", "gil_share", "lock_share" } do
    f[key] = mean(g, function(run) return run:usage()[key] end)
  end
  f.wall = math.max(mean(g, function(run) return run.wall end), 1e-9)
  f.startup = mean(g, function(run) return run.startup or 0.0 end)
  f.jobs_cpu = mean(g, function(run) return run:totals().cpu end)
  f.busy = mean(g, function(run) return run:busy_time() end)
  f.cores = math.max(f.jobs_cpu, 1e-9) / f.wall
  f.at_once = f.busy / f.wall
  f.waiting = f.busy > 0 and mean(g, function(run) return run:usage().waited end) / f.busy or 0.0
  return f
end


local function find(list, model)
  for _, g in ipairs(list) do
    if g.model == model then return g, figures(g) end
  end
end


--- The best one computed on several cores at once.
local function parallel(best, f, list)
  if f.cores < 1.2 then return nil end
  local text = ("%s kept %.2f cores busy with the jobs (%s CPU in %s)"):format(best.label, f.cores,
    seconds(f.jobs_cpu), seconds(f.wall))
  local threads, t = find(list, "threads")
  if threads and t.gil_share > 0.05 then
    text = text .. (", while %s spent %s of their time waiting for the GIL"):format(threads.label,
      percent(t.gil_share))
  end
  return text
end


--- The jobs wait, and the best one had many of them under way at once.
local function overlapping(best, f, list)
  local sequential, s = find(list, "sequential")
  local waiting = sequential and s.waiting or f.waiting
  if waiting < 0.1 or f.at_once < 1.2 then return nil end
  return ("the jobs spend %s of their time waiting, and %s had %.1f of them under way at once")
    :format(percent(waiting), best.label, f.at_once)
end


local function locked(_, _, list)
  for _, g in ipairs(list) do
    local f = figures(g)
    if f.lock_share > 0.2 then
      return ("a lock lets one worker through at a time: %s spent %s of their time waiting for it")
        :format(g.label, percent(f.lock_share))
    end
  end
end


local function gil(best, _, list)
  local threads, t = find(list, "threads")
  if not threads or threads == best or t.gil_share < 0.05 then return nil end
  return ("%s spent %s of their time waiting for the GIL"):format(threads.label,
    percent(t.gil_share))
end


--- Nothing ran at once to speak of: what the models cost beside the jobs decided.
local function costs(best, f, list)
  local other = list[2]
  local o = figures(other)
  return ("hardly anything ran at once, so what a model costs decides: %s used %s of CPU and was "
    .. "ready after %s, %s %s after %s"):format(best.label, seconds(f.cpu), seconds(f.startup),
    other.label, seconds(o.cpu), seconds(o.startup))
end


--- Where jobs arrive one by one: how long they waited for a worker, and ran.
local function answered(best, _, list)
  local parts = {}
  for i, g in ipairs { best, list[#list] } do
    local wait = mean(g, function(run) return run:totals().wait.mean end)
    local ran = mean(g, function(run) return run:totals().run.mean end)
    parts[i] = ("%s %s and ran %s"):format(i == 1 and "there a job waited" or "under " .. g.label,
      seconds(wait), seconds(ran))
  end
  return table.concat(parts, ", ") .. " in the mean"
end


local function reason(list, measure)
  local best = list[1]
  local f = figures(best)
  if measure == quickness then
    local threads = gil(best, f, list)
    return answered(best, f, list) .. (threads and "; " .. threads or "")
  end
  local lock = locked(best, f, list)
  if lock and f.cores < 1.2 then return lock end
  return parallel(best, f, list) or overlapping(best, f, list) or lock or gil(best, f, list)
    or costs(best, f, list)
end


-- The answer -------------------------------------------------------------------------------------

local FATES = {
  { "failed", "failed" }, { "timeout", "timed out" }, { "skipped", "had to be skipped" },
  { "left", "never began" },
}

--- Why no job was done: what became of all of them.
local function fates(groups)
  local parts = {}
  for _, fate in ipairs(FATES) do
    local sum = 0
    for _, g in ipairs(groups) do
      for _, run in ipairs(g.runs) do sum = sum + run:totals()[fate[1]] end
    end
    local jobs = #parts == 0 and report_text.count(sum, "job") or tostring(sum)
    if sum > 0 then parts[#parts + 1] = ("%s %s"):format(jobs, fate[2]) end
  end
  return #parts > 0 and table.concat(parts, ", ") or "there were no jobs"
end


--- The groups from the best to the worst.
local function ranked(groups, measure)
  local list, order = table.move(groups, 1, #groups, 1, {}), {}
  for i, g in ipairs(groups) do order[g] = { mean(g, measure), i } end
  table.sort(list, function(a, b)
    local x, y = order[a], order[b]
    if x[1] ~= y[1] then return x[1] > y[1] end
    return x[2] < y[2]
  end)
  return list
end


--- Judges groups of runs.
---@param groups heddle.comparison.Group[]  that came to their end
---@param interrupted? boolean  whether there would have been more
---@return heddle.comparison.Group? best  nil when nothing was done
---@return string answer  one line
---@return string why
function comparison_judge.judge(groups, interrupted)
  local measure = all_arrive(groups) and quickness or work_per_second
  local list = ranked(groups, measure)
  local best = list[1]
  local early = interrupted and "the comparison was interrupted"
  if not best then
    return nil, "no model came to its end: there is nothing to compare", early or "none was run"
  end
  if mean(best, measure) == 0 then
    return nil, "no job was done: there is nothing to compare", fates(list)
  end
  if #list == 1 then
    return best, ("only %s came to the end"):format(best.label), early or "no other was run"
  end
  local parts = {}
  for _, other in ipairs(others(list)) do parts[#parts + 1] = compared(best, other, measure) end
  local answer = ("%s %s fastest: %s"):format(best.label,
    measure == quickness and "answered" or "ran", table.concat(parts, ", "))
  return best, answer, reason(list, measure)
end


return comparison_judge
