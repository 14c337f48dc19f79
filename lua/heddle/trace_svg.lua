--- Timelines as one still picture: lanes of states below each other, all on one scale of time, so
-- that runs of the same jobs can be compared at a glance. For pages that carry no script.
-- Each state has the colour that it has on the page of a report, and a height of its own, so that
-- they are told apart without colours, too.
-- Stands on: heddle.timeline, heddle.timeline_lanes, heddle.trace_chart.

local timeline = require "heddle.timeline"
local timeline_lanes = require "heddle.timeline_lanes"
local trace_chart = require "heddle.trace_chart"

local trace_svg = {}

local COLOURS = { "#0072b2", "#e69f00", "#b3478f", "#00875f", "#8d96a1" }
local HEIGHTS = { 13, 7, 13, 4, 1.5 }
local LEFT, PLOT, RIGHT = 96, 720, 56 -- names, lanes, shares
local LANE, TITLE, GAP, FOOT, TOP = 18, 24, 10, 46, 10


local function escape(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end


-- One path for each state of a lane: "M x 0 h width" for each stretch of it.
local function lane_paths(out, states, y)
  local paths, from = {}, 1
  for x = 1, #states do
    if states[x] ~= states[x + 1] then
      local state = states[x]
      if state > 0 then
        paths[state] = ("%sM%d 0h%d"):format(paths[state] or "", from - 1, x - from + 1)
      end
      from = x + 1
    end
  end
  for state = 1, 5 do
    if paths[state] then
      out[#out + 1] = ('<path transform="translate(%d %d)" stroke="%s" stroke-width="%s" d="%s"/>')
        :format(LEFT, y, COLOURS[state], HEIGHTS[state], paths[state])
    end
  end
end


local function add_text(out, x, y, anchor, text)
  out[#out + 1] = ('<text x="%d" y="%d" text-anchor="%s">%s</text>'):format(x, y, anchor,
    escape(text))
end


-- The lanes of one run; returns where they end.
local function add_run(out, part, span, y)
  local self = part.timeline
  local lanes = timeline_lanes.shown(self)
  local cells = math.max(1, math.floor(PLOT * (self.to - self.from) / span))
  local label = part.model and (part.model == "sequential" and part.model
    or ("%s, %d workers"):format(part.model, part.workers)) or "timeline"
  out[#out + 1] = ('<text x="%d" y="%d" font-weight="bold">%s: %s</text>'):format(LEFT, y + 16,
    escape(label), trace_chart.duration(self.to - self.from))
  y = y + TITLE
  for _, lane in ipairs(lanes) do
    add_text(out, LEFT - 8, y + 13, "end", lane.name)
    lane_paths(out, trace_chart.states(self, lane, cells), y + LANE // 2)
    local share = timeline.shares(lane)[1] / math.max(1, self.to - self.from)
    add_text(out, LEFT + PLOT + RIGHT - 8, y + 13, "end", ("%.0f %%"):format(100 * share))
    y = y + LANE
  end
  return y + GAP
end


-- The axis below all of them, and what the colours mean.
local function add_foot(out, span, y)
  local step = trace_chart.round_step(span * 80 / PLOT)
  for k = 0, span // step do
    local x = LEFT + math.floor(k * step / span * PLOT)
    out[#out + 1] = ('<path d="M%d %dv%d" stroke="#8d96a1" stroke-width="1" opacity=".3"/>'):format(
      x, TOP, y - TOP)
    add_text(out, x, y + 14, "middle", k == 0 and "0" or trace_chart.duration(k * step))
  end
  local x = LEFT
  for state, name in ipairs(timeline.STATES) do
    out[#out + 1] = ('<path d="M%d %dh18" stroke="%s" stroke-width="%s"/>'):format(x, y + 32,
      COLOURS[state], HEIGHTS[state])
    add_text(out, x + 24, y + 36, "start", name)
    x = x + 44 + 7 * #name
  end
end


--- The picture.
---@param parts {timeline: heddle.timeline.Timeline, model: string?, workers: integer?}[]
---@return string text  an SVG document
function trace_svg.render(parts)
  local out, span, y = {}, 1, TOP
  for _, part in ipairs(parts) do span = math.max(span, part.timeline.to - part.timeline.from) end
  for _, part in ipairs(parts) do y = add_run(out, part, span, y) end
  add_foot(out, span, y)
  local width, height = LEFT + PLOT + RIGHT, y + FOOT
  table.insert(out, 1, ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d"'
    .. ' height="%d" font-family="sans-serif" font-size="12" fill="#1b1f24">'):format(width, height,
    width, height))
  table.insert(out, 2, '<rect width="100%" height="100%" fill="#ffffff"/>')
  out[#out + 1] = "</svg>\n"
  return table.concat(out, "\n")
end


return trace_svg
