--- What the options --trace, --report and --timeline ask for: the recorder is turned on, and at the
-- end the pictures are written.
--
--     local recording = require "heddle.recording"
--     local rec = recording.open { trace = "run.json", timeline = true }  -- nil: nothing is wanted
--     …                                                -- runs; after each: if rec then rec:add(r)
--     if rec then rec:finish(report) end
--
-- Where several runs follow each other, as in a comparison, the pictures are of each model's last
-- run with as many workers.
-- Stands on: heddle.trace, heddle.trace_json, heddle.trace_chart, heddle.trace_svg,
-- heddle.report_html.

local recording = {}

local MARGIN = 0.002 -- seconds before and after a run that are drawn, too

---@class heddle.recording.Recording
local methods = {}
local meta = { __index = methods, __name = "heddle.recording" }


--- Fails before a long run rather than after it.
local function check_writable(option, path)
  if not path or path == "-" then return end
  local file, why = io.open(path, "a")
  if not file then error({ failed = ("--%s: can't write %s"):format(option, why) }, 0) end
  file:close()
end


---@class heddle.recording.Options
---@field trace? string  path of the Chrome trace events; - is stdout
---@field report? string  path of the HTML report, or of an SVG picture; - is stdout
---@field timeline? boolean  draw the lanes on `out`
---@field plain? boolean  without colours; default: as the terminal has it
---@field out? file*  default: stdout

--- Checks that what is asked for can be written, and turns the recorder on.
---@param opts heddle.recording.Options
---@return heddle.recording.Recording?  nil when nothing is asked for; raises {failed=text}
function recording.open(opts)
  if not (opts.trace or opts.report or opts.timeline) then return nil end
  check_writable("trace", opts.trace)
  check_writable("report", opts.report)
  require("heddle.trace").on()
  local copy = {}
  for key, value in pairs(opts) do copy[key] = value end
  return setmetatable({ opts = copy, parts = {} }, meta)
end


--- Which of several runs a report is of: a later one of the same kind takes its place.
local function key_of(report)
  return ("%s/%s"):format(tostring(report.model), tostring(report.worker_count))
end


--- Takes the events of a run that has just ended.
---@param report heddle.report.Report  with t0, wall
function methods:add(report)
  local key, till = key_of(report), require("heddle").now()
  local from = math.max(self.till or 0, (report.t0 or 0) - MARGIN)
  local timeline = require("heddle.trace").collect(from, till)
  require("heddle.timeline").correct_jobs(timeline, report)
  local part = self.parts[key]
  if not part then
    part = {}
    self.parts[key], self.parts[#self.parts + 1] = part, part
  end
  part.model, part.workers, part.timeline = report.model, report.worker_count, timeline
  self.till = till
end


local function need(ok, option, message)
  if ok then return end
  error({ failed = ("--%s: can't write %s"):format(option, tostring(message)) }, 0)
end


local function write_file(path, text)
  if path == "-" then return io.stdout:write(text) and true, "stdout" end
  local file, why = io.open(path, "w")
  if not file then return nil, why end
  local ok, message = file:write(text)
  local closed, how = file:close()
  if not (ok and closed) then return nil, ("%s: %s"):format(path, message or how) end
  return true
end


local function draw(self)
  local chart, write = require "heddle.trace_chart", require "heddle.usage".write
  local out, color = self.opts.out or io.stdout, nil
  if self.opts.plain then color = false end
  for _, part in ipairs(self.parts) do
    if #self.parts > 1 then
      local label = part.model == "sequential" and part.model
        or ("%s, %d workers"):format(part.model, part.workers)
      write(out, "\n" .. label)
    end
    write(out, chart.text(part.timeline, { color = color }))
  end
end


local function write_trace(self)
  local timelines = {}
  for i, part in ipairs(self.parts) do timelines[i] = part.timeline end
  table.sort(timelines, function(a, b) return a.from < b.from end)
  local ok, why = require("heddle.trace_json").write(timelines, self.opts.trace)
  need(ok, "trace", why)
end


-- The path's ending chooses the form: .svg the lanes alone, as a still picture.
local function write_report(self, report)
  local text
  if self.opts.report:find "%.svg$" then
    text = require("heddle.trace_svg").render(self.parts)
  else
    text = require("heddle.report_html").render(report, self.parts)
  end
  local ok, why = write_file(self.opts.report, text)
  need(ok, "report", why)
end


--- Turns the recorder off, and writes and draws what was asked for.
---@param report? heddle.report.Report|heddle.comparison.Comparison  nil: of a script
function methods:finish(report)
  local opts, trace = self.opts, require "heddle.trace"
  trace.off()
  if #self.parts == 0 then self.parts[1] = { timeline = trace.collect() } end
  if opts.timeline then draw(self) end
  if opts.trace then write_trace(self) end
  if opts.report then write_report(self, report) end
end


return recording
