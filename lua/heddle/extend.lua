-- Classes with a `run` method (M.extend). An object travels to its worker with its class; the
-- functions below are this module's own, so they cross by name, and what belongs to one interpreter
-- (the workers of its objects) stays here.
local extend = {}

local reserved = {
  join = true, result = true, status = true, alive = true, cancel = true, on_done = true,
  traceback = true, start = true,
}

-- object -> its worker's handle
local workers = setmetatable({}, { __mode = "k" })


local function name_of(object) return getmetatable(object).__name end


local function refuse_name(object, key)
  error(("%s: the field '%s' has the name of a handle's method; return it from run, or use another "
    .. "name [reserved-name]"):format(name_of(object), key), 3)
end


local function started(object, what)
  local worker = workers[object]
  if not worker then
    error(("%s:%s: it was not started (call :start() first) [not-started]")
      :format(name_of(object), what), 3)
  end
  return worker
end


function extend.set_field(object, key, value)
  if reserved[key] then refuse_name(object, key) end
  rawset(object, key, value)
end


function extend.run_object(object) return object:run() end


function extend.start(object, options)
  if workers[object] then
    error(("%s:start: it was started before (an object starts once) [started-twice]")
      :format(name_of(object)), 2)
  end
  for key in pairs(object) do
    if reserved[key] then refuse_name(object, key) end
  end
  for name in pairs(reserved) do
    if getmetatable(object)[name] ~= extend[name] then refuse_name(object, name) end
  end
  local M = require("heddle." .. getmetatable(object).model)
  if options then
    workers[object] = M.start(options, extend.run_object, object)
  else
    workers[object] = M.start(extend.run_object, object)
  end
  return object
end


function extend.status(object)
  local worker = workers[object]
  return worker and worker:status() or "pending"
end


function extend.alive(object)
  local worker = workers[object]
  return worker ~= nil and worker:alive()
end


function extend.join(object, ...) return started(object, "join"):join(...) end
function extend.result(object, ...) return started(object, "result"):result(...) end
function extend.traceback(object) return started(object, "traceback"):traceback() end
function extend.cancel(object, ...) return started(object, "cancel"):cancel(...) end
function extend.on_done(object, fn)
  return started(object, "on_done"):on_done(function() fn(object) end)
end
function extend.kill(object, ...) return started(object, "kill"):kill(...) end
function extend.terminate(object) return started(object, "terminate"):terminate() end
function extend.exitcode(object) return started(object, "exitcode"):exitcode() end


local inherited = {
  "start", "status", "alive", "join", "result", "traceback", "cancel", "on_done",
}
local of_processes = { "kill", "terminate", "exitcode" }


---A class whose instances run under a model: `Class(...)` constructs (calls `init`), then
---`:start()`, `:join()` …
---@param model string "task", "thread", "isolate" or "process"
---@param name string
---@return table
function extend.class(model, name)
  if type(name) ~= "string" then
    error(("%s.extend: name: a string expected, got %s [bad-argument]")
      :format(model, type(name)), 2)
  end
  local class = { model = model, __name = name, __newindex = extend.set_field }
  class.__index = class
  for _, method in ipairs(inherited) do class[method] = extend[method] end
  if model == "process" then
    for _, method in ipairs(of_processes) do class[method] = extend[method] end
  end
  return setmetatable(class, {
    __call = function(_, ...)
      local object = setmetatable({}, class)
      if object.init then object:init(...) end
      return object
    end,
  })
end


return extend
