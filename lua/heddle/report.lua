--- What a run of the service measured: totals, kinds of jobs, workers; as text and as JSON.
-- Times are seconds since the run's start. Speed-up is the jobs' summed CPU seconds over the wall
-- time, which is what one core would have needed at this run's pace.
-- Stands on: heddle.json.

local json = require "heddle.json"

---@class heddle.report
local report = {}

local SPEEDUP = "the jobs' summed CPU seconds / wall"
local LEVEL = 1.02 -- two runs whose paces differ by less are level

---@class heddle.report.Spread
---@field mean number
---@field p50 number
---@field p90 number
---@field p99 number
---@field max number

---@class heddle.report.Report
local methods = {}
local meta = { __index = methods, __name = "heddle.report" }


--- Makes a report of what a service wrote down.
---@param data table  model, worker_count, seed, cores, jobs, workers, wall, gil, interrupted
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


--- The value that a share `p` of the sorted list does not exceed.
local function percentile(sorted, p)
  return sorted[math.max(1, math.ceil(p * #sorted))]
end


local function spread(list)
  if #list == 0 then return nil end
  table.sort(list)
  local sum = 0
  for _, x in ipairs(list) do sum = sum + x end
  return {
    mean = sum / #list, p50 = percentile(list, 0.5), p90 = percentile(list, 0.9),
    p99 = percentile(list, 0.99), max = list[#list],
  }
end


--- The times of all jobs that ended: from `first` to `last`, two fields of a job.
local function times(jobs, first, last)
  local list = {}
  for _, job in ipairs(jobs) do
    if job.ended then list[#list + 1] = job[last] - job[first] end
  end
  return spread(list)
end


--- Totals of a list of jobs that ran within `wall` seconds.
local function sum_up(jobs, wall)
  local t = { done = 0, failed = 0, left = 0, wall = wall, cpu = 0.0 }
  for _, job in ipairs(jobs) do
    t[job.status] = t[job.status] + 1
    t.cpu = t.cpu + (job.cpu or 0.0)
  end
  t.throughput, t.speedup = ratio(t.done, wall), ratio(t.cpu, wall)
  t.wait, t.run = times(jobs, "due", "started"), times(jobs, "started", "ended")
  t.total = times(jobs, "due", "ended")
  return t
end


---@class heddle.report.Totals
---@field done integer
---@field failed integer
---@field left integer
---@field wall number
---@field cpu number  the jobs' summed CPU seconds
---@field throughput number  jobs done per second
---@field speedup number
---@field wait? heddle.report.Spread  from when a job was due until it began; nil when none ended
---@field run? heddle.report.Spread
---@field total? heddle.report.Spread

--- The run in one row.
---@return heddle.report.Totals
function methods:totals()
  return sum_up(self.jobs, self.wall)
end


--- The same for each kind of job, by its name.
---@return table<string, heddle.report.Totals>
function methods:kinds()
  local lists, kinds = {}, {}
  for _, job in ipairs(self.jobs) do
    lists[job.kind] = lists[job.kind] or {}
    table.insert(lists[job.kind], job)
  end
  for kind, jobs in pairs(lists) do kinds[kind] = sum_up(jobs, self.wall) end
  return kinds
end


---@class heddle.report.Worker
---@field name string
---@field jobs integer
---@field busy number  its jobs' CPU seconds as a share of the wall time
---@field gil_wait number  seconds
---@field lock_wait number  seconds
---@field voluntary? integer  switches of its OS thread by waiting; nil for a coroutine
---@field involuntary? integer  switches of its OS thread by having had its share
---@field memory? integer  bytes of its Lua heap at the end

--- Each worker's share.
---@return heddle.report.Worker[]
function methods:workers()
  local list = {}
  for i, worker in ipairs(self.workers_seen) do
    list[i] = {
      name = worker.name, jobs = worker.jobs, busy = ratio(worker.cpu, self.wall),
      gil_wait = worker.gil_wait or 0.0, lock_wait = 0.0, voluntary = worker.voluntary,
      involuntary = worker.involuntary, memory = worker.memory,
    }
  end
  return list
end


--- How far the jobs got: the sum of the sizes of those that are done; their number where none has
--- a size.
local function done_size(jobs)
  local sum = 0.0
  for _, job in ipairs(jobs) do
    if job.status == "done" then sum = sum + (job.size or 1.0) end
  end
  return sum
end


--- Work done per second, in job sizes: what two runs of the same jobs are compared by, also when
--- one of them ran out of time.
---@return number
function methods:pace()
  return ratio(done_size(self.jobs), self.wall)
end


--- The share of the workers' time that went into waiting for the GIL.
---@return number
function methods:gil_share()
  return self.gil and ratio(self.gil.wait, self.wall * self.worker_count) or 0.0
end


-- Text -------------------------------------------------------------------------------------------

local function seconds(x)
  return ("%.2f s"):format(x)
end


local function percent(x)
  return ("%.0f %%"):format(100 * x)
end


--- Lays rows of text out in columns; the first is flush left, the others right.
---@param rows string[][]
---@return string text  without a newline at the end
function report.columns(rows)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, utf8.len(cell)) end
  end
  local lines = {}
  for n, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do
      local gap = (" "):rep(widths[i] - utf8.len(cell))
      cells[i] = i == 1 and cell .. gap or gap .. cell
    end
    lines[n] = "  " .. table.concat(cells, "   ")
  end
  return table.concat(lines, "\n")
end


--- A number of things in words: "1 job", "4 workers".
---@param n integer
---@param what string
---@return string
function report.count(n, what)
  return ("%d %s%s"):format(n, what, n == 1 and "" or "s")
end


local function headline(self)
  return ("%s: %s, %s, seed %d%s"):format(self.model, report.count(#self.jobs, "job"),
    report.count(self.worker_count, "worker"), self.seed,
    self.interrupted and " (interrupted)" or "")
end


local function gil_line(gil)
  return ("waited %s for it in all, %d switches, %d of them forced"):format(
    seconds(gil.wait), gil.switches, gil.forced)
end


--- The totals; an interrupted run has no speed-up, since the CPU seconds of the jobs that were in
--- hand are not known.
local function totals_text(self)
  local t = self:totals()
  local lines = {
    ("  jobs      %d done, %d failed, %d left"):format(t.done, t.failed, t.left),
    ("  time      %s wall, %s CPU%s"):format(seconds(t.wall), seconds(t.cpu),
      self.interrupted and " in the jobs that ended" or ""),
  }
  if not self.interrupted then
    lines[#lines + 1] = ("  speed-up  %.2f (%s)"):format(t.speedup, SPEEDUP)
  end
  if self.gil then lines[#lines + 1] = "  GIL       " .. gil_line(self.gil) end
  return table.concat(lines, "\n")
end


local function workers_text(self)
  local rows = { { "worker", "jobs", "busy", self.gil and "GIL wait" } }
  for _, w in ipairs(self:workers()) do
    local wait = self.gil and seconds(w.gil_wait)
    rows[#rows + 1] = { w.name, tostring(w.jobs), percent(w.busy), wait }
  end
  return report.columns(rows)
end


--- What failed, a line each, the first few of them.
local function errors_text(self)
  local lines = {}
  for _, job in ipairs(self.jobs) do
    if job.error and #lines < 10 then
      lines[#lines + 1] = ("  job %d failed: %s"):format(job.number, job.error:match("^[^\n]*"))
    end
  end
  for _, worker in ipairs(self.workers_seen) do
    if worker.error then
      lines[#lines + 1] = ("  %s failed: %s"):format(worker.name, worker.error)
    end
  end
  return lines
end


--- The report for people.
---@return string text  lines without a newline at the end
function methods:text()
  local parts = { headline(self), totals_text(self), "", workers_text(self) }
  local errors = errors_text(self)
  if #errors > 0 then parts[#parts + 1] = "\n" .. table.concat(errors, "\n") end
  return table.concat(parts, "\n")
end


local HEADS = { "model", "done", "failed", "left", "wall", "CPU", "speed-up", "jobs/s", "GIL wait" }

local function row(run)
  local t = run:totals()
  return {
    run.model, tostring(t.done), tostring(t.failed), tostring(t.left), seconds(t.wall),
    seconds(t.cpu), run.interrupted and "-" or ("%.2f"):format(t.speedup),
    ("%.2f"):format(t.throughput),
    run.gil and seconds(run.gil.wait) or "-",
  }
end


--- Several runs of the same jobs side by side, a row each.
---@param runs heddle.report.Report[]
---@return string text
function report.table(runs)
  local rows = { HEADS }
  for _, run in ipairs(runs) do rows[#rows + 1] = row(run) end
  return report.columns(rows) .. "\n  speed-up: " .. SPEEDUP
end


--- The runs that came to their end, fastest first.
local function ranked(runs)
  local list = {}
  for _, run in ipairs(runs) do
    if not run.interrupted then list[#list + 1] = run end
  end
  table.sort(list, function(a, b) return a:pace() > b:pace() end)
  return list
end


local function reason(runs)
  for _, run in ipairs(runs) do
    if run.gil then
      return ("threads spent %s of their time waiting for the GIL"):format(percent(run:gil_share()))
    end
  end
end


local function compared(best, other)
  if other:pace() == 0 then return other.model .. " got nothing done" end
  local times_faster = best:pace() / other:pace()
  if times_faster < LEVEL then return "level with " .. other.model end
  return ("%.2f times as fast as %s"):format(times_faster, other.model)
end


--- Which of several runs of the same jobs was best, by how much, and why.
---@param runs heddle.report.Report[]
---@return string? best  the model's name; nil when nothing was done
---@return string answer  one line
---@return string? why
function report.judge(runs)
  local list = ranked(runs)
  local best = list[1]
  if not best then return nil, "no model came to its end: there is nothing to compare" end
  if best:pace() == 0 then return nil, "no job was done: there is nothing to compare" end
  if #list == 1 then return best.model, ("only %s came to the end"):format(best.model) end
  local parts = {}
  for i = 2, #list do parts[i - 1] = compared(best, list[i]) end
  local answer = ("%s ran fastest: %s"):format(best.model, table.concat(parts, ", "))
  return best.model, answer, reason(runs)
end


-- JSON and files ---------------------------------------------------------------------------------

local function job_fields(job)
  return {
    number = job.number, kind = job.kind, size = job.size, worker = job.worker,
    status = job.status, due = job.due, queued = job.queued, started = job.started,
    ended = job.ended, attempts = job.attempts, error = job.error,
  }
end


--- The report as plain tables, in the layout of its JSON form.
---@return table
function methods:fields()
  local jobs = {}
  for i, job in ipairs(self.jobs) do jobs[i] = job_fields(job) end
  return {
    version = 1, model = self.model, worker_count = self.worker_count, seed = self.seed,
    cores = self.cores, jobs = json.list(jobs), totals = self:totals(), kinds = self:kinds(),
    workers = json.list(self:workers()), interrupted = self.interrupted or nil,
  }
end


--- The report as JSON.
---@return string text
function methods:json()
  return json.encode(self:fields())
end


--- Several runs of the same jobs as JSON.
---@param runs heddle.report.Report[]
---@return string text
function report.comparison_json(runs)
  local best, _, why = report.judge(runs)
  local list = {}
  for i, run in ipairs(runs) do
    list[i] = run:fields()
    list[i].round = 1
  end
  return json.encode {
    version = 1, seed = runs[1] and runs[1].seed, runs = json.list(list), best = best, reason = why,
  }
end


--- Writes the report to a file; the path's ending chooses the form: .json or .txt.
---@param path string
---@return true|nil ok  nil, message, code when the file can't be written; raises [bad-argument]
---@return string? message
---@return integer? code
function methods:write(path)
  local ending = type(path) == "string" and path:match("%.(%w+)$")
  if ending ~= "json" and ending ~= "txt" then
    error(("report.write: path: a name ending in .json or .txt expected, got %s [bad-argument]")
      :format(tostring(path)), 2)
  end
  local file, message, code = io.open(path, "w")
  if not file then return nil, message, code end
  local ok, why, number = file:write(ending == "json" and self:json() or self:text(), "\n")
  file:close()
  if not ok then return nil, why, number end
  return true
end


return report
