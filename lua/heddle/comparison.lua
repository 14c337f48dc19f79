--- Several runs of the same jobs side by side: under each model and number of workers, in one round
-- or more. Says which was best, by how much, and why, as far as the measurements tell.
-- Stands on: heddle, heddle.comparison_judge, heddle.percentiles, heddle.report_text,
-- heddle.report_write.

local comparison_judge = require "heddle.comparison_judge"
local heddle = require "heddle"
local percentiles = require "heddle.percentiles"
local report_text = require "heddle.report_text"
local report_write = require "heddle.report_write"

---@class heddle.comparison
local comparison = {}

---@class heddle.comparison.Comparison
---@field version integer
---@field seed integer
---@field runs heddle.report.Report[]  with `round`
---@field groups heddle.comparison.Group[]
---@field best? string  a model's name; nil when nothing was done
---@field best_workers? integer
---@field answer string  which was best and by how much, one line
---@field reason string  why, read from the measurements; or why there is no best one
---@field job_count integer
---@field cores integer
---@field partial? boolean  whether it was interrupted
local methods = {}
local meta = { __index = methods, __name = "heddle.comparison" }


-- Groups -----------------------------------------------------------------------------------------

---@class heddle.comparison.Group  the runs of one model with one number of workers
---@field model string
---@field workers integer
---@field label string  "isolates x2"
---@field interrupted? boolean  whether it is a run that was stopped; it is not judged
---@field runs heddle.report.Report[]

local function mean(list)
  local sum = 0.0
  for _, x in ipairs(list) do sum = sum + x end
  return #list > 0 and sum / #list or 0.0
end


--- The mean of a list and its standard deviation, nil where one sample says nothing of it.
---@param list number[]
---@return number mean
---@return number? deviation
function comparison.mean(list)
  local m, squares = mean(list), 0.0
  for _, x in ipairs(list) do squares = squares + (x - m) ^ 2 end
  return m, #list > 1 and math.sqrt(squares / (#list - 1)) or nil
end


local function label(run)
  local name = run.model
  if name ~= "sequential" then name = ("%s x%d"):format(name, run.worker_count) end
  return run.interrupted and name .. " (stopped)" or name
end


