-- A strict reader of Chrome trace events: what Perfetto and speedscope rely on, as errors.

local json = require "cjson"

local trace_check = {}

local PHASES = { M = true, X = true, b = true, n = true, e = true, s = true, t = true, f = true,
  C = true, i = true }
local META = { process_name = "string", process_sort_index = "number", thread_name = "string",
  thread_sort_index = "number" }

local function need(ok, e, text, ...)
  if ok then return end
  error(("event %d (%s): " .. text):format(e.n, json.encode(e), ...), 0)
end

local function whole(x)
  return type(x) == "number" and x >= 0 and x == math.floor(x)
end

local function check_fields(e, last)
  need(PHASES[e.ph], e, "unknown phase")
  need(whole(e.pid) and e.pid > 0 and whole(e.tid) and e.tid > 0, e, "pid and tid")
  need(type(e.name) == "string" and e.name ~= "", e, "a name")
  need(type(e.ts) == "number" and e.ts >= 0, e, "ts")
  need(e.ts >= last, e, "not in the order of time")
  need(e.args == nil or type(e.args) == "table", e, "args")
  need(e.dur == nil or e.ph == "X", e, "a duration")
end

local function lane(e)
  return e.pid .. "/" .. e.tid
end

local check = {}

function check.M(state, e)
  need(state.slices == 0 and state.asyncs == 0, e, "names come first")
  local kind = META[e.name]
  need(kind, e, "unknown metadata")
  need(type(e.args[kind == "string" and "name" or "sort_index"]) == kind, e, "its value")
  if e.name == "thread_name" then state.threads[lane(e)] = e.args.name end
end

-- Slices of a lane lie beside each other or one in the other, exactly: readers such as speedscope
-- add ts and dur as we do here.
function check.X(state, e)
  need(type(e.dur) == "number" and e.dur > 0, e, "dur")
  local from, till = e.ts, e.ts + e.dur
  local stack = state.stacks[lane(e)] or {}
  state.stacks[lane(e)] = stack
  while #stack > 0 and stack[#stack] <= from do stack[#stack] = nil end
  need(#stack == 0 or till <= stack[#stack], e, "overlaps the slice around it by %g us",
    #stack > 0 and till - stack[#stack] or 0)
  stack[#stack + 1] = till
  state.slices = state.slices + 1
end

local function async_key(e)
  need(type(e.id) == "string" and type(e.cat) == "string", e, "id and cat")
  return table.concat({ e.pid, e.cat, e.id, e.name }, "/")
end

function check.b(state, e)
  local key = async_key(e)
  need(not state.open[key], e, "begun twice")
  state.open[key] = e
end

function check.n(state, e)
  need(state.open[async_key(e)], e, "outside its b and e")
end

function check.e(state, e)
  local key = async_key(e)
  need(state.open[key], e, "an end without a beginning")
  state.open[key] = nil
  state.asyncs = state.asyncs + 1
end

function check.s(state, e)
  local key = async_key(e)
  need(not state.arrows[key], e, "begun twice")
  state.arrows[key] = e
end

function check.t(state, e)
  need(state.arrows[e.pid and async_key(e)] or state.any_arrow[e.id], e, "a step of nothing")
end

function check.f(state, e)
  need(state.any_arrow[e.id], e, "an arrow without a beginning")
  need(e.bp == "e", e, "bp")
  state.any_arrow[e.id] = nil
  state.finished = state.finished + 1
end

function check.C(_, e)
  local n = 0
  for _, value in pairs(e.args) do
    need(type(value) == "number", e, "a number")
    n = n + 1
  end
  need(n == 1, e, "one value")
end

function check.i(_, e)
  need(e.s == "g" or e.s == "p" or e.s == "t", e, "a scope")
end

---Checks the text of a trace file; raises what is wrong.
---@param text string
---@return table found  events; threads by "pid/tid"; counts of slices, asyncs, arrows (finished)
function trace_check.check(text)
  local document = json.decode(text)
  local state = { threads = {}, stacks = {}, open = {}, arrows = {}, any_arrow = {}, slices = 0,
    asyncs = 0, finished = 0, events = document.traceEvents }
  local last = 0
  for n, e in ipairs(document.traceEvents) do
    e.n = n
    check_fields(e, last)
    last = e.ts
    if e.ph == "s" then state.any_arrow[e.id] = e end
    check[e.ph](state, e)
  end
  for _, e in pairs(state.open) do need(false, e, "never ended") end
  for _, e in pairs(state.any_arrow) do need(false, e, "an arrow to nowhere") end
  for _, e in ipairs(document.traceEvents) do
    need(e.ph == "M" or state.threads[lane(e)], e, "of a thread without a name")
  end
  return state
end

return trace_check
