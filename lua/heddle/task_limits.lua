-- Limits on a stretch of a task's run: task.timeout and task.shield.
local deadline = require "heddle.native.deadline"

local limits = {}


local function misuse(level, code, text, ...)
  error(text:format(...) .. " [" .. code .. "]", level + 1)
end


local function check_function(name, fn)
  if type(fn) ~= "function" then
    misuse(3, "bad-argument", "%s: fn: a function expected, got %s", name, type(fn))
  end
end


local function finish(limit, ok, ...)
  if ok then return ... end
  local err = ...
  if limit:raised(err) then return nil, "timeout" end
  error(err, 0)
end


---Calls `fn` and cancels it where it waits when the time is up. Its clean-up is waited for; an
---error from there wins, and so does a value that `fn` returns all the same.
---@param s? number seconds; nil: no limit; 0: the first wait fails
---@param fn function
---@param ... any
---@return any ... its results, or nil, "timeout"
function limits.timeout(s, fn, ...)
  if s ~= nil and not (type(s) == "number" and s >= 0) then
    misuse(2, "bad-time", "task.timeout: s: a number of seconds >= 0 expected, got %s",
      tostring(s))
  end
  check_function("task.timeout", fn)
  if s == nil then return fn(...) end
  local limit <close> = deadline.begin(s)
  return finish(limit, xpcall(fn, deadline.keep_traceback, ...))
end


---Calls `fn`; what cancels the task from outside waits until it has ended.
---@param fn function
---@param ... any
---@return any ... its results
function limits.shield(fn, ...)
  check_function("task.shield", fn)
  local _ <close> = deadline.shield()
  return fn(...)
end


return limits
