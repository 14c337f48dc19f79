--- A timeline in the compact form that the HTML report carries.
-- A lane is a list of triples (duration, state, index of what it was about), one after the other
-- without a gap, state 0 where the lane was not there; times in tenths of a microsecond.
-- Stands on: heddle.json, heddle.timeline, heddle.timeline_lanes, heddle.trace_counters.

local json = require "heddle.json"
local timeline = require "heddle.timeline"
local timeline_lanes = require "heddle.timeline_lanes"
local trace_counters = require "heddle.trace_counters"

local report_timeline = {}

local UNIT = 100        -- nanoseconds
local MOST = 250000     -- slices that a page carries; more are merged
local FINEST = 1000000  -- parts of the axis: slices shorter than one are merged first
local MOST_JOBS = 60000
local STEPS = 2000      -- moments at which a counter may change


local function units(nanoseconds)
  return nanoseconds // UNIT
end


-- Merging ----------------------------------------------------------------------------------------

local function flush(out, block)
  if not block.from then return end
  local best = 1
  for state = 2, 5 do
    if block[state] > block[best] then best = state end
  end
  local n = out.n + 1
  out.n, out.state[n], out.at[n], out.till[n] = n, best, block.from, block.till
  if block.count > 1 then out.what[n] = ("%d short slices"):format(block.count) end
  block.from = nil
end


--- Puts neighbours that are together shorter than `least` into one slice of the state that most of
--- it was.
local function merged(lane, least)
  local out = setmetatable({
    n = 0, state = {}, at = {}, till = {}, what = {}, holder = {}, waker = {},
  }, { __index = lane })
  local block = {}
  for i = 1, lane.n do
    local from, till, state = lane.at[i], lane.till[i], lane.state[i]
    if till - from >= least then
      flush(out, block)
      local n = out.n + 1
      out.n, out.state[n], out.at[n], out.till[n] = n, state, from, till
      out.what[n], out.holder[n], out.waker[n] = lane.what[i], lane.holder[i], lane.waker[i]
    else
      if block.from and (till - block.from > least or from ~= block.till) then flush(out, block) end
      if not block.from then
        block.from, block.count = from, 0
        for s = 1, 5 do block[s] = 0 end
      end
      block.till, block.count = till, block.count + 1
      block[state] = block[state] + till - from
    end
  end
  flush(out, block)
  return out
end


local function count(lanes)
  local n = 0
  for _, lane in ipairs(lanes) do n = n + lane.n end
  return n
end


--- Few enough slices; how short those were that had to be merged, 0: none.
local function bounded(lanes, span)
  local least = 0
  while count(lanes) > MOST do
    least = least == 0 and math.max(span // FINEST, UNIT) or least * 2
    for i, lane in ipairs(lanes) do lanes[i] = merged(lane, least) end
  end
  return least
end


-- Lanes ------------------------------------------------------------------------------------------

--- A list whose items are named by their place from 0 on.
local function numbered()
  local list, places = json.list {}, {}
  return list, function(key, item)
    local place = places[key]
    if not place then
      place = #list
      list[place + 1], places[key] = item, place
    end
    return place
  end
end


--- The task as the page names it: the place of its lane, or its name where it has none.
local function who(self, places, task)
  if not task then return nil end
  local lane = self.by_task[task]
  return places[task] or lane and lane.name or ("task %d"):format(task)
end


local function about(self, places, lane, i, place_of)
  local what, holder, waker = lane.what[i], lane.holder[i], lane.waker[i]
  if not (what or holder or waker) then return place_of("", json.list {}) end
  local key = ("%s\0%s\0%s"):format(what, holder, waker)
  return place_of(key, {
    what = what, holder = who(self, places, holder), waker = who(self, places, waker),
  })
end


local function lane_slices(self, places, lane, place_of)
  local out, now = {}, units(self.from)
  for i = 1, lane.n do
    local from, till = units(lane.at[i]), units(lane.till[i])
    if from > now then out[#out + 1] = ("%d,0,0"):format(from - now) end
    if till > from then
      out[#out + 1] = ("%d,%d,%d"):format(till - from, lane.state[i],
        about(self, places, lane, i, place_of))
    end
    now = math.max(now, till)
  end
  return table.concat(out, ",")
end


local function encode_lane(self, places, lane, place_of)
  local thread = lane.thread
  local head = json.encode {
    name = lane.name, model = lane.model, pid = thread.pid, tid = thread.tid,
    outcome = lane.outcome, main = lane.main or false, shares = json.list(timeline.shares(lane)),
  }
  return ('%s,"slices":[%s]}'):format(head:sub(1, -2),
    lane_slices(self, places, lane, place_of))
end


-- Jobs and counters ------------------------------------------------------------------------------

local function encode_jobs(self, places)
  local kinds, kind_of = numbered()
  local out = {}
  for _, job in ipairs(self.jobs) do
    local lane = job.started and places[job.worker]
    if lane and #out < MOST_JOBS then
      local kind = ("%s\0%s"):format(job.kind, job.status)
      out[#out + 1] = ("%d,%d,%d,%d,%d,%d"):format(lane, units(job.started - self.from),
        units((job.ended or self.to) - job.started), job.number,
        kind_of(kind, { kind = job.kind or "job", status = job.status or "unfinished" }),
        job.queued and math.max(0, units(job.started - job.queued)) or -1)
    end
  end
  return table.concat(out, ","), json.encode(kinds)
end


local function encode_counters(self)
  local list = json.list {}
  for i, counter in ipairs(trace_counters.all(self, STEPS)) do
    local points = json.list {}
    for k, time in ipairs(counter.times) do
      points[2 * k - 1], points[2 * k] = units(time - self.from), counter.items[k]
    end
    list[i] = { name = counter.name, unit = counter.unit, points = points }
  end
  return json.encode(list)
end


local function encode_kills(self)
  local list = json.list {}
  for i, kill in ipairs(self.kills) do
    list[i] = { name = kill.thread.name, pid = kill.thread.pid, at = units(kill.at - self.from),
      status = kill.status }
  end
  return json.encode(list)
end


--- Turns a timeline into JSON for the page.
---@param self heddle.timeline.Timeline
---@param label string  what the page calls the run
---@return string json
function report_timeline.encode(self, label)
  local lanes, hidden = timeline_lanes.shown(self)
  local places, texts = {}, {}
  local least = bounded(lanes, self.to - self.from)
  for i, lane in ipairs(lanes) do
    for _, task in ipairs(lane.members) do places[task] = i - 1 end
  end
  local abouts, place_of = numbered()
  place_of("", json.list {})
  for i, lane in ipairs(lanes) do texts[i] = encode_lane(self, places, lane, place_of) end
  local jobs, kinds = encode_jobs(self, places)
  local head = json.encode {
    label = label, span = units(self.to - self.from), lost = self.lost, hidden = hidden,
    merged = units(least),
  }
  return ('%s,"lanes":[%s],"abouts":%s,"jobs":[%s],"kinds":%s,"counters":%s,"kills":%s}'):format(
    head:sub(1, -2), table.concat(texts, ","), json.encode(abouts), jobs, kinds,
    encode_counters(self), encode_kills(self))
end


return report_timeline
