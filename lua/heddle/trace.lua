--- The recorder: what every task, thread, isolate and process of the program did when.
--
--     local trace = require "heddle.trace"
--     trace.on()
--     require("heddle.thread").start(function() require("heddle").sleep(0.01) end):join()
--     trace.off()
--     assert(trace.save "run.json")     -- opens in Perfetto and speedscope; run.json.gz is gzipped
--     print(trace.chart())              -- the same as lanes of characters
--
-- Each OS thread writes into a ring in shared memory, so what a killed process did is there, too.
-- A full ring loses its oldest events; how many is told.
-- Stands on: heddle.native.trace, heddle.timeline, heddle.trace_json, heddle.trace_chart.

local heddle = require "heddle"
local native = require "heddle.native.trace"

---@class heddle.trace
local trace = {}

local EVENTS = 65536 -- of each OS thread, as they come: two MiB
local MOST = 1 << 26
local began, ended


local function nanoseconds(seconds)
  return math.floor(seconds * 1e9)
end


local function misuse(text, ...)
  error((text .. " [bad-argument]"):format(...), 3)
end


local function check_options(opts)
  if opts == nil then return EVENTS end
  if type(opts) ~= "table" then
    misuse("trace.on: options: a table expected, got %s", type(opts))
  end
  for key in pairs(opts) do
    if key ~= "events" then
      error(("trace.on: options: unknown option '%s' (there are: events) [unknown-option]")
        :format(tostring(key)), 3)
    end
  end
  local n = opts.events == nil and EVENTS or math.type(opts.events) and math.tointeger(opts.events)
  if not n or n < 1 or n > MOST then
    misuse("trace.on: events: a whole number from 1 to %d expected, got %s", MOST,
      tostring(opts.events))
  end
  return n
end


--- Turns the recorder on in the whole program, for workers that run already, too. What was
--- recorded before is forgotten. Does nothing while it is on.
---@param opts? {events: integer}  how many of an OS thread's events are kept at least (65536)
function trace.on(opts)
  local events = check_options(opts)
  if native.active() then return end
  began, ended = nanoseconds(heddle.now()), nil
  native.start(events)
end


--- Turns the recorder off; what was recorded is kept until it is turned on again.
function trace.off()
  if not native.active() then return end
  native.stop()
  ended = nanoseconds(heddle.now())
end


--- Whether it records.
---@return boolean
function trace.active()
  return native.active()
end


--- Whether it ever recorded.
---@return boolean
function trace.recorded()
  return native.recordings() > 0
end


--- What was recorded so far, as a timeline; of a part of the time if `from` and `to` are given.
---@param from? number  seconds, as heddle.now()
---@param to? number
---@return heddle.timeline.Timeline  raises [not-recorded] when the recorder was never on
function trace.collect(from, to)
  if not trace.recorded() then
    error("trace.collect: nothing was recorded: call trace.on() first [not-recorded]", 2)
  end
  local timeline = require "heddle.timeline"
  local now = nanoseconds(heddle.now())
  local all = timeline.take(began or now, ended or now)
  if not from and not to then return all end
  return timeline.clip(all, from and nanoseconds(from) or all.from,
    to and nanoseconds(to) or all.to)
end


--- Writes what was recorded as Chrome trace events; gzipped when the path ends in ".gz".
---@param path string
---@return true|nil ok  nil, message, code when the file can't be written; raises [not-recorded]
---@return string? message
---@return string? code
function trace.save(path)
  if type(path) ~= "string" then
    misuse("trace.save: path: a string expected, got %s", type(path))
  end
  if not trace.recorded() then
    error("trace.save: nothing was recorded: call trace.on() first [not-recorded]", 2)
  end
  return require("heddle.trace_json").write({ trace.collect() }, path)
end


--- What was recorded as lanes of characters.
---@param opts? {width: integer, color: boolean}  default: the terminal's width, its colours
---@return string
function trace.chart(opts)
  if not trace.recorded() then
    error("trace.chart: nothing was recorded: call trace.on() first [not-recorded]", 2)
  end
  return require("heddle.trace_chart").text(trace.collect(), opts)
end


return trace
