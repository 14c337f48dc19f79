--- A timeline as lanes of characters: who ran, who waited for what, when.
-- Five states, each with a character and a colour of its own that are always the same; without
-- colours the characters alone tell them apart.
-- Stands on: heddle.timeline, heddle.timeline_lanes; heddle.native.host for the terminal.

local timeline = require "heddle.timeline"
local timeline_lanes = require "heddle.timeline_lanes"

local trace_chart = {}

local GLYPHS = { "█", "░", "X", "~", "·" }
local PLAIN = { "#", ":", "X", "~", "." } -- where the locale has no UTF-8
local COLOURS = { 32, 208, 175, 36, 245 } -- of the 256: blue, orange, purple, green, grey
local SHORT = { "running", "GIL", "lock", "I/O", "idle" }
local WIDEST_NAME, NARROWEST, WIDTH, MARGIN = 24, 20, 80, 8

local OPTIONS = { width = true, color = true, utf8 = true }


local function has_utf8()
  for _, name in ipairs { "LC_ALL", "LC_CTYPE", "LANG" } do
    local value = os.getenv(name) or ""
    if value ~= "" then return value:lower():find "utf%-?8" ~= nil end
  end
  return false
end


local function host()
  return require "heddle.native.host"
end


local function has_colours()
  return (os.getenv "NO_COLOR" or "") == "" and os.getenv "TERM" ~= "dumb" and host().isatty(1)
end


local function check_options(opts)
  if opts ~= nil and type(opts) ~= "table" then
    error(("trace.chart: options: a table expected, got %s [bad-argument]"):format(type(opts)), 3)
  end
  for key in pairs(opts or {}) do
    if not OPTIONS[key] then
      error(("trace.chart: options: unknown option '%s' (there are: color, utf8, width) "
        .. "[unknown-option]"):format(tostring(key)), 3)
    end
  end
end


local function choose(value, default)
  if value == nil then return default() end
  return value
end


--- Cuts a text to `width` characters, or fills it up.
local function fitted(text, width)
  local n = utf8.len(text) or #text
  if n <= width then return text .. (" "):rep(width - n) end
  return utf8.len(text) and text:sub(1, utf8.offset(text, width) - 1) .. "…" or text:sub(1, width)
end


-- Lanes ------------------------------------------------------------------------------------------

--- What a lane mostly did in each of `cells` equal parts of the axis; 0: it was not there.
---@param self heddle.timeline.Timeline
---@param lane heddle.timeline.Lane
---@param cells integer
---@return integer[]
function trace_chart.states(self, lane, cells)
  local out, i = {}, 1
  for cell = 1, cells do
    local from = self.from + (self.to - self.from) * (cell - 1) // cells
    local till = self.from + (self.to - self.from) * cell // cells
    while i <= lane.n and lane.till[i] <= from do i = i + 1 end
    local sums, k, best = { [0] = 0, 0, 0, 0, 0, 0 }, i, 0
    while k <= lane.n and lane.at[k] < till do
      local state = lane.state[k]
      sums[state] = sums[state] + math.min(till, lane.till[k]) - math.max(from, lane.at[k])
      k = k + 1
    end
    for state = 1, 5 do
      if sums[state] > sums[best] then best = state end
    end
    out[cell] = best
  end
  return out
end


