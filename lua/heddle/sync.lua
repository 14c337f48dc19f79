-- Locks and what stands on them: heddle.sync.
local native = require "heddle.native.sync"
local now = require("heddle.native.task").now

---@class heddle.guard what hold(), read() and write() give: a <close> variable's value
---@field release fun(self: heddle.guard) gives back, once

---@class heddle.lock
---@field name string
---@field acquire fun(self: heddle.lock, timeout?: number): true?, string? nil, "timeout"
---@field release fun(self: heddle.lock) by any task
---@field locked fun(self: heddle.lock): boolean
---@field hold fun(self: heddle.lock, timeout?: number): heddle.guard?, string? nil, "timeout"

---@class heddle.rlock : heddle.lock owned by a task, which may take it again; only that releases it

---@class heddle.condition : heddle.lock
---@field wait fun(self: heddle.condition, timeout?: number): true?, string? nil, "timeout"
---@field wait_for fun(self: heddle.condition, pred: (fun(): any), timeout?: number): any, string?
---@field notify fun(self: heddle.condition, n?: integer) the first n (1) waiters go on
---@field notify_all fun(self: heddle.condition)

---@class heddle.event
---@field name string
---@field set fun(self: heddle.event) everyone who waits goes on, and so does who comes later
---@field clear fun(self: heddle.event) who comes later waits
---@field is_set fun(self: heddle.event): boolean
---@field wait fun(self: heddle.event, timeout?: number): true?, string? nil, "timeout"

---@class heddle.semaphore
---@field name string
---@field acquire fun(self: heddle.semaphore, timeout?: number): true?, string? nil, "timeout"
---@field release fun(self: heddle.semaphore, k?: integer) by any task
---@field value fun(self: heddle.semaphore): integer free permits
---@field hold fun(self: heddle.semaphore, timeout?: number): heddle.guard?, string? nil, "timeout"

---@class heddle.barrier
---@field name string
---@field wait fun(self: heddle.barrier, timeout?: number): integer?, string? nil, "broken" …
---@field reset fun(self: heddle.barrier) as new; who waits gets nil, "broken"
---@field abort fun(self: heddle.barrier) broken until it is reset
---@field parties fun(self: heddle.barrier): integer
---@field waiting fun(self: heddle.barrier): integer
---@field broken fun(self: heddle.barrier): boolean

---@class heddle.rwlock
---@field name string
---@field read fun(self: heddle.rwlock, timeout?: number): heddle.guard?, string? nil, "timeout"
---@field write fun(self: heddle.rwlock, timeout?: number): heddle.guard?, string? nil, "timeout"

---@class heddle.latch
---@field name string
---@field count_down fun(self: heddle.latch, k?: integer) goes down by k (1), at most to 0
---@field count fun(self: heddle.latch): integer steps left
---@field wait fun(self: heddle.latch, timeout?: number): true?, string? nil, "timeout"

local sync = {
  lock = native.lock, ---@type fun(): heddle.lock
  rlock = native.rlock, ---@type fun(): heddle.rlock
  condition = native.condition, ---@type fun(lock?: heddle.lock|heddle.rlock): heddle.condition
  event = native.event, ---@type fun(): heddle.event
  semaphore = native.semaphore, ---@type fun(n?: integer): heddle.semaphore
  bounded_semaphore = native.bounded_semaphore, ---@type fun(n?: integer): heddle.semaphore
  ---@type fun(parties: integer, action?: function, timeout?: number): heddle.barrier
  barrier = native.barrier,
  rwlock = native.rwlock, ---@type fun(): heddle.rwlock
  latch = native.latch, ---@type fun(n: integer): heddle.latch
}


local function misuse(code, text, ...)
  error(text:format(...) .. " [" .. code .. "]", 3)
end


---Waits until `pred` returns a true value, trying it after each notify. The lock is held when it is
---called.
---@param pred fun(): any
---@param timeout? number seconds in all
---@return any value what it returned, or nil
---@return string? reason "timeout"
function native.condition_methods:wait_for(pred, timeout)
  if type(pred) ~= "function" then
    misuse("bad-argument", "condition:wait_for: pred: a function expected, got %s", type(pred))
  elseif timeout ~= nil and not (type(timeout) == "number" and timeout >= 0) then
    misuse("bad-time", "condition:wait_for: timeout: a number of seconds >= 0 expected, got %s",
      tostring(timeout))
  end
  local limit = timeout and now() + timeout
  native.condition_check(self, "condition:wait_for")
  while true do
    local value = pred()
    if value then return value end
    if not self:wait(limit and math.max(0, limit - now())) then
      value = pred()
      if value then return value end
      return nil, "timeout"
    end
  end
end


return sync
