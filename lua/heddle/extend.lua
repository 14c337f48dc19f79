-- Classes with a `run` method (M.extend). An object travels to its worker with its class; the
-- functions below are this module's own, so they cross by name, and what belongs to one interpreter
-- (the workers of its objects) stays here.
local extend = {}

-- The methods of handles; the last three are a process's. None may be a field or a method of a
-- class of any model, so that the same body runs under all of them.
local method_names = {
  "start", "status", "alive", "join", "result", "traceback", "cancel", "on_done",
  "kill", "terminate", "exitcode",
}
local PROCESS_ONLY = 9

local reserved = {}
for _, name in ipairs(method_names) do reserved[name] = true end

local from_handle = { name = true, id = true, pid = true }

-- object -> its worker's handle
local workers = setmetatable({}, { __mode = "k" })

-- object -> what on_done was given before the start
local early = setmetatable({}, { __mode = "k" })


local function misuse(level, code, text, ...)
  error(text:format(...) .. " [" .. code .. "]", level + 1)
end


local function refuse_name(class, key, level)
  misuse(level + 1, "reserved-name", "%s: '%s' is the name of a handle's method; return it from "
    .. "run, or use another name", class, tostring(key))
end


-- The class of an object; anything else as self is misuse.
local function class_of(object, method)
  local class = getmetatable(object)
  local ours = type(class) == "table" and rawget(class, "__newindex") == extend.set_field
  if ours then return class end
  misuse(3, "bad-self", "%s: self: an object of a class of M.extend expected, got %s "
    .. "(call it with a colon)", method, type(object))
end


local function started(object, method)
  local class = class_of(object, method)
  local worker = workers[object]
  if not worker then
    misuse(3, "not-started", "%s:%s: it was not started (call :start() first)", class.__name,
      method)
  end
  return worker
end


-- An object's __newindex.
function extend.set_field(object, key, value)
  if reserved[key] then refuse_name(getmetatable(object).__name, key, 2) end
  rawset(object, key, value)
end


-- A class's __newindex.
function extend.set_method(class, key, value)
  if reserved[key] then refuse_name(rawget(class, "__name"), key, 2) end
  rawset(class, key, value)
end


-- Methods; and the name, id and pid of the worker, where the object has no field of its own.
function extend.get_field(object, key)
  local value = getmetatable(object)[key]
  if value ~= nil or not from_handle[key] then return value end
  local worker = workers[object]
  return worker and worker[key]
end


-- An object's __tostring.
function extend.print(object)
  local class, worker = getmetatable(object), workers[object]
  local name = worker and worker.name .. " " or ""
  return ("%s %s(%s)"):format(class.__name, name, extend.status(object))
end


-- Makes an object of a class: what calling the class does.
function extend.construct(class, ...)
  local object = setmetatable({}, class)
  if object.init then object:init(...) end
  return object
end


-- What the worker of an object runs.
function extend.run_object(object) return object:run() end


-- The object has a worker from now on.
local function take_worker(object, worker)
  workers[object] = worker
  local list = early[object]
  early[object] = nil
  for _, fn in ipairs(list or {}) do extend.on_done(object, fn) end
end


---Begins the object's worker, which calls its `run`.
---@param options? table as for M.start
---@return table object
function extend.start(object, options)
  local class = class_of(object, "start")
  if workers[object] then
    misuse(2, "started-twice", "%s:start: it was started before (an object starts once)",
      class.__name)
  elseif options ~= nil and type(options) ~= "table" then
    misuse(2, "bad-argument", "%s:start: options: a table expected, got %s", class.__name,
      type(options))
  elseif type(object.run) ~= "function" then
    misuse(2, "no-run", "%s:start: the class has no method run (function %s:run() … end)",
      class.__name, class.__name)
  end
  for key in pairs(object) do
    if reserved[key] then refuse_name(class.__name, key, 2) end
  end
  local M = require("heddle." .. class.model)
  take_worker(object, M.start(options or {}, extend.run_object, object))
  return object
end


function extend.status(object)
  class_of(object, "status")
  local worker = workers[object]
  return worker and worker:status() or "pending"
end


function extend.alive(object)
  class_of(object, "alive")
  local worker = workers[object]
  return worker ~= nil and worker:alive()
end


function extend.join(object, ...) return started(object, "join"):join(...) end
function extend.result(object, ...) return started(object, "result"):result(...) end
function extend.traceback(object) return started(object, "traceback"):traceback() end
function extend.kill(object, ...) return started(object, "kill"):kill(...) end
function extend.terminate(object) return started(object, "terminate"):terminate() end
function extend.exitcode(object) return started(object, "exitcode"):exitcode() end


-- One that is cancelled before its start never runs.
function extend.cancel(object, ...)
  local class, worker = class_of(object, "cancel"), workers[object]
  if worker then return worker:cancel(...) end
  worker = require("heddle." .. class.model).new(extend.run_object, object)
  local taken = worker:cancel(...)
  take_worker(object, worker)
  return taken
end


function extend.on_done(object, fn)
  local class = class_of(object, "on_done")
  if type(fn) ~= "function" then
    misuse(2, "bad-argument", "%s:on_done: fn: a function expected, got %s", class.__name, type(fn))
  elseif workers[object] then
    workers[object]:on_done(function() fn(object) end)
  else
    early[object] = early[object] or {}
    table.insert(early[object], fn)
  end
end


---A class whose instances run under a model: `Class(...)` constructs (calls `init`), then
---`:start()`, `:join()` …
---```lua
---local Adder = thread.extend "Adder"
---function Adder:init(a, b) self.a, self.b = a, b end
---function Adder:run() return self.a + self.b end
---print(Adder(1, 2):start():result())   --> 3
---```
---@param model string "task", "thread", "isolate" or "process"
---@param name string
---@return table
function extend.class(model, name)
  if type(name) ~= "string" then
    misuse(2, "bad-argument", "%s.extend: name: a string expected, got %s", model, type(name))
  end
  local methods = {}
  for i, method in ipairs(method_names) do
    if i < PROCESS_ONLY or model == "process" then methods[method] = extend[method] end
  end
  local class = {
    model = model,
    __name = name,
    __index = extend.get_field,
    __newindex = extend.set_field,
    __tostring = extend.print,
  }
  return setmetatable(class, {
    __call = extend.construct,
    __index = methods,
    __newindex = extend.set_method,
  })
end


return extend