--- Sorts the runs into groups, in the order of their first runs.
local function group(runs)
  local groups, by_label = {}, {}
  for _, run in ipairs(runs) do
    local name = label(run)
    if not by_label[name] then
      by_label[name] = {
        model = run.model, workers = run.worker_count, label = name, runs = {},
        interrupted = run.interrupted,
      }
      groups[#groups + 1] = by_label[name]
    end
    table.insert(by_label[name].runs, run)
  end
  return groups, by_label.sequential
end


--- The groups that came to their end.
local function whole(groups)
  local list = {}
  for _, g in ipairs(groups) do
    if not g.interrupted then list[#list + 1] = g end
  end
  return list
end


--- Says to each run how long the sequential one of its round took, where all of both's jobs ended.
local function set_sequential(runs, sequential)
  local walls = {}
  for _, run in ipairs(sequential and sequential.runs or {}) do walls[run.round or 1] = run.wall end
  for _, run in ipairs(runs) do
    if not run.interrupted then run.sequential_wall = walls[run.round or 1] end
  end
end


--- Compares runs of the same jobs.
---@param data {runs: heddle.report.Report[], seed: integer, job_count: integer?, mix: string?,
---  partial: boolean?}  job_count: of each run, also where there is none yet
---@return heddle.comparison.Comparison
function comparison.new(data)
  local first = data.runs[1]
  local self = setmetatable({
    version = 1, runs = data.runs, seed = data.seed, mix = data.mix, partial = data.partial,
    cores = first and first.cores or heddle.cores(),
    job_count = first and #first.jobs or data.job_count or 0,
  }, meta)
  local sequential
  self.groups, sequential = group(data.runs)
  local all_done = true
  for _, run in ipairs(data.runs) do
    all_done = all_done and (run.interrupted or run:totals().left == 0)
  end
  if all_done then set_sequential(data.runs, sequential) end
  local ended = whole(self.groups)
  local best, answer, reason = comparison_judge.judge(ended,
    data.partial or #ended < #self.groups)
  self.answer, self.reason = answer, reason
  if best then self.best, self.best_workers = best.model, best.workers end
  return self
end


function meta:__tostring()
  return self:text()
end


-- Figures ----------------------------------------------------------------------------------------

--- A figure of each run of a group, or a field of each table of a list.
local function of_each(list, figure)
  local out = {}
  for i, x in ipairs(list.runs or list) do
    out[i] = type(figure) == "function" and figure(x) or x[figure]
  end
  return out
end


local function with_spread(list, format)
  local m, deviation = comparison.mean(list)
  local text = format:format(m)
  return deviation and text .. " ± " .. format:format(deviation) or text
end


local function times(list)
  local m, deviation = comparison.mean(list)
  local unit, factor = "s", 1
  if m < 0.9995 then unit, factor = "ms", 1e3 end
  if not deviation then return ("%.3g %s"):format(m * factor, unit) end
  return ("%.3g ± %.1g %s"):format(m * factor, deviation * factor, unit)
end


local function per_second(x)
  return (x < 1000 and "%.4g" or "%.0f"):format(x)
end


--- The mean of numbers of jobs, with its part of a job where there is one.
local function number(list)
  local m = mean(list)
  return (m % 1 == 0 and "%.0f" or "%.1f"):format(m)
end


local function totals_of(runs)
  return of_each(runs, function(r) return r:totals() end)
end


local SPEEDS = { "wall", "speed-up", "jobs/s", "CPU" }

--- How fast a group was, in one row; `statuses` are those that the table counts.
local function speed_row(g, statuses)
  local totals, row = totals_of(g), { g.label }
  local function field(key) return of_each(totals, key) end
  for _, status in ipairs(statuses) do row[#row + 1] = number(field(status)) end
  local cpu = of_each(g, function(r) return r:usage().cpu end)
  return table.move({
    times(field "wall"), g.interrupted and "-" or with_spread(field "speedup", "%.2f"),
    per_second(mean(field "throughput")), times(cpu),
  }, 1, #SPEEDS, #row + 1, row)
end


local COSTS = {
  "model", "GIL wait", "lock wait", "voluntary", "involuntary", "start-up", "peak memory",
}

--- What a group cost beside its jobs, in one row; what does not apply is "-".
local function costs_row(g)
  local use = of_each(g, function(r) return r:usage() end)
  local function field(key) return mean(of_each(use, key)) end
  return {
    g.label, g.model == "threads" and report_text.percent(field "gil_share") or "-",
    report_text.percent(field "lock_share"), ("%.0f"):format(field "voluntary"),
    ("%.0f"):format(field "involuntary"),
    report_text.seconds(mean(of_each(g, function(r) return r.startup or 0.0 end))),
    report_text.bytes(mean(of_each(g, function(r) return r.peak_memory or 0 end))),
  }
end


--- The times of all runs of a group together.
local function spreads(g)
  local wait, run, total = percentiles.new(), percentiles.new(), percentiles.new()
  for _, r in ipairs(g.runs) do
    r:each_ended(function(due, started, ended)
      wait:add(started - due)
      run:add(ended - started)
      total:add(ended - due)
    end)
  end
  return wait:spread(), run:spread(), total:spread()
end


local TIMES = { "wait", "run", "total" }
local PARTS = { "p50", "p90", "p99", "max" }

--- Three rows: how long jobs waited, ran, and both.
local function add_times(rows, g)
  local label_once = g.label
  for i, spread in ipairs { spreads(g) } do
    local cells = { label_once, TIMES[i] }
    for _, part in ipairs(PARTS) do cells[#cells + 1] = report_text.seconds(spread[part]) end
    rows[#rows + 1], label_once = cells, ""
  end
end


--- The three tables' rows.
local function rows_of(self)
  local heads, statuses = report_text.status_columns(totals_of(self.runs))
  local speed = { { "model", table.unpack(heads) } }
  table.move(SPEEDS, 1, #SPEEDS, #speed[1] + 1, speed[1])
  local costs, time = { COSTS }, { { "model", "time", table.unpack(PARTS) } }
  for _, g in ipairs(self.groups) do
    speed[#speed + 1], costs[#costs + 1] = speed_row(g, statuses), costs_row(g)
    add_times(time, g)
  end
  return speed, costs, time
end


-- Forms ------------------------------------------------------------------------------------------

local function headline(self)
  local rounds = 0
  for _, g in ipairs(self.groups) do rounds = math.max(rounds, #g.runs) end
  return ("%s%s, seed %d, %s, %s%s"):format(self.mix and self.mix .. ": " or "",
    report_text.count(self.job_count, "job"), self.seed,
    report_text.count(rounds, "round"), report_text.count(self.cores, "core"),
    self.partial and " (partial: interrupted)" or "")
end


local function label_line(self)
  local first = self.groups[1] and self.groups[1].runs[1]
  return "speed-up: " .. (first and first:speedup_label() or "-")
    .. "; wait, run and total count from when a job was due"
end


--- The comparison in short: how fast each was, and what it cost.
---@return string
function methods:summary()
  local speed, costs = rows_of(self)
  local first = self.groups[1] and self.groups[1].runs[1]
  return table.concat({
    report_text.columns(speed), "", report_text.columns(costs),
    "  speed-up: " .. (first and first:speedup_label() or "-"),
  }, "\n")
end


--- The comparison without its last line, the answer.
---@return string
function methods:tables()
  local speed, costs, time = rows_of(self)
  return table.concat({
    headline(self), "", report_text.columns(speed), "", report_text.columns(costs), "",
    report_text.columns(time), "  " .. label_line(self),
  }, "\n")
end


--- The comparison for people; the last line is the answer.
---@return string
function methods:text()
  return self:tables() .. "\n\n" .. self:last_line()
end


--- Which was best, by how much and why, in one line.
---@return string
function methods:last_line()
  return self.answer .. ", because " .. self.reason
end


--- The comparison as JSON, with raw samples; times are in seconds.
---@return string
function methods:json()
  return report_write.whole(report_write.comparison, self)
end


--- The raw samples as CSV, a line for each job of each run.
---@return string
function methods:csv()
  return report_write.whole(report_write.csv, self.runs)
end


--- The comparison as tables in Markdown.
---@return string
function methods:markdown()
  local speed, costs, time = rows_of(self)
  return table.concat({
    "# " .. headline(self), "", "heddle comparison, version 1; " .. label_line(self) .. ".", "",
    report_text.markdown_table(speed), "", report_text.markdown_table(costs), "",
    report_text.markdown_table(time), "",
    "**" .. self:last_line() .. "**",
  }, "\n")
end


--- Writes the comparison to a file; the path's ending chooses the form, as for a report.
---@param path string
---@return true|nil ok  nil, message, code when it can't be written; raises [bad-argument]
---@return string? message
---@return integer? code
function methods:write(path)
  local ok, message, code = report_write.to_path(path, {
    json = function(emit) report_write.comparison(self, emit) end,
    csv = function(emit) report_write.csv(self.runs, emit) end,
    md = function(emit) emit(self:markdown() .. "\n") end,
    txt = function(emit) emit(self:text() .. "\n") end,
    html = function(emit) emit(require("heddle.report_html").render(self, {})) end,
  })
  return ok, message, code
end


return comparison
