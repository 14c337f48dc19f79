-- Locks and what stands on them. Each works across all models: the same object may be captured by
-- or passed to tasks, threads, isolates and processes at once. Who waits is served in order of
-- arrival. Waits take a time-out in seconds (0 only tries) and then return nil, "timeout".
--
--     local lock = sync.lock()
--     do
--       local _ <close> = lock:hold()
--       -- nobody else is in here
--     end
--
-- What a process held when it died is recovered: the next to acquire it gets true, "abandoned".
local native = require "heddle.native.sync"
local now = require("heddle.native.task").now

---What `hold`, `read` and `write` give: the value of a `<close>` variable, which gives back what is
---held.
---@class heddle.guard
---Gives back what is held; a second time does nothing.
---@field release fun(self: heddle.guard)

---A lock: held by one at a time, whoever it was that took it.
---@class heddle.lock
---@field name string what reports call it; can be set
---Takes it, or waits until it is free: true; nil, "timeout" past the time; true, "abandoned" when a
---process died with it.
---@field acquire fun(self: heddle.lock, timeout?: number): true?, string?
---Gives it back; any task may. Raises [lock-not-held] when nobody holds it.
---@field release fun(self: heddle.lock)
---Whether somebody holds it.
---@field locked fun(self: heddle.lock): boolean
---Takes it for the scope of a `<close>` variable. With a time-out, wrap it: `assert(lock:hold(1))`.
---@field hold fun(self: heddle.lock, timeout?: number): heddle.guard?, string?

---A lock that its owner, a task, may take again, and has to give back as often. No other task can
---release it.
---@class heddle.rlock : heddle.lock
---@field name string what reports call it; can be set
---Takes it, or takes it once more. As `lock:acquire`.
---@field acquire fun(self: heddle.rlock, timeout?: number): true?, string?
---Gives one level of it back. Raises [lock-not-owned] in any other task.
---@field release fun(self: heddle.rlock)
---Whether somebody holds it.
---@field locked fun(self: heddle.rlock): boolean
---Takes it for the scope of a `<close>` variable.
---@field hold fun(self: heddle.rlock, timeout?: number): heddle.guard?, string?

---A condition, with the lock under which it is looked at.
---@class heddle.condition : heddle.lock
---@field name string what reports call it; can be set
---Takes its lock. As `lock:acquire`.
---@field acquire fun(self: heddle.condition, timeout?: number): true?, string?
---Gives its lock back.
---@field release fun(self: heddle.condition)
---Whether somebody holds its lock.
---@field locked fun(self: heddle.condition): boolean
---Takes its lock for the scope of a `<close>` variable.
---@field hold fun(self: heddle.condition, timeout?: number): heddle.guard?, string?
---Gives the lock up, waits for a notify, and takes the lock back before it returns or raises.
---@field wait fun(self: heddle.condition, timeout?: number): true?, string?
---@field wait_for fun(self: heddle.condition, pred: (fun(): any), timeout?: number): any, string?
---Lets the first `n` (1) that wait go on; the lock must be held.
---@field notify fun(self: heddle.condition, n?: integer)
---Lets all that wait go on; the lock must be held.
---@field notify_all fun(self: heddle.condition)

---A flag to wait for.
---@class heddle.event
---@field name string what reports call it; can be set
---Sets it: everyone who waits goes on, and so does who comes later.
---@field set fun(self: heddle.event)
---Takes it back: who comes later waits.
---@field clear fun(self: heddle.event)
---Whether it is set.
---@field is_set fun(self: heddle.event): boolean
---Waits until it is set: true, or nil, "timeout".
---@field wait fun(self: heddle.event, timeout?: number): true?, string?

