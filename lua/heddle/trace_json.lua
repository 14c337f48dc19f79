--- A timeline as Chrome trace events (JSON), for Perfetto, speedscope and their like.
-- Only the core of the format: X slices that nest on each OS thread's lane; async b/n/e for jobs,
-- and for the waits of tasks that share an OS thread; s/t/f arrows from a job's submission to its
-- start and its result; C counters; M names and order; i for kills. Times in microseconds since
-- the recording began, in steps of 1/64: readers add ts and dur as binary fractions, and a sum that
-- is not exact makes neighbours overlap.
-- Stands on: heddle.json, heddle.report_write, heddle.timeline, heddle.trace_counters.

local json = require "heddle.json"
local report_write = require "heddle.report_write"
local timeline = require "heddle.timeline"
local trace_counters = require "heddle.trace_counters"

local trace_json = {}

local RUNNING, RUNNABLE = 1, 2
local CATEGORIES = { "run", "gil", "lock", "io", "idle" }
local STEPS = 5000 -- moments at which a counter may change


local PARTS = 64         -- of a microsecond
local DIGITS = 1000000 // PARTS

--- Nanoseconds in parts of a microsecond.
local function steps(nanoseconds)
  return nanoseconds * PARTS // 1000
end


--- Parts of a microsecond as microseconds.
local function micro(n)
  return ("%d.%06d"):format(n // PARTS, n % PARTS * DIGITS)
end


--- Texts as JSON; the same few come again and again.
local quoted = setmetatable({}, {
  __index = function(self, text)
    self[text] = json.encode(text)
    return rawget(self, text)
  end,
})


--- Adds an event. Events of one moment keep this order: `rank`, then as they were added.
local function add(out, at, rank, text)
  local n = #out + 1
  out[n] = { at = at, rank = rank, n = n, text = text }
end


local function event(out, ph, thread, at, rank, rest)
  add(out, at, rank, ('{"ph":"%s","pid":%d,"tid":%d,"ts":%s,%s}'):format(
    ph, thread.pid, thread.tid, micro(steps(at - out.from)), rest))
end


-- Names ----------------------------------------------------------------------------------------

local function meta(out, thread, what, args)
  event(out, "M", thread, out.from, math.mininteger, ('"name":"%s","args":{%s}'):format(what, args))
end


local function name_threads(out, lanes)
  local seen, processes = out.threads, out.processes
  for _, lane in ipairs(lanes) do
    local thread = lane.thread
    if not processes[thread.pid] then
      processes[thread.pid] = true
      meta(out, thread, "process_name", '"name":' .. quoted["heddle: " .. thread.name])
      meta(out, thread, "process_sort_index", '"sort_index":' .. thread.order)
    end
    if not seen[thread.tid] then
      seen[thread.tid] = true
      meta(out, thread, "thread_name", '"name":' .. quoted[thread.name])
      meta(out, thread, "thread_sort_index", '"sort_index":' .. thread.order)
    end
  end
end


-- Slices ---------------------------------------------------------------------------------------

local function task_name(self, id)
  local lane = id and self.by_task[id]
  return lane and (lane.name or "Task-" .. id)
end


local function details(self, lane, i)
  local parts = { ('"state":"%s"'):format(timeline.STATES[lane.state[i]]) }
  local holder, waker = task_name(self, lane.holder[i]), task_name(self, lane.waker[i])
  if lane.what[i] then parts[#parts + 1] = '"for":' .. quoted[lane.what[i]] end
  if holder then parts[#parts + 1] = '"held by":' .. quoted[holder] end
  if waker then parts[#parts + 1] = '"woken by":' .. quoted[waker] end
  return '"args":{' .. table.concat(parts, ",") .. "}"
end


local function slice(out, thread, from, till, rest)
  local length = steps(till - out.from) - steps(from - out.from)
  if length == 0 then return end
  -- of two that begin together the longer is the outer one
  event(out, "X", thread, from, from - till, ('"dur":%s,%s'):format(micro(length), rest))
end


--- The last slice of a run that begins at slice `i`: waits for the GIL within it are part of it.
local function end_of_run(lane, i)
  while i + 2 <= lane.n and lane.what[i + 1] == "the GIL" and lane.state[i + 1] == RUNNABLE
    and lane.state[i + 2] == RUNNING and lane.at[i + 1] == lane.till[i]
    and lane.at[i + 2] == lane.till[i + 1] do
    i = i + 2
  end
  return i
end


local function add_run(out, self, lane, i)
  local last = end_of_run(lane, i)
  slice(out, lane.thread, lane.at[i], lane.till[last],
    ('"cat":"run","name":%s,"args":{"task":%d}'):format(quoted[lane.name], lane.task))
  for k = i + 1, last - 1, 2 do
    slice(out, lane.thread, lane.at[k], lane.till[k],
      '"cat":"gil","name":"waiting for the GIL",' .. details(self, lane, k))
  end
  return last
end


local function wait_name(lane, i)
  local what = lane.what[i]
  if lane.state[i] == RUNNABLE then return "waiting for " .. (what or "its turn") end
  return what or timeline.STATES[lane.state[i]]
end


--- A wait: on the thread's own lane, or beside it where other tasks run meanwhile.
local function add_wait(out, self, lane, i, alone)
  local head = ('"cat":"%s","name":%s'):format(CATEGORIES[lane.state[i]],
    quoted[wait_name(lane, i)])
  if alone then
    slice(out, lane.thread, lane.at[i], lane.till[i], head .. "," .. details(self, lane, i))
    return
  end
  head = head .. (',"id":"%d.%d"'):format(lane.task, i)
  event(out, "b", lane.thread, lane.at[i], 1, head .. "," .. details(self, lane, i))
  event(out, "e", lane.thread, lane.till[i], 0, head)
end


local function add_lane(out, self, lane, alone)
  local i = 1
  while i <= lane.n do
    if lane.state[i] == RUNNING then
      i = add_run(out, self, lane, i)
    else
      add_wait(out, self, lane, i, alone)
    end
    i = i + 1
  end
end


local function add_lanes(out, self)
  local count = {}
  for _, lane in ipairs(self.lanes) do
    if lane.n > 0 then count[lane.thread.tid] = (count[lane.thread.tid] or 0) + 1 end
  end
  for _, lane in ipairs(self.lanes) do
    add_lane(out, self, lane, count[lane.thread.tid] == 1)
  end
end


-- Jobs -----------------------------------------------------------------------------------------

local function thread_of(self, task)
  local lane = task and self.by_task[task]
  return lane and lane.thread
end


local function arrow(out, ph, job, thread, at, rest)
  event(out, ph, thread, at, 2, ('"cat":"job","name":"job","id":"%d.%d"%s'):format(
    job.group, job.number, rest or ""))
end


--- submit -> start -> result, as far as it went.
local function add_arrows(out, self, job, worker)
  local submitter, receiver = thread_of(self, job.submitter), thread_of(self, job.receiver)
  if not submitter then return end
  arrow(out, "s", job, submitter, math.max(self.from, math.min(job.queued, job.started)))
  if receiver and job.result and job.result >= job.started then
    arrow(out, "t", job, worker, job.started)
    arrow(out, "f", job, receiver, job.result, ',"bp":"e"')
  else
    arrow(out, "f", job, worker, job.started, ',"bp":"e"')
  end
end


local function add_job(out, self, job)
  local worker = thread_of(self, job.worker)
  if not worker then return end
  local head = ('"cat":"job","name":%s,"id":"job %d.%d"'):format(
    quoted[(job.kind or "job") .. " #" .. job.number], job.group, job.number)
  local begun = math.max(self.from, math.min(job.queued or job.started, job.started))
  local ended = job.ended or self.to
  event(out, "b", worker, begun, 1, head)
  event(out, "n", worker, job.started, 2, head .. ',"args":{"step":"started"}')
  event(out, "e", worker, math.max(ended, job.started), 3,
    ('%s,"args":{"status":%s}'):format(head, quoted[job.status or "unfinished"]))
  if job.queued then add_arrows(out, self, job, worker) end
end


-- Counters and kills ---------------------------------------------------------------------------

local function add_counter(out, thread, name, points, unit)
  for i, at in ipairs(points.times) do
    event(out, "C", thread, at, 4, ('"name":%s,"args":{"%s":%d}'):format(
      quoted[name], unit, points.items[i]))
  end
end


local function add_counters(out, self)
  local first = self.lanes[1]
  if not first then return end
  for _, counter in ipairs(trace_counters.all(self, STEPS)) do
    add_counter(out, first.thread, counter.name, counter, counter.unit)
  end
end


local function add_kills(out, self)
  for _, kill in ipairs(self.kills) do
    local how = kill.status < 0 and "killed: signal " .. -kill.status
      or "ended: status " .. kill.status
    event(out, "i", kill.thread, kill.at, 5, ('"s":"p","cat":"kill","name":"%s"'):format(how))
  end
end


-- Text and files -------------------------------------------------------------------------------

local function earlier(a, b)
  if a.at ~= b.at then return a.at < b.at end
  if a.rank ~= b.rank then return a.rank < b.rank end
  return a.n < b.n
end


local function add_timeline(out, self)
  name_threads(out, self.lanes)
  add_lanes(out, self)
  for _, job in ipairs(self.jobs) do
    if job.started and job.started >= self.from then add_job(out, self, job) end
  end
  add_counters(out, self)
  add_kills(out, self)
end


--- The events of timelines that follow each other, in the order of time, each as JSON text.
---@param timelines heddle.timeline.Timeline[]
---@return table[] events  with a field `text`
function trace_json.events(timelines)
  local out = { from = timelines[1].from, threads = {}, processes = {} }
  for text in pairs(quoted) do quoted[text] = nil end
  for _, self in ipairs(timelines) do add_timeline(out, self) end
  table.sort(out, earlier)
  return out
end


local function write_events(file, timelines)
  local events, batch = trace_json.events(timelines), {}
  local ok, why, code = file:write('{"displayTimeUnit":"ms","otherData":{"program":"heddle",',
    ('"lost":%d},"traceEvents":[\n'):format(timelines[#timelines].lost))
  for i, e in ipairs(events) do
    batch[#batch + 1] = e.text .. (i < #events and ",\n" or "\n")
    if ok and (#batch == 1000 or i == #events) then
      ok, why, code = file:write(table.concat(batch))
      batch = {}
    end
  end
  if ok then ok, why, code = file:write "]}\n" end
  return ok, why, code
end


local function shell_word(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end


--- Opens a file for writing; through gzip if its name says so.
local function open(path)
  if path == "-" then return io.stdout end
  local file, why, code = io.open(path, "w")
  if not file or not path:find "%.gz$" then return file, why, code end
  file:close()
  return io.popen("exec gzip -c >" .. shell_word(path), "w")
end


--- Writes timelines as Chrome trace events; gzipped when the path ends in ".gz".
---@param timelines heddle.timeline.Timeline[]  one or more, in the order of time; none overlap
---@param path string
---@return true|nil ok  nil, message, code when the file can't be written
---@return string? message
---@return string? code
function trace_json.write(timelines, path)
  local file, why, code = open(path)
  if not file then return report_write.failure(why, code) end
  local ok, message, number = write_events(file, timelines)
  local closed, how, status
  if file == io.stdout then
    closed, how, status = file:flush()
  else
    closed, how, status = file:close()
  end
  if ok and closed then return true end
  if ok and how == "exit" then return nil, ("%s: gzip failed"):format(path), "EIO" end
  message, number = message or how, number or status
  return report_write.failure(("%s: %s"):format(path, message), number)
end


return trace_json
