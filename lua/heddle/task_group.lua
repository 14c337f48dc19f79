-- Waiting for several handles of any model: task.gather, task.wait, task.as_completed.
-- Who waits for many has a watcher for each that has not ended: a task of the library's own, which
-- joins it and says so.
local native = require "heddle.native.task"
local sync = require "heddle.native.sync"
local deadline = require "heddle.native.deadline"

local group = {}


-- `level` as for error, counted from the function that calls this.
local function misuse(level, code, text, ...)
  error(text:format(...) .. " [" .. code .. "]", level + 1)
end


local function is_handle(value)
  local kind = type(value)
  return (kind == "userdata" or kind == "table") and type(value.join) == "function"
    and type(value.on_done) == "function"
end


-- Whether it was begun, be it over by now.
function group.is_started(h)
  return h:alive() or h:status() ~= "pending"
end


-- The handles, each once, in order; anything else is misuse.
local function distinct(name, list)
  if type(list) ~= "table" then
    misuse(3, "bad-argument", "%s: list: a table of handles expected, got %s", name, type(list))
  end
  local seen, handles = {}, {}
  for i = 1, list.n or #list do
    local h = list[i]
    if not is_handle(h) then
      misuse(3, "bad-argument", "%s: item %d: a handle expected, got %s", name, i, type(h))
    elseif not group.is_started(h) then
      misuse(3, "not-started", "%s: item %d: a started handle expected, got %s", name, i,
        tostring(h))
    end
    if not seen[h] then handles[#handles + 1] = h end
    seen[h] = true
  end
  return handles
end


local function check_options(name, options, known)
  if options == nil then return {} end
  if type(options) ~= "table" then
    misuse(3, "bad-argument", "%s: options: a table expected, got %s", name, type(options))
  end
  for key in pairs(options) do
    if not known[key] then
      misuse(3, "unknown-option", "%s: options: unknown option '%s' (there are: %s)", name,
        tostring(key), known[1])
    end
  end
  return options
end


local function check_timeout(name, timeout)
  if timeout == nil or type(timeout) == "number" and timeout >= 0 then return end
  misuse(3, "bad-time", "%s: timeout: a number of seconds >= 0 expected, got %s", name,
    tostring(timeout))
end


-- What is known of the handles that are being waited for: `ended`, a list in the order they ended
-- (those that had before come first); `left`, how many have not; `news`, an event that is set when
-- another has ended; `watchers` by handle.
local watch = {}
watch.__index = watch


-- Nobody waits any more.
function watch:__close()
  for _, watcher in pairs(self.watchers) do watcher:cancel() end
  self.watchers = {}
end


local function observe(self, h)
  h:join()
  self.watchers[h] = nil
  self.ended[#self.ended + 1] = h
  self.left = self.left - 1
  self.news:set()
end


local function start_watch(handles)
  local self = setmetatable({ ended = {}, left = 0, watchers = {} }, watch)
  local running = {}
  for _, h in ipairs(handles) do
    local list = h:join(0) and self.ended or running
    list[#list + 1] = h
  end
  self.left = #running
  if self.left > 0 then self.news = sync.event() end
  for _, h in ipairs(running) do
    self.watchers[h] = native.internal(native.start({ daemon = true }, observe, self, h))
  end
  return self
end


-- Waits until more than `seen` have ended; returns false when the moment `limit` has come.
function watch:more(seen, limit)
  while #self.ended <= seen do
    self.news:clear()
    if not self.news:wait(limit and math.max(0, limit - native.now())) then return false end
  end
  return true
end


local function failed(h)
  local status = h:status()
  return status == "failed" or status == "cancelled"
end


local function cancel_all(handles)
  for _, h in ipairs(handles) do h:cancel() end
end


-- Waits for all of them; returns the first that failed, without waiting for the others.
local function first_failure(handles)
  local all <close> = start_watch(handles)
  local seen = 0
  while true do
    while seen < #all.ended do
      seen = seen + 1
      if failed(all.ended[seen]) then return all.ended[seen] end
    end
    if all.left == 0 then return nil end
    all:more(seen)
  end
end


-- They have ended: nothing waits here.
local function collect(list, n)
  local _ <close> = deadline.shield()
  local results = { n = n }
  for i = 1, n do
    local _, value = pcall(list[i].result, list[i])
    results[i] = value
  end
  return results
end


-- A gather that is cancelled cancels what it waits for.
local function wait_or_cancel(handles, wait)
  local stop <close> = setmetatable({ handles = handles }, {
    __close = function(self, err)
      if err ~= nil then cancel_all(self.handles) end
    end,
  })
  return wait(stop.handles)
end


local function wait_for_all(handles)
  for _, h in ipairs(handles) do h:join() end
end


---Waits for handles of any model and gathers each one's first result. The first error cancels the
---rest and is raised.
---@param ... any handles; or a list and {errors=true}: then errors stand in their place
---@return any ... the results in order; of a list: a list with n
function group.gather(...)
  local first, options = ...
  local as_list = type(first) == "table" and not is_handle(first)
  local list = as_list and first or table.pack(...)
  local handles = distinct("task.gather", list)
  local n = list.n or #list
  options = as_list and check_options("task.gather", options, { "errors", errors = true }) or {}
  local errors = options.errors
  if errors ~= nil and type(errors) ~= "boolean" then
    misuse(2, "bad-option", "task.gather: errors: true or false expected, got %s", type(errors))
  end
  if errors then
    wait_or_cancel(handles, wait_for_all)
    return collect(list, n)
  end
  local failure = wait_or_cancel(handles, first_failure)
  if failure then
    cancel_all(handles)
    failure:result()
  end
  local results = collect(list, n)
  if as_list then return results end
  return table.unpack(results, 1, n)
end


local function reached(all, when)
  if all.left == 0 then return true end
  if when == "first" then return #all.ended > 0 end
  if when == "all" then return false end
  for _, h in ipairs(all.ended) do
    if h:status() == "failed" then return true end
  end
  return false
end


local function split(all, handles)
  local ended, done, pending = {}, {}, {}
  for i, h in ipairs(all.ended) do
    ended[h], done[i] = true, h
  end
  for _, h in ipairs(handles) do
    if not ended[h] then pending[#pending + 1] = h end
  end
  return done, pending
end


---Waits for handles of any model; raises none of their errors and cancels none.
---@param list table
---@param options? {when?: "all"|"first"|"error", timeout?: number}
---@return table done in the order they ended
---@return table pending the others
function group.wait(list, options)
  local handles = distinct("task.wait", list)
  options = check_options("task.wait", options, { "timeout, when", timeout = true, when = true })
  check_timeout("task.wait", options.timeout)
  local when = options.when or "all"
  if when ~= "all" and when ~= "first" and when ~= "error" then
    misuse(2, "bad-option", 'task.wait: when: "all", "first" or "error" expected, got %s',
      tostring(when))
  end
  local limit = options.timeout and native.now() + options.timeout
  local all <close> = start_watch(handles)
  while not reached(all, when) do
    if not all:more(#all.ended, limit) then break end
  end
  return split(all, handles)
end


local out_of_time = {
  __tostring = function(err) return err.message end,
}


---Iterates over handles of any model in the order they end.
---@param list table
---@param timeout? number seconds for all of them; past it `{code="timeout"}` is raised
---@return fun(): table? iterator for a generic `for`, which ends the waiting with the loop
function group.as_completed(list, timeout)
  local handles = distinct("task.as_completed", list)
  check_timeout("task.as_completed", timeout)
  local limit = timeout and native.now() + timeout
  local all = start_watch(handles)
  local seen = 0
  local function next_ended()
    if seen == #all.ended and all.left == 0 then return nil end
    if not all:more(seen, limit) then
      local message = ("task.as_completed: %d of %d not ended in time"):format(all.left, #handles)
      error(setmetatable({ code = "timeout", message = message }, out_of_time), 0)
    end
    seen = seen + 1
    return all.ended[seen]
  end
  return next_ended, nil, nil, all
end


group.is_handle = is_handle

return group
