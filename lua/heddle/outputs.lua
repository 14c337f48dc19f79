--- Where the results of `heddle demo` and `heddle compare` go: text on stdout, and the files that
-- --json, --csv, --markdown, --report, --trace and --timeline ask for; and how they show progress.
-- Stands on: heddle.options, heddle.recording, heddle.report_write, heddle.usage.

local options = require "heddle.options"
local report_write = require "heddle.report_write"
local usage = require "heddle.usage"

local outputs = {}

local BAR = 20     -- width of the progress bar
local REDRAW = 0.1 -- seconds between two drawings of it
local CLEAR = "\r\27[K"

local FORMS = { "json", "csv", "markdown" }
local FILES = { "json", "csv", "markdown", "report", "trace" } -- options that name one

--- The options that both commands have.
outputs.VALUES = {
  { "json", "FILE", "write the figures and raw samples to FILE as JSON (- is stdout)",
    options.text "json" },
  { "csv", "FILE", "write the raw samples to FILE as CSV (- is stdout)", options.text "csv" },
  { "markdown", "FILE", "write tables to FILE as Markdown (- is stdout)", options.text "markdown" },
  { "report", "FILE", "write a report with pictures to FILE as HTML, or the lanes alone where it "
    .. "ends in .svg (- is stdout)", options.text "report" },
  { "trace", "FILE", "write Chrome trace events to FILE, gzipped if it ends in .gz (- is stdout)",
    options.text "trace" },
}

outputs.FLAGS = {
  { "timeline", "draw who did what when, a lane for each worker" },
  { "live", "show what runs and waits in the last lines of the terminal; where stderr is none, "
    .. "as plain lines each second" },
  { "quiet", "no log lines and no progress" },
  { "no-color", "no colours (the variable NO_COLOR too)" },
}

---@class heddle.outputs.Outputs
---@field out file*  where the text goes: stderr when a file is stdout
local methods = {}
local meta = { __index = methods, __name = "heddle.outputs" }


local function isatty(fd)
  local ok, host = pcall(require, "heddle.native.host")
  return ok and host.isatty and host.isatty(fd) or false
end


-- Whether stderr is one that can draw over what it shows.
local function is_terminal()
  return isatty(2) and os.getenv "TERM" ~= "dumb"
end


-- Files ------------------------------------------------------------------------------------------

--- Only one of them may be stdout. Returns where the text goes.
local function check_stdout(args)
  local first
  for _, form in ipairs(FILES) do
    if args[form] == "-" then
      if first then
        usage.fail("--%s=-: stdout is taken by --%s=- already; name a file", form, first)
      end
      first = form
    end
  end
  return first and io.stderr or io.stdout
end


local function open_file(form, path, mode)
  if path == "-" then return io.stdout end
  local file, why = io.open(path, mode)
  if not file then error({ failed = ("--%s: can't write %s"):format(form, why) }, 0) end
  return file
end


--- Looks before anything is started whether everything can be written, so that a wrong path costs
--- no run. What stands in the files stays until there are results.
---@param args table  what the command was given
---@return heddle.outputs.Outputs  raises {failed=} or a usage failure
function outputs.open(args)
  local self = setmetatable({ args = args, out = check_stdout(args) }, meta)
  for _, form in ipairs(FORMS) do
    local file = args[form] and open_file(form, args[form], "a")
    if file and file ~= io.stdout then file:close() end
  end
  if args.live then
    self.stop_live = require("heddle.top").live()
  end
  if args.report or args.trace or args.timeline then
    self.recording = require("heddle.recording").open {
      report = args.report, trace = args.trace, timeline = args.timeline, out = self.out,
      plain = args.no_color or self.out ~= io.stdout,
    }
  end
  return self
end


--- Takes the recorded events of a run that has just ended.
---@param r heddle.report.Report
function methods:add(r)
  self:clear()
  if self.recording then self.recording:add(r) end
end


--- The writers of one result.
local function writers(result)
  local runs = result.runs
  return {
    json = function(emit) (runs and report_write.comparison or report_write.json)(result, emit) end,
    csv = function(emit) report_write.csv(runs or { result }, emit) end,
    markdown = function(emit) emit(result:markdown() .. "\n") end,
  }
end


--- Writes the files.
---@param result heddle.report.Report|heddle.comparison.Comparison  raises {failed=}
function methods:finish(result)
  local by_form = writers(result)
  for _, form in ipairs(FORMS) do
    local path = self.args[form]
    if path then
      local file = open_file(form, path, "w")
      local ok, why = report_write.to_file(file, by_form[form])
      if file ~= io.stdout then file:close() end
      if not ok then
        path = file == io.stdout and "stdout" or path
        error({ failed = ("--%s: can't write %s: %s"):format(form, path, why) }, 0)
      end
    end
  end
  if self.recording then self.recording:finish(result) end
end


--- Prints a piece of the result.
---@param text string
function methods:print(text)
  self:clear()
  if self.stop_live then self.stop_live() end
  usage.write(self.out, text)
end


-- The terminal -----------------------------------------------------------------------------------

--- A text that stands out on a terminal.
---@param text string
---@return string
function methods:bold(text)
  local plain = self.args.no_color or (os.getenv "NO_COLOR" or "") ~= ""
  if plain or not isatty(self.out == io.stdout and 1 or 2) then return text end
  return "\27[1m" .. text .. "\27[0m"
end


local function bar(ended, total)
  local full = total > 0 and BAR * ended // total or BAR
  return ("#"):rep(full) .. ("."):rep(BAR - full)
end


local function drawer(every, format)
  local now, drawn = require("heddle").now, -math.huge
  return function(label, ledger)
    if now() - drawn < every then return end
    drawn = now()
    local ended, total = ledger:counts().ended, ledger.plan.count
    io.stderr:write(format:format(label, bar(ended, total), ended, total, drawn - ledger.t0))
  end
end


--- A function that shows how far a run is: one line on the terminal, drawn over itself a few times
--- a second, or with --live a line a second elsewhere. Nil where there is nothing to show it on.
---@param label string
---@return fun(ledger: heddle.service_ledger.Ledger)?
function methods:progress(label)
  local args = self.args
  if args.quiet then return nil end
  local terminal = is_terminal()
  if not terminal and not args.live then return nil end
  local line = "%s [%s] %d/%d jobs, %.1f s"
  local draw = terminal and drawer(REDRAW, CLEAR .. line) or drawer(1.0, line .. "\n")
  self.drawn = terminal
  return function(ledger) draw(label, ledger) end
end


--- Takes the progress line away.
function methods:clear()
  if self.drawn then io.stderr:write(CLEAR) end
  self.drawn = nil
end


return outputs
