--- Counters over time, from a timeline: tasks that could run, jobs that wait, items in queues.
-- Each has at most one value for each of a number of equal steps of the axis.
-- Stands on: nothing.

local trace_counters = {}

local RUNNING, RUNNABLE = 1, 2

--- Names of the library's own queues: their jobs are counted as those that wait.
local OWN = { "^jobs of ", "^jobs given back", "^answers of ", "^events of " }


--- From changes to values: one point for each step in which something changed. `least`: the
--- highest value of a step is kept, so that no peak is lost.
local function sampled(changes, self, steps)
  table.sort(changes, function(a, b) return a[1] < b[1] end)
  local step = math.max(1, (self.to - self.from) // steps)
  local times, items, value, edge, peak = {}, {}, 0, nil, nil
  local function flush()
    if not edge then return end
    local n = #times
    if peak ~= value then
      n = n + 1
      times[n], items[n] = edge, peak
    end
    if items[n] ~= value then times[n + 1], items[n + 1] = math.max(edge, changes.last), value end
    edge = nil
  end
  for _, change in ipairs(changes) do
    if edge and change[1] - edge >= step then flush() end
    if not edge then edge, peak = change[1], 0 end
    value = change[2] and value + change[2] or change[3]
    peak, changes.last = math.max(peak, value), change[1]
  end
  flush()
  return { times = times, items = items }
end


local function runnable(self)
  local changes = {}
  for _, lane in ipairs(self.lanes) do
    for i = 1, lane.n do
      local state = lane.state[i]
      if (state == RUNNING or state == RUNNABLE) and not lane.internal then
        changes[#changes + 1] = { lane.at[i], 1 }
        changes[#changes + 1] = { lane.till[i], -1 }
      end
    end
  end
  return changes
end


local function waiting_jobs(self)
  local changes = {}
  for _, job in ipairs(self.jobs) do
    local queued = job.queued and math.max(job.queued, self.from)
    if queued and (not job.started or job.started > queued) then
      changes[#changes + 1] = { queued, 1 }
      if job.started then changes[#changes + 1] = { job.started, -1 } end
    end
  end
  return changes
end


local function items_of(depth)
  local changes = {}
  for i, time in ipairs(depth.times) do changes[i] = { time, nil, depth.items[i] } end
  return changes
end


local function add(list, name, unit, changes, self, steps)
  if #changes == 0 then return end
  local counter = sampled(changes, self, steps)
  counter.name, counter.unit = name, unit
  list[#list + 1] = counter
end


local function is_own(name)
  for _, pattern in ipairs(OWN) do
    if name:find(pattern) then return true end
  end
  return false
end


--- All counters of a timeline.
---@param self heddle.timeline.Timeline
---@param steps integer  into how many steps the axis is cut
---@return {name: string, unit: string, times: integer[], items: integer[]}[]
function trace_counters.all(self, steps)
  local list, names = {}, {}
  add(list, "tasks that could run", "tasks", runnable(self), self, steps)
  add(list, "jobs waiting", "jobs", waiting_jobs(self), self, steps)
  for name in pairs(self.depths) do
    if not is_own(name) then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    add(list, name, "items", items_of(self.depths[name]), self, steps)
  end
  return list
end


return trace_counters
