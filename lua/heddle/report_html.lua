--- A report as one HTML page that needs nothing else: summary, comparison, timeline, latency
-- curves, workers. The page's parts are lua/heddle/page/report.{html,css} and *.js; this file makes
-- the figures it shows.
-- Stands on: heddle.json, heddle.report_timeline, the page's parts.

local json = require "heddle.json"
local report_timeline = require "heddle.report_timeline"

local report_html = {}

local POINTS = 80 -- of a curve


-- Figures ----------------------------------------------------------------------------------------

--- The samples' percentiles, close together where they are near 100: pairs of 1 / (1 - p) and the
--- value.
local function curve(samples)
  local points, last, n = json.list {}, 0, #samples
  table.sort(samples)
  for i = 0, POINTS do
    local x = n ^ (i / POINTS)
    local rank = math.min(n, math.max(1, math.ceil((1 - 1 / x) * n + 1e-9)))
    if i == POINTS then rank = n end
    if rank > last then
      points[#points + 1] = json.list { n / math.max(n - rank, 1), samples[rank] }
      last = rank
    end
  end
  return points
end


--- The percentiles of all ended jobs of some runs, by three clocks.
local function curves(runs)
  local total, wait, run, n = {}, {}, {}, 0
  for _, report in ipairs(runs) do
    report:each_ended(function(due, started, ended)
      n = n + 1
      total[n], wait[n] = math.max(0, ended - due), math.max(0, started - due)
      run[n] = ended - started
    end)
  end
  return { total = curve(total), wait = curve(wait), run = curve(run) }
end


local function label_of(run)
  if run.model == "sequential" then return "sequential" end
  return ("%s × %d"):format(run.model, run.worker_count)
end


--- The runs of one model with as many workers, as one row; in the order of their first.
local function groups(runs)
  local list, by_label = {}, {}
  for _, run in ipairs(runs) do
    local label = label_of(run)
    if not by_label[label] then
      by_label[label] = { label = label, model = run.model, workers = run.worker_count, runs = {} }
      list[#list + 1] = by_label[label]
    end
    table.insert(by_label[label].runs, run)
  end
  return list
end


--- What the page says of one run.
local function run_figures(run)
  local use = run:usage()
  return {
    totals = run:totals(), interrupted = run.interrupted or nil, round = run.round, cpu = use.cpu,
    gil_wait = run.gil and use.gil_wait, gil_share = run.gil and use.gil_share,
    lock_wait = use.lock_wait, lock_share = use.lock_share, voluntary = use.voluntary,
    involuntary = use.involuntary, memory = run.peak_memory, startup = run.startup,
  }
end


local function group_figures(group)
  local rounds = json.list {}
  for i, run in ipairs(group.runs) do rounds[i] = run_figures(run) end
  return {
    label = group.label, model = group.model, workers = group.workers, rounds = rounds,
    curves = curves(group.runs),
  }
end


local function kinds_of(run)
  local list = json.list {}
  for name, totals in pairs(run:kinds()) do
    totals.name = name
    list[#list + 1] = totals
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end


local MOST_ERRORS = 50

local function errors_of(run)
  local list, more, totals = json.list {}, 0, run:totals()
  if totals.done + totals.left == #run.jobs then return list end
  for _, job in ipairs(run.jobs) do
    if job.error and #list < MOST_ERRORS then
      list[#list + 1] = ("job %d (%s): %s"):format(job.number, job.kind, tostring(job.error))
    elseif job.error then
      more = more + 1
    end
  end
  if more > 0 then list[#list + 1] = ("… and %d more"):format(more) end
  return list
end


-- The page ---------------------------------------------------------------------------------------

local function plural(n, what)
  return ("%d %s%s"):format(n, what, n == 1 and "" or "s")
end


local function describe(data, report, runs)
  local first = runs[1]
  if not report then
    data.title, data.subtitle = "heddle: timeline of a script", ""
    return
  end
  data.title = "heddle: " .. (report.runs and "the same jobs under each model" or label_of(first))
  if not first then
    data.subtitle = "interrupted before a run was measured"
    return
  end
  data.subtitle = ("%s, seed %s, %s%s%s"):format(plural(#first.jobs, "job"), tostring(first.seed),
    plural(first.cores or 1, "core"), report.mix and ", mix " .. tostring(report.mix) or "",
    (report.partial or first.interrupted) and ", interrupted" or "")
end


local function figures(report)
  local runs = report and (report.runs or { report }) or {}
  local data = { groups = json.list {} }
  describe(data, report, runs)
  for i, group in ipairs(groups(runs)) do data.groups[i] = group_figures(group) end
  if report and report.runs then
    data.best, data.best_workers = report.best, report.best_workers
    data.answer, data.reason = report.answer, report.reason
  end
  if #runs == 1 then
    data.workers, data.kinds = json.list(runs[1]:workers()), kinds_of(runs[1])
    data.errors = errors_of(runs[1])
  end
  return data
end


local function timeline_label(part, i)
  if part.model == "sequential" then return "sequential" end
  if part.model then return ("%s × %d"):format(part.model, part.workers) end
  return "run " .. i
end


--- The page's script, in the order in which its parts stand on each other.
local SCRIPTS = { "base", "lanes", "look", "curves", "figures" }

local function script()
  local parts = {}
  for i, name in ipairs(SCRIPTS) do parts[i] = require("heddle.page." .. name .. ".js") end
  return table.concat(parts, "\n")
end


--- Fills the page in; what stands between < and > in the data must not end its element.
local function fill(data)
  local parts = {
    TITLE = data.title, CSS = require "heddle.page.report.css",
    SCRIPT = script(), DATA = data.json:gsub("<", "\\u003c"),
  }
  return (require "heddle.page.report.html":gsub("%$(%u+)", parts))
end


--- Makes the page.
---@param report? heddle.report.Report|heddle.comparison.Comparison  nil: of a script
---@param timelines {timeline: heddle.timeline.Timeline, model: string?, workers: integer?}[]
---@return string html
function report_html.render(report, timelines)
  local data, texts = figures(report), {}
  for i, part in ipairs(timelines) do
    texts[i] = report_timeline.encode(part.timeline, timeline_label(part, i))
  end
  data.json = ('%s,"timelines":[%s]}'):format(json.encode(data):sub(1, -2),
    table.concat(texts, ","))
  return fill(data)
end


return report_html
