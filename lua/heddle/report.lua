--- What a run of the service measured: totals, kinds of jobs, workers; as text, JSON, CSV,
-- Markdown and HTML. Times are seconds since the run's start.
-- Speed-up is the wall time of a sequential run of the same jobs over this run's wall time; where
-- there was none, the jobs' summed CPU seconds over the wall time, which is what one core would
-- have needed at this run's pace. The label says which.
-- Stands on: heddle.percentiles, heddle.report_text, heddle.report_write.

local percentiles = require "heddle.percentiles"
local report_text = require "heddle.report_text"
local report_write = require "heddle.report_write"

---@class heddle.report
local report = {}

--- What a run measured.
---@class heddle.report.Report
---@field model string
---@field worker_count integer
---@field seed integer
---@field cores integer
---@field jobs table[]  the jobs' records, in the order of their numbers
---@field wall number  seconds to the last job's end
---@field t0? number  heddle.now() at the start
---@field startup? number  seconds until the last worker was ready
---@field peak_memory? integer  bytes, of this process and the workers' own
---@field arriving? boolean  whether the jobs arrived one by one, not all of them at the start
---@field interrupted? boolean  whether it was stopped by Ctrl-C
---@field sequential_wall? number  of a sequential run of the same jobs
---@field round? integer  of a comparison
local methods = {}
local meta = { __index = methods, __name = "heddle.report" }


--- Makes a report of what a service wrote down.
---@param data table  model, worker_count, seed, cores, jobs, workers_seen, wall, gil, interrupted …
---@return heddle.report.Report
function report.new(data)
  return setmetatable(data, meta)
end


function meta:__tostring()
  return self:text()
end


-- Figures ----------------------------------------------------------------------------------------

local function ratio(a, b)
  return b > 0 and a / b or 0.0
end


--- A job's figures, from a record.
local function row_of_record(jobs, i)
  local job = jobs[i]
  return job.status, job.due, job.started, job.ended, job.cpu or 0.0, job.kind
end


---@class heddle.report.Totals
---@field done integer
---@field failed integer
---@field timeout integer
---@field skipped integer
---@field left integer
---@field wall number
---@field cpu number  the jobs' summed CPU seconds
---@field throughput number  jobs done per second
---@field speedup number
---@field wait heddle.percentiles.Spread  from when a job was due until it began; empty: none ended
---@field run heddle.percentiles.Spread  from when it began until it ended
---@field total heddle.percentiles.Spread  from when it was due until it ended

local function new_sum()
  return {
    done = 0, failed = 0, timeout = 0, skipped = 0, left = 0, running = 0, earlier = 0, cpu = 0.0,
    wait = percentiles.new(), run = percentiles.new(), total = percentiles.new(),
  }
end


local function take_in(sum, status, due, started, ended, cpu)
  sum[status] = sum[status] + 1
  sum.cpu = sum.cpu + cpu
  if not ended then return end
  sum.wait:add(started - due)
  sum.run:add(ended - started)
  sum.total:add(ended - due)
end


--- Goes through the jobs; `of(kind)` is the sum that a job of this kind goes into.
local function go_through(jobs, of)
  local row = jobs.row or row_of_record
  for i = 1, #jobs do
    local status, due, started, ended, cpu, kind = row(jobs, i)
    take_in(of(kind), status, due, started, ended, cpu)
  end
end


--- The sums of all jobs and of each kind, made once.
local function sums(self)
  if self.summed then return self.summed end
  local kinds, number = {}, 0
  go_through(self.jobs, function(kind)
    if not kinds[kind] then kinds[kind], number = new_sum(), number + 1 end
    return kinds[kind]
  end)
  local all = number == 1 and select(2, next(kinds)) or new_sum()
  if number > 1 then go_through(self.jobs, function() return all end) end
  self.summed = { all = all, kinds = kinds }
  return self.summed
end


--- Turns a sum into a row of figures.
local function figures(self, sum)
  local t = {
    done = sum.done, failed = sum.failed, timeout = sum.timeout, skipped = sum.skipped,
    left = sum.left + sum.running, wall = self.wall, cpu = sum.cpu,
  }
  t.throughput = ratio(t.done, self.wall)
  t.speedup = ratio(self.sequential_wall or t.cpu, self.wall)
  t.wait, t.run = sum.wait:spread() or {}, sum.run:spread() or {}
  t.total = sum.total:spread() or {}
  return t
end


--- The run in one row.
---@return heddle.report.Totals
function methods:totals()
  return figures(self, sums(self).all)
end


--- The same as `totals` for each kind of job, by its name.
---@return table<string, heddle.report.Totals>
function methods:kinds()
  local kinds = {}
  for kind, sum in pairs(sums(self).kinds) do kinds[kind] = figures(self, sum) end
  return kinds
end


--- What the speed-up compares the wall time with.
---@return string
function methods:speedup_label()
  return self.sequential_wall and "sequential wall / wall" or "the jobs' summed CPU seconds / wall"
end


---@class heddle.report.Worker
---@field name string
---@field jobs integer
---@field busy number  its jobs' CPU seconds as a share of the wall time
---@field gil_wait number  seconds
---@field lock_wait number  seconds, for the locks that the mix names
---@field voluntary integer  switches of an OS thread of its own by waiting; 0 for a coroutine
---@field involuntary integer  switches of that OS thread by having had its share
---@field memory integer  bytes of its Lua heap at the end; 0 if it died

