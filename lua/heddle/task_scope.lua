-- Tasks that end with the block that started them: task.scope.
local native = require "heddle.native.task"
local deadline = require "heddle.native.deadline"
local group = require "heddle.task_group"

---What `task.scope` calls its function with.
---@class heddle.scope
local scope = { __uncopyable = "scope" }
scope.__index = scope


local function misuse(level, code, text, ...)
  error(text:format(...) .. " [" .. code .. "]", level + 1)
end


-- What waits in it is cancelled: the children, and the body while it runs.
local function stop_all(self)
  self.stopped = true
  for h in pairs(self.children) do h:cancel() end
  if not self.body_ended then self.body:fire() end
end


-- `problem` is a failed handle, or {err=} with of_body=true; the first one stops the rest.
local function fail(self, problem)
  local problems = self.problems
  problems[#problems + 1] = problem
  if #problems == 1 then stop_all(self) end
end


-- Runs below a child's function: its end takes it from the list, its error, be it nil, stops the
-- others.
local child_end = {
  __close = function(mark, err)
    local self, h = mark.scope, native.current()
    self.children[h] = nil
    if not mark.returned and err ~= self.cancelled then fail(self, h) end
  end,
}


local function returned(mark, ...)
  mark.returned = true
  return ...
end


local function run_child(self, fn, ...)
  local mark <close> = setmetatable({ scope = self }, child_end)
  return returned(mark, fn(...))
end


local function enter(self, h)
  self.children[h] = true
  if self.stopped then h:cancel() end
  return h
end


local function check_open(self, name)
  if getmetatable(self) ~= scope then
    misuse(3, "bad-self", "scope:%s: self: a scope expected, got %s (call it with a colon)", name,
      type(self))
  elseif self.ended then
    misuse(3, "scope-ended", "scope:%s: the scope has ended (start what belongs to it inside)",
      name)
  end
end


---Starts a task that ends before the scope does. Also from a child.
---@param options? table as for task.start; may be left out
---@param fn function
---@param ... any
---@return table handle
---@overload fun(self: heddle.scope, fn: function, ...: any): table
function scope:start(options, fn, ...)
  check_open(self, "start")
  local given = type(options) == "table" and type(fn) == "function"
  local run = given and fn or options
  if type(run) ~= "function" then
    misuse(2, "bad-argument", "scope:start: fn: a function expected, got %s", type(run))
  end
  if given then return enter(self, native.start(options, run_child, self, fn, ...)) end
  return enter(self, native.start(run_child, self, options, fn, ...))
end


local function watch(self, h)
  h:join()
  self.children[h] = nil
  if h:status() == "failed" then fail(self, h) end
end


---Takes in a handle of any model: the scope waits for it, cancels it with the others, and its error
---is a child's.
---@param h table a handle that was started
---@return table h
function scope:add(h)
  check_open(self, "add")
  if not group.is_handle(h) then
    misuse(2, "bad-argument", "scope:add: h: a handle expected, got %s", type(h))
  elseif not group.is_started(h) then
    misuse(2, "not-started", "scope:add: h: a started handle expected, got %s", tostring(h))
  end
  h:join(0) -- oneself is misuse
  native.internal(native.start({ daemon = true }, watch, self, h))
  return enter(self, h)
end


-- Waits until no child is left. A cancel of the owner cancels them; it is raised when they ended.
local function wait_for_children(self)
  while true do
    local h = next(self.children)
    if not h then return end
    local ok, err = pcall(h.join, h)
    if ok then
      if self.children[h] and h:status() == "failed" then fail(self, h) end
      self.children[h] = nil
    elseif not self.body:raised(err) then
      self.interrupted = err
      stop_all(self)
    end
  end
end


local function error_of(problem)
  if type(problem) == "table" and problem.of_body then return problem.err end
  local _ <close> = deadline.shield()
  local _, err = pcall(problem.result, problem)
  return err
end


-- Raises the first error; the later ones go with it.
local function raise(problems)
  local err, others = error_of(problems[1]), {}
  for i = 2, #problems do others[i - 1] = error_of(problems[i]) end
  if #others > 0 and type(err) == "table" then
    err.others = others
  else
    for _, other in ipairs(others) do
      io.stderr:write("heddle: another error in the same task.scope: ", tostring(other), "\n")
    end
  end
  error(err, 0)
end


-- A stop for good does not wait, but takes the children along.
function scope:__close()
  self.ended = true
  for h in pairs(self.children) do h:cancel() end
end


local function body_done(self, ok, ...)
  self.body_ended = true
  if not ok then
    local err = ...
    if err == self.cancelled then
      if not self.body:raised(err) then self.interrupted = err end
      stop_all(self)
    else
      fail(self, { of_body = true, err = err })
    end
  end
  wait_for_children(self)
  self.ended = true
  if #self.problems > 0 then raise(self.problems) end
  if self.interrupted then error(self.interrupted, 0) end
  return ...
end


---Calls `fn` with a scope: tasks that it starts there have ended when this returns. An error in one
---of them, or in the body, cancels the others and is raised; later ones are in its field `others`,
---or on stderr where it is no table.
---@param fn fun(s: heddle.scope): ...
---@return any ... the body's results
function scope.run(fn)
  if type(fn) ~= "function" then
    error(("task.scope: fn: a function expected, got %s [bad-argument]"):format(type(fn)), 2)
  end
  local body <close> = deadline.begin()
  local self <close> = setmetatable({
    body = body,
    cancelled = native.cancelled(),
    children = {},
    problems = {},
  }, scope)
  return body_done(self, xpcall(fn, deadline.keep_traceback, self))
end


return scope
