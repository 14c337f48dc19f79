--- What every task did when: lanes of states, made from the recorder's events.
-- Five states: running; waiting for the GIL (or for its turn on an OS thread that runs another
-- task); waiting for a lock; I/O or sleep; idle (waiting for work, or for another's end).
-- Stands on: heddle.trace_records.

local trace_records = require "heddle.trace_records"

---@class heddle.timeline
local timeline = {}

local RUNNING, RUNNABLE, LOCK, IO, IDLE = 1, 2, 3, 4, 5
timeline.STATES = { "running", "waiting for the GIL", "waiting for a lock", "I/O or sleep", "idle" }

local YIELDED, SLEEPS, IN_IO, IN_LINE, DONE = 0, 1, 2, 3, 5 -- enum trace_why
local QUEUED, STARTED, ENDED, RESULT = 0, 1, 2, 3           -- enum trace_job
local FAILED, CANCELLED = 6, 7
local ENDS = { [DONE] = "done", [FAILED] = "failed", [CANCELLED] = "cancelled" }
local PUTTERS = 1 -- a queue's list of those that wait for room
local IDLE_KINDS = { Worker = true, Queue = true, Pipe = true, Event = true, Latch = true }


---@class heddle.timeline.Lane
---@field task integer  the task's id
---@field name string
---@field model string  singular: "thread"
---@field main boolean  the OS thread's own task
---@field internal boolean  a task of the library's own
---@field named boolean  its starter gave it the name
---@field thread heddle.trace_records.Thread
---@field n integer  slices
---@field state integer[]
---@field at integer[]  nanoseconds
---@field till integer[]
---@field what table<integer, string>  what was waited for
---@field holder table<integer, integer>  the task that held what was waited for
---@field waker table<integer, integer>  the task that ended the wait
---@field ended? integer
---@field outcome? string  "done", "failed", "cancelled", "killed"

---@class heddle.timeline.Timeline
---@field from integer  nanoseconds of the monotonic clock
---@field to integer
---@field lost integer  events that were overwritten
---@field lanes heddle.timeline.Lane[]
---@field by_task table<integer, heddle.timeline.Lane>
---@field jobs table[]  group, number, kind, status, queued, started, ended, result (nanoseconds),
---  and the tasks that did these: submitter, worker, receiver
---@field depths table<string, table>  by queue: times, items
---@field kills table[]  thread, at, status


-- Slices ---------------------------------------------------------------------------------------

--- Closes what the lane is in at the moment `now`.
local function close(lane, now, waker)
  local since, state = lane.since, lane.now
  if not state or now <= since then return end
  local deadline = lane.deadline
  if deadline and deadline > since and deadline < now then -- time was up, its turn came later
    lane.deadline = nil
    close(lane, deadline)
    lane.since, lane.now, lane.held = deadline, RUNNABLE, lane.gil
    lane.about = lane.gil and "the GIL" or "its turn"
    return close(lane, now)
  end
  local n = lane.n + 1
  lane.n, lane.state[n], lane.at[n], lane.till[n] = n, state, since, now
  lane.what[n], lane.holder[n], lane.waker[n] = lane.about, lane.held, waker
end


local function enter(lane, now, state, about, held, waker)
  close(lane, now, waker)
  lane.since, lane.now, lane.about, lane.held, lane.deadline = now, state, about, held, nil
end


-- Events ---------------------------------------------------------------------------------------

local function new_lane(self, id)
  local lane = {
    task = id, n = 0, state = {}, at = {}, till = {}, what = {}, holder = {}, waker = {},
  }
  self.by_task[id] = lane
  return lane
end


local function lane_of(self, id)
  return self.by_task[id] or new_lane(self, id)
end


--- The lane gets its place among those of its OS thread.
local function settle(self, lane, thread)
  lane.thread = thread
  self.lanes[#self.lanes + 1] = lane
end


local visit = {}


visit[trace_records.RUN] = function(self, e)
  local lane = lane_of(self, e.task)
  if not lane.thread then settle(self, lane, e.thread) end
  e.thread.current, e.thread.last = lane, lane
  if e.thread.wanted then -- the thread, woken for this task, had to wait for the GIL first
    lane.gil = e.thread.wanted
    if lane.now == RUNNABLE then lane.about, lane.held = "the GIL", lane.gil end
  end
  enter(lane, e.time, RUNNING)
  e.thread.wanted, lane.gil = nil, nil
end


--- The state of a task in line for something.
local function waiting_state(wait)
  if IDLE_KINDS[wait.kind] and not (wait.kind == "Queue" and wait.list == PUTTERS) then
    return IDLE
  end
  return LOCK
end


local function enter_wait(lane, e)
  local why, wait = e.flags, lane.wait
  if why == YIELDED then
    enter(lane, e.time, RUNNABLE, "its turn")
  elseif why == SLEEPS then
    enter(lane, e.time, IO, "sleep")
  elseif why == IN_IO then
    enter(lane, e.time, IO, "I/O")
  elseif why == IN_LINE and wait then
    enter(lane, e.time, waiting_state(wait), wait.name, wait.holder)
  else
    enter(lane, e.time, IDLE, "the end of a task")
  end
  if e.a >= 0 then lane.deadline = e.time + e.a end
end


visit[trace_records.PARK] = function(self, e)
  local lane = lane_of(self, e.task)
  if not lane.thread then -- its slice began before the recorder was on
    settle(self, lane, e.thread)
    enter(lane, self.from, RUNNING)
  end
  e.thread.current = nil
  if ENDS[e.flags] then
    enter(lane, e.time, nil)
    lane.ended, lane.outcome = e.time, ENDS[e.flags]
  else
    enter_wait(lane, e)
  end
end


visit[trace_records.WAIT] = function(self, e)
  local number = e.a & 0xffffffff
  local kind = self.names.words[e.a >> 32] or "object"
  lane_of(self, e.task).wait = {
    kind = kind, list = e.extra, holder = e.b ~= 0 and e.b or nil,
    name = self.names.objects[number] or ("%s-%d"):format(kind, number),
  }
end


visit[trace_records.WAKE] = function(self, e)
  local lane, waker = lane_of(self, e.task), e.a ~= 0 and e.a or nil
  if lane.ended or lane.now == RUNNING or lane.now == RUNNABLE then return end
  enter(lane, e.time, RUNNABLE, "its turn", nil, waker)
  if e.extra == 1 then lane.starter = waker end
end


visit[trace_records.WANT] = function(self, e)
  local lane = e.thread.current
  e.thread.holder = self.by_seat[e.a - 1]
  if lane and lane.now == RUNNING then enter(lane, e.time, RUNNABLE, "the GIL") end
end


--- The task for which another thread held the GIL has begun to run by now, if it was just woken.
visit[trace_records.HAVE] = function(_, e)
  local lane, holder = e.thread.current, e.thread.holder
  local held = holder and holder.last and holder.last.task
  e.thread.holder = nil
  if not lane then
    e.thread.wanted = held
  elseif lane.now == RUNNABLE then
    lane.held = held
    enter(lane, e.time, RUNNING)
  end
end


visit[trace_records.JOB] = function(self, e)
  local job = self.job_by_key[e.a]
  if not job then
    job = { group = e.a >> 32, number = e.a & 0xffffffff }
    self.job_by_key[e.a] = job
    self.jobs[#self.jobs + 1] = job
  end
  local word, task = e.b ~= 0 and self.names.words[e.b] or nil, e.task ~= 0 and e.task or nil
  if e.flags == QUEUED then
    job.queued, job.kind, job.submitter = e.time, word, task
  elseif e.flags == STARTED then
    job.started, job.worker, job.ended, job.status = e.time, task, nil, nil
  elseif e.flags == ENDED then
    job.ended, job.status = e.time, word
  elseif e.flags == RESULT then
    job.result, job.receiver = e.time, task
  end
end


visit[trace_records.DEPTH] = function(self, e)
  local name = self.names.objects[e.a] or ("Queue-%d"):format(e.a)
  local depth = self.depths[name]
  if not depth then
    depth = { times = {}, items = {} }
    self.depths[name] = depth
  end
  local n = #depth.times + 1
  depth.times[n], depth.items[n] = e.time, e.b
end


visit[trace_records.KILLED] = function(self, e)
  local killed = e.a ~= 0 -- else it ended by itself
  if killed then self.kills[#self.kills + 1] = { thread = e.thread, at = e.time, status = e.a } end
  for _, lane in ipairs(self.lanes) do
    if lane.thread == e.thread and not lane.ended then
      enter(lane, e.time, nil)
      lane.ended, lane.outcome = e.time, killed and "killed" or "done"
    end
  end
end


-- Making one -----------------------------------------------------------------------------------

local function name_lanes(self)
  for _, lane in ipairs(self.lanes) do
    local task = self.names.tasks[lane.task] or {}
    lane.model, lane.main, lane.internal = task.model or "coroutine", task.main, task.internal
    lane.named = task.name ~= nil
    if task.name then
      lane.name = task.name
    elseif lane.main then
      lane.name = lane.thread.name
    else
      lane.name = ("Task-%d"):format(task.number or lane.task)
    end
  end
end


--- The order of lanes: by OS thread in the order of their starts, its own task first.
local function in_order(a, b)
  if a.thread.order ~= b.thread.order then return a.thread.order < b.thread.order end
  if a.main ~= b.main then return a.main == true end
  return a.task < b.task
end


local function finish(self, now)
  for _, lane in ipairs(self.lanes) do
    if not lane.ended then enter(lane, math.max(now, lane.since or now), nil) end
  end
  for _, lane in pairs(self.by_task) do
    for _, field in ipairs { "since", "now", "about", "held", "deadline", "wait", "gil" } do
      lane[field] = nil
    end
  end
  name_lanes(self)
  table.sort(self.lanes, in_order)
  self.names, self.job_by_key, self.by_seat = nil, nil, nil
end


--- What the rings of the last recording tell.
---@param from integer  nanoseconds of the monotonic clock: when the recorder was turned on
---@param to integer  until when it recorded
---@return heddle.timeline.Timeline
function timeline.take(from, to)
  local taken = trace_records.take()
  local self = {
    from = from, to = to, lost = taken.lost, lanes = {}, by_task = {}, jobs = {}, depths = {},
    kills = {}, names = taken.names, job_by_key = {}, by_seat = {},
  }
  local last = from
  for _, thread in ipairs(taken.threads) do self.by_seat[thread.seat] = thread end
  taken.each(function(e)
    self.by_seat[e.thread.seat] = e.thread
    last = e.time
    visit[e.kind](self, e)
  end)
  self.to = math.max(to, last)
  finish(self, self.to)
  return self
end


-- Looking at one -------------------------------------------------------------------------------

--- The index of the first slice of a lane that ends after `moment`; n + 1 when none does.
---@param lane heddle.timeline.Lane
---@param moment integer
---@return integer
function timeline.first_after(lane, moment)
  local low, high = 1, lane.n + 1
  while low < high do
    local middle = (low + high) // 2
    if lane.till[middle] > moment then high = middle else low = middle + 1 end
  end
  return low
end


local function clip_lane(lane, from, to)
  local copy = setmetatable({
    n = 0, state = {}, at = {}, till = {}, what = {}, holder = {}, waker = {},
  }, { __index = lane })
  local i = timeline.first_after(lane, from)
  while i <= lane.n and lane.at[i] < to do
    local n = copy.n + 1
    copy.n, copy.state[n] = n, lane.state[i]
    copy.at[n], copy.till[n] = math.max(from, lane.at[i]), math.min(to, lane.till[i])
    copy.what[n], copy.holder[n], copy.waker[n] = lane.what[i], lane.holder[i], lane.waker[i]
    i = i + 1
  end
  return copy
end


local function clip_depths(depths, from, to)
  local out = {}
  for name, depth in pairs(depths) do
    local copy = { times = {}, items = {} }
    for i, time in ipairs(depth.times) do
      if time >= from and time <= to then
        copy.times[#copy.times + 1], copy.items[#copy.items + 1] = time, depth.items[i]
      end
    end
    if #copy.times > 0 then out[name] = copy end
  end
  return out
end


--- Those that began before `to` and were not over before `from`.
local function jobs_within(jobs, from, to)
  local out = {}
  for _, job in ipairs(jobs) do
    local begun = job.queued or job.started or job.ended
    local over = job.result or job.ended or math.huge
    if begun and begun <= to and over >= from then out[#out + 1] = job end
  end
  return out
end


local function kills_within(kills, from, to)
  local out = {}
  for _, kill in ipairs(kills) do
    if kill.at >= from and kill.at <= to then out[#out + 1] = kill end
  end
  return out
end


--- The part of a timeline between two moments.
---@param self heddle.timeline.Timeline
---@param from integer  nanoseconds
---@param to integer
---@return heddle.timeline.Timeline
function timeline.clip(self, from, to)
  local out = {
    from = from, to = to, lost = self.lost, lanes = {}, by_task = {},
    jobs = jobs_within(self.jobs, from, to), depths = clip_depths(self.depths, from, to),
    kills = kills_within(self.kills, from, to),
  }
  for _, lane in ipairs(self.lanes) do
    local copy = clip_lane(lane, from, to)
    out.by_task[lane.task] = copy
    if copy.n > 0 then out.lanes[#out.lanes + 1] = copy end
  end
  return out
end


--- Takes over from a report when each job was put into the queue, which a service does while it
--- goes on, and when it was due.
---@param self heddle.timeline.Timeline  of one run
---@param report heddle.report.Report
function timeline.correct_jobs(self, report)
  if not report.t0 then return end
  for _, job in ipairs(self.jobs) do
    local record = report.jobs[job.number + 1]
    local queued = record and record.queued
    if queued then job.queued = math.floor((report.t0 + queued) * 1e9) end
  end
end


--- How long each state lasted in a lane, in nanoseconds.
---@param lane heddle.timeline.Lane
---@return integer[] by state
function timeline.shares(lane)
  local sums = { 0, 0, 0, 0, 0 }
  for i = 1, lane.n do
    sums[lane.state[i]] = sums[lane.state[i]] + lane.till[i] - lane.at[i]
  end
  return sums
end


return timeline