--- The cells as text, in runs of one colour.
local function draw(cells, glyphs, color)
  local out, last = {}, 0
  for _, state in ipairs(cells) do
    if color and state ~= last then
      out[#out + 1] = state == 0 and "\27[0m" or ("\27[38;5;%dm"):format(COLOURS[state])
      last = state
    end
    out[#out + 1] = state == 0 and " " or glyphs[state]
  end
  if color and last ~= 0 then out[#out + 1] = "\27[0m" end
  return table.concat(out)
end


local function share_of_running(self, lane)
  return ("%3.0f %%"):format(100 * timeline.shares(lane)[1] / math.max(1, self.to - self.from))
end


-- Axis and legend --------------------------------------------------------------------------------

--- A duration with a fitting unit, three digits at most behind it.
---@param nanoseconds number
---@return string
function trace_chart.duration(nanoseconds)
  if nanoseconds >= 10 * 10^9 then return ("%.0f s"):format(nanoseconds / 1e9) end
  if nanoseconds >= 10^9 then return ("%.2g s"):format(nanoseconds / 1e9) end
  if nanoseconds >= 10^6 then return ("%.3g ms"):format(nanoseconds / 1e6) end
  return ("%.3g us"):format(nanoseconds / 1e3)
end


--- The distance between two marks: 1, 2 or 5 times a power of ten, at least `least`.
---@param least number
---@return number
function trace_chart.round_step(least)
  local step = 10^math.floor(math.log(math.max(least, 1), 10))
  for _, factor in ipairs { 1, 2, 5, 10 } do
    if step * factor >= least then return step * factor end
  end
  return step * 10
end


local function put(line, at, text)
  return line:sub(1, at) .. text .. line:sub(at + #text + 1)
end


--- Two lines: the marks and what they stand for.
local function axis(self, cells)
  local span = self.to - self.from
  local duration, step = trace_chart.duration, trace_chart.round_step(span * 11 / cells)
  local marks, labels = ("-"):rep(cells), (" "):rep(cells)
  for k = 0, span // step do
    local at = math.floor(k * step / span * cells)
    local text = k == 0 and "0" or duration(k * step)
    if at < cells then marks = put(marks, at, "+") end
    if at + #text <= cells then labels = put(labels, at, text) end
  end
  return marks, labels
end


--- What the characters mean; in short where the line is short.
local function legend(glyphs, color, width)
  local long, short, length = {}, {}, 0
  for state, glyph in ipairs(glyphs) do
    local paint = color and ("\27[38;5;%dm%%s\27[0m"):format(COLOURS[state]) or "%s"
    long[state] = paint:format(glyph:rep(2)) .. " " .. timeline.STATES[state]
    short[state] = paint:format(glyph) .. " " .. SHORT[state]
    length = length + #timeline.STATES[state] + 5
  end
  return length <= width and "  " .. table.concat(long, "  ") or " " .. table.concat(short, " ")
end


-- The whole --------------------------------------------------------------------------------------

local function name_width(lanes)
  local width = 4
  for _, lane in ipairs(lanes) do width = math.max(width, utf8.len(lane.name) or #lane.name) end
  return math.min(width, WIDEST_NAME)
end


local function headline(self, cells, hidden)
  local duration, span = trace_chart.duration, self.to - self.from
  local parts = { ("timeline: %s, one character is %s, %% is the share of running"):format(
    duration(span), duration(span // cells)) }
  if hidden > 0 then
    parts[#parts + 1] = hidden == 1 and "1 short task in its thread's lane"
      or ("%d short tasks in their threads' lanes"):format(hidden)
  end
  if self.lost > 0 then parts[#parts + 1] = ("%d events lost"):format(self.lost) end
  return table.concat(parts, "; ")
end


local function kill_lines(self, lines)
  for _, kill in ipairs(self.kills) do
    local how = kill.status < 0 and ("was killed by signal %d"):format(-kill.status)
      or ("ended with status %d"):format(kill.status)
    lines[#lines + 1] = ("  %s (process %d) %s at %s"):format(kill.thread.name, kill.thread.pid,
      how, trace_chart.duration(kill.at - self.from))
  end
end


--- A timeline as text.
---@param self heddle.timeline.Timeline
---@param opts? {width: integer, color: boolean, utf8: boolean}  default: as the terminal has it
---@return string text  lines without a newline at the end
function trace_chart.text(self, opts)
  check_options(opts)
  opts = opts or {}
  local color = choose(opts.color, has_colours)
  local glyphs = choose(opts.utf8, has_utf8) and GLYPHS or PLAIN
  local width = opts.width or host().columns(1) or tonumber(os.getenv "COLUMNS") or WIDTH
  local lanes, hidden = timeline_lanes.shown(self)
  if #lanes == 0 or self.to <= self.from then return "timeline: nothing was recorded" end
  local names = name_width(lanes)
  local cells = math.max(NARROWEST, width - names - MARGIN - 1)
  local lines = { headline(self, cells, hidden) }
  for _, lane in ipairs(lanes) do
    lines[#lines + 1] = ("%s %s %s"):format(fitted(lane.name, names),
      draw(trace_chart.states(self, lane, cells), glyphs, color), share_of_running(self, lane))
  end
  local marks, labels = axis(self, cells)
  lines[#lines + 1] = (" "):rep(names + 1) .. marks
  lines[#lines + 1] = ((" "):rep(names + 1) .. labels):gsub(" +$", "")
  lines[#lines + 1] = legend(glyphs, color, width)
  kill_lines(self, lines)
  return table.concat(lines, "\n")
end


return trace_chart
