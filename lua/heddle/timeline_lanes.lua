--- Which lanes of a timeline a picture shows: one for each OS thread's own task and for each task
-- that has a name or lived for a while. What is left, short tasks and the library's own, is drawn
-- in the lane of its OS thread: so one sees what the thread did while its own task waited for it.
-- Tasks of one name that follow each other on a thread, as a pool's jobs, share a lane.
-- Stands on: nothing.

local timeline_lanes = {}

local MOST = 40    -- lanes of tasks of one OS thread
local SHORT = 0.02 -- of the axis: a nameless task that lived for less has no lane of its own
local IDLE = 5


local function has_own(self, lane)
  if lane.main or lane.named then return true end
  if lane.internal then return false end
  return lane.till[lane.n] - lane.at[1] > SHORT * (self.to - self.from)
end


--- The lanes that make up one, by what they have in common.
local function group(self)
  local groups, by_key, count = {}, {}, {}
  local function add(key, lane, hidden)
    local g = by_key[key]
    if not g then
      g = { lanes = {}, hidden = 0 }
      by_key[key], groups[#groups + 1] = g, g
    end
    table.insert(g.lanes, lane)
    if hidden then g.hidden = g.hidden + 1 end
  end
  for _, lane in ipairs(self.lanes) do
    local thread = lane.thread
    local own = lane.n > 0 and has_own(self, lane)
    count[thread] = (count[thread] or 0) + (own and 1 or 0)
    if own and lane.main then
      add(thread, lane)
    elseif own and count[thread] <= MOST then
      add(lane.named and ("%s\0%s"):format(thread, lane.name) or lane, lane)
    elseif lane.n > 0 then
      add(thread, lane, not lane.internal)
    end
  end
  return groups
end


local function by_time(a, b)
  if a.time ~= b.time then return a.time < b.time end
  return a.step < b.step -- ends first
end


--- When the slices of all lanes begin and end; an idle one tells nothing beside others.
local function changes_of(lanes)
  local list = {}
  for k, lane in ipairs(lanes) do
    for i = 1, lane.n do
      if k == 1 or lane.state[i] ~= IDLE then
        local slice = { lane = lane, i = i, state = lane.state[i] }
        list[#list + 1] = { time = lane.at[i], step = 1, slice = slice }
        list[#list + 1] = { time = lane.till[i], step = 0, slice = slice }
      end
    end
  end
  table.sort(list, by_time)
  return list
end


local function append(out, slice, from, till)
  if not slice or till <= from then return end
  local n, lane, i = out.n, slice.lane, slice.i
  if n > 0 and out.till[n] == from and out.state[n] == slice.state
    and out.what[n] == lane.what[i] and out.holder[n] == lane.holder[i] then
    out.till[n], out.waker[n] = till, lane.waker[i]
    return
  end
  n = n + 1
  out.n, out.state[n], out.at[n], out.till[n] = n, slice.state, from, till
  out.what[n], out.holder[n], out.waker[n] = lane.what[i], lane.holder[i], lane.waker[i]
end


--- Lanes of one OS thread as one: of what they do at a time the first of the five states counts.
local function folded(lanes)
  local out = setmetatable({
    n = 0, state = {}, at = {}, till = {}, what = {}, holder = {}, waker = {},
  }, { __index = lanes[1] })
  local active, now, current = { {}, {}, {}, {}, {} }, nil, nil
  for _, change in ipairs(changes_of(lanes)) do
    append(out, current, now, change.time)
    now = change.time
    local set = active[change.slice.state]
    set[change.slice] = change.step == 1 or nil
    current = nil
    for state = 1, 5 do
      current = current or next(active[state])
    end
  end
  return out
end


--- The lanes to draw, with `members`: the tasks that each shows.
---@param self heddle.timeline.Timeline
---@return heddle.timeline.Lane[] lanes
---@return integer folded  how many tasks of the program's have no lane of their own
function timeline_lanes.shown(self)
  local out, hidden = {}, 0
  for _, g in ipairs(group(self)) do
    local lane = #g.lanes == 1 and setmetatable({}, { __index = g.lanes[1] }) or folded(g.lanes)
    lane.members = {}
    for i, member in ipairs(g.lanes) do lane.members[i] = member.task end
    hidden = hidden + g.hidden
    out[#out + 1] = lane
  end
  return out, hidden
end


return timeline_lanes