--- Each worker's share.
---@return heddle.report.Worker[]
function methods:workers()
  local list = {}
  for i, worker in ipairs(self.workers_seen) do
    list[i] = {
      name = worker.name, jobs = worker.jobs or 0, busy = ratio(worker.cpu or 0.0, self.wall),
      gil_wait = worker.gil_wait or 0.0, lock_wait = worker.lock_wait or 0.0,
      voluntary = worker.voluntary or 0, involuntary = worker.involuntary or 0,
      memory = worker.memory or 0,
    }
  end
  return list
end


---@class heddle.report.Usage
---@field cpu number  CPU seconds of the workers and of the service, all told
---@field gil_wait number  seconds, of all workers together
---@field gil_share number  of the workers' time that went into waiting for the GIL
---@field lock_wait number
---@field lock_share number
---@field waited number  seconds that jobs waited for input, output and time to pass
---@field voluntary integer  switches of OS threads
---@field involuntary integer

--- What the run used as a whole.
---@return heddle.report.Usage
function methods:usage()
  local own = self.own or { cpu = 0.0, voluntary = 0, involuntary = 0 }
  local u = {
    cpu = own.cpu, voluntary = own.voluntary, involuntary = own.involuntary, lock_wait = 0.0,
    gil_wait = self.gil and self.gil.wait or 0.0, waited = 0.0,
  }
  for _, worker in ipairs(self.workers_seen) do
    u.cpu = u.cpu + (worker.thread_cpu or 0.0)
    u.lock_wait = u.lock_wait + (worker.lock_wait or 0.0)
    u.waited = u.waited + (worker.waited or 0.0)
    u.voluntary = u.voluntary + (worker.voluntary or 0)
    u.involuntary = u.involuntary + (worker.involuntary or 0)
  end
  local time = self.wall * self.worker_count
  u.gil_share, u.lock_share = math.min(ratio(u.gil_wait, time), 1.0), ratio(u.lock_wait, time)
  return u
end


--- Calls `fn(due, started, ended)` for each job that has ended.
---@param fn fun(due: number, started: number, ended: number)
function methods:each_ended(fn)
  local jobs = self.jobs
  local row = jobs.row or row_of_record
  for i = 1, #jobs do
    local _, due, started, ended = row(jobs, i)
    if ended then fn(due, started, ended) end
  end
end


--- The time that all jobs together took from their beginnings to their ends.
---@return number seconds
function methods:busy_time()
  return sums(self).all.run.sum
end


--- Work done per second, which two runs of the same jobs are compared by, also when one of them ran
--- out of time: in job sizes, or in jobs where there are several kinds.
---@return number
function methods:pace()
  local kinds, done = sums(self).kinds, sums(self).all.done
  if done < #self.jobs and next(kinds) and not next(kinds, next(kinds)) then
    local all, well = 0.0, 0.0
    for i = 1, #self.jobs do
      local job = self.jobs[i]
      all = all + (job.size or 0.0)
      if job.status == "done" then well = well + (job.size or 0.0) end
    end
    if all > 0 then return ratio(well / all * #self.jobs, self.wall) end
  end
  return ratio(done, self.wall)
end


-- Forms ------------------------------------------------------------------------------------------

--- The report for people.
---@return string text  lines without a newline at the end
function methods:text()
  return report_text.text(self)
end


--- The report as JSON, with raw samples; times are in seconds.
---@return string text
function methods:json()
  return report_write.whole(report_write.json, self)
end


--- The raw samples as CSV, a line for each job, the units in the names of the columns.
---@return string text
function methods:csv()
  return report_write.whole(report_write.csv, { self })
end


--- The report as tables in Markdown.
---@return string text
function methods:markdown()
  return report_text.markdown(self)
end


--- What the recorder has of this run; nil when it was off.
local function recorded(self)
  local trace = require "heddle.trace"
  if not (self.t0 and trace.recorded()) then return nil end
  local timeline = trace.collect(self.t0, self.t0 + self.wall)
  require("heddle.timeline").correct_jobs(timeline, self)
  return #timeline.lanes > 0 and timeline or nil
end


local function write_trace(self, path)
  local timeline = recorded(self)
  if not timeline then
    error("report.write: nothing was recorded of this run: call heddle.trace.on() before it "
      .. "[not-recorded]", 3)
  end
  return require("heddle.trace_json").write({ timeline }, path)
end


--- Writes the report to a file; the path's ending chooses the form: .json, .csv, .md, .txt, .html;
--- .trace.json and .trace.json.gz are Chrome trace events of a run that was recorded.
---@param path string
---@return true|nil ok  nil, message, code when the file can't be written; raises [bad-argument],
---  [not-recorded]
---@return string? message
---@return string? code
function methods:write(path)
  local name = type(path) == "string" and path:gsub("%.gz$", "") or ""
  if name:find "%.trace%.json$" then
    local written, why, number = write_trace(self, path)
    return written, why, number
  end
  local ok, message, code = report_write.to_path(path, {
    json = function(emit) report_write.json(self, emit) end,
    csv = function(emit) report_write.csv({ self }, emit) end,
    md = function(emit) emit(self:markdown() .. "\n") end,
    txt = function(emit) emit(self:text() .. "\n") end,
    html = function(emit)
      local timeline = recorded(self)
      emit(require("heddle.report_html").render(self, timeline and {
        { timeline = timeline, model = self.model, workers = self.worker_count },
      } or {}))
    end,
  })
  return ok, message, code
end


return report
