-- What the handles of all models share and is written in Lua: on_done, and classes (extend).
local native = require "heddle.native.task"

local handle = {}


---Runs `fn(h)` as a task of this OS thread when `h` has ended, also when it has already.
---@param h table a handle
---@param fn fun(h: table)
local function on_done(h, fn)
  if type(fn) ~= "function" then
    error(("on_done: fn: a function expected, got %s [bad-argument]"):format(type(fn)), 2)
  end
  native.internal(native.start(function()
    h:join()
    local ok, err = xpcall(fn, function(e)
      return type(e) == "string" and debug.traceback(e, 2) or e
    end, h)
    if not ok then io.stderr:write("heddle: error in on_done of ", h.name, ": ", tostring(err), "\n") end
  end))
end


---Adds the shared methods to a table of methods.
---@param methods table
function handle.complete(methods)
  methods.on_done = on_done
end


-- classes ------------------------------------------------------------------------------------------------------

local reserved = { "join", "result", "status", "alive", "cancel", "on_done", "traceback", "start" }


local function check_names(object, class)
  for _, name in ipairs(reserved) do
    if rawget(object, name) ~= nil then
      error(("%s: the field '%s' has the name of a handle's method; return it from run, or use another name "
        .. "[reserved-name]"):format(class.name, name), 3)
    end
  end
end


-- The worker of an object, kept outside it: it must not travel with the object.
local workers = setmetatable({}, { __mode = "k" })


local function started(object, what)
  local worker = workers[object]
  if not worker then
    error(("%s: it was not started (call :start() first) [not-started]"):format(what), 3)
  end
  return worker
end


local methods = {}

for _, name in ipairs { "join", "result", "traceback", "cancel", "on_done", "kill", "terminate", "exitcode" } do
  methods[name] = function(object, ...)
    local worker = started(object, name)
    return worker[name](worker, ...)
  end
end


function methods.status(object)
  local worker = workers[object]
  return worker and worker:status() or "pending"
end


function methods.alive(object)
  local worker = workers[object]
  return worker ~= nil and worker:alive()
end


local function run(object) return object:run() end


---A class with a `run` method to override, whose instances run under `M`.
---@param M table a model's module
---@param name string
---@return table
function handle.extend(M, name)
  if type(name) ~= "string" then
    error(("extend: name: a string expected, got %s [bad-argument]"):format(type(name)), 3)
  end
  local class = { name = name }

  function class.start(object, options)
    if workers[object] then
      error(("%s:start: it was started before (an object starts once) [started-twice]"):format(name), 2)
    end
    check_names(object, class)
    if options then
      workers[object] = M.start(options, run, object)
    else
      workers[object] = M.start(run, object)
    end
    return object
  end

  for key, method in pairs(methods) do class[key] = method end
  class.__index = class
  class.__name = name
  function class.__newindex(object, key, value)
    for _, taken in ipairs(reserved) do
      if key == taken then
        error(("%s: the field '%s' has the name of a handle's method; return it from run, or use another name "
          .. "[reserved-name]"):format(name, key), 2)
      end
    end
    rawset(object, key, value)
  end
  return setmetatable(class, {
    __call = function(_, ...)
      local object = setmetatable({}, class)
      if object.init then object:init(...) end
      return object
    end,
  })
end


return handle