---Permits: as many may be taken as there are.
---@class heddle.semaphore
---@field name string what reports call it; can be set
---Takes a permit, or waits for one: true, or nil, "timeout".
---@field acquire fun(self: heddle.semaphore, timeout?: number): true?, string?
---Gives `k` (1) permits; any task may. A bounded one raises [too-many-permits] above its bound.
---@field release fun(self: heddle.semaphore, k?: integer)
---How many permits are free.
---@field value fun(self: heddle.semaphore): integer
---Takes a permit for the scope of a `<close>` variable; it comes back when its process dies, too.
---@field hold fun(self: heddle.semaphore, timeout?: number): heddle.guard?, string?

---A place where a number of parties wait for each other, again and again.
---@class heddle.barrier
---@field name string what reports call it; can be set
---Waits until all parties are here, and returns an index of one's own, from 0. nil, "timeout" for
---the one whose time ran out, which breaks it: nil, "broken" for the others.
---@field wait fun(self: heddle.barrier, timeout?: number): integer?, string?
---Makes it as new; who waits gets nil, "broken".
---@field reset fun(self: heddle.barrier)
---Breaks it until it is reset.
---@field abort fun(self: heddle.barrier)
---How many it takes.
---@field parties fun(self: heddle.barrier): integer
---How many wait now.
---@field waiting fun(self: heddle.barrier): integer
---Whether it is broken.
---@field broken fun(self: heddle.barrier): boolean

---A lock for many readers or one writer.
---@class heddle.rwlock
---@field name string what reports call it; can be set
---Takes it for reading, beside other readers, for the scope of a `<close>` variable.
---@field read fun(self: heddle.rwlock, timeout?: number): heddle.guard?, string?
---Takes it for writing, alone, for the scope of a `<close>` variable.
---@field write fun(self: heddle.rwlock, timeout?: number): heddle.guard?, string?

---A count that goes down to 0, once.
---@class heddle.latch
---@field name string what reports call it; can be set
---Goes down by `k` (1), at most to 0.
---@field count_down fun(self: heddle.latch, k?: integer)
---The steps that are left.
---@field count fun(self: heddle.latch): integer
---Waits until it is at 0: true, or nil, "timeout".
---@field wait fun(self: heddle.latch, timeout?: number): true?, string?

local sync = {
  ---A lock, free.
  ---@type fun(): heddle.lock
  lock = native.lock,
  ---A re-entrant lock, free.
  ---@type fun(): heddle.rlock
  rlock = native.rlock,
  ---A condition, with a lock of its own (re-entrant) or the given one.
  ---@type fun(lock?: heddle.lock|heddle.rlock): heddle.condition
  condition = native.condition,
  ---An event, not set.
  ---@type fun(): heddle.event
  event = native.event,
  ---A semaphore with `n` (1) permits.
  ---@type fun(n?: integer): heddle.semaphore
  semaphore = native.semaphore,
  ---A semaphore that never has more than its `n` (1) permits: one release too many is misuse.
  ---@type fun(n?: integer): heddle.semaphore
  bounded_semaphore = native.bounded_semaphore,
  ---A barrier for so many parties. The last to come runs `action` before any goes on; `timeout` is
  ---for waits that name none.
  ---@type fun(parties: integer, action?: function, timeout?: number): heddle.barrier
  barrier = native.barrier,
  ---A readers-writer lock, free.
  ---@type fun(): heddle.rwlock
  rwlock = native.rwlock,
  ---A latch with `n` steps to go.
  ---@type fun(n: integer): heddle.latch
  latch = native.latch,
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
  native.condition_check(self, "condition:wait_for")
  if type(pred) ~= "function" then
    misuse("bad-argument", "condition:wait_for: pred: a function expected, got %s", type(pred))
  elseif timeout ~= nil and not (type(timeout) == "number" and timeout >= 0) then
    misuse("bad-time", "condition:wait_for: timeout: a number of seconds >= 0 expected, got %s",
      tostring(timeout))
  end
  local limit = timeout and now() + timeout
  native.condition_check(self, "condition:wait_for", true)
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
