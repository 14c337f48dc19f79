-- Pools: workers of any model that do the jobs they are given. A job's error is raised by its
-- future's `result`, with the worker's traceback; a worker that dies fails its own job only, and is
-- replaced.
--
--     local function square(n) return n * n end
--     local p <close> = pool.new("processes", 2)
--     print(p:submit(square, 12):result()) --> 144
--     print(table.concat(p:map(square, { 1, 2, 3 }), " ")) --> 1 4 9
--
-- Stands on: pool_options, pool_core (counting), pool_heap and pool_copies (the models), pool_map,
-- pool_imap, future.
local core = require "heddle.pool_core"
local future = require "heddle.future"
local jobs = require "heddle.native.jobs"
local native = require "heddle.native.task"
local pool_imap = require "heddle.pool_imap"
local pool_map = require "heddle.pool_map"
local pool_options = require "heddle.pool_options"
local sync = require "heddle.native.sync"

local pool = {}

---A pool; closable: it is closed and joined, or terminated when an error passes.
---@class heddle.pool
---@field name string what reports call it
local methods = {}
local meta = { __index = methods, __name = "heddle.pool", __uncopyable = "pool" }

-- What methods are called on only refers to the pool, so that a pool that the script has forgotten
-- can be told from one that its workers and futures still need: it is closed. So no method that
-- gives it jobs ends in a tail call: `self` has to live as long.
local inner_meta = { __uncopyable = "pool" }

local misuse, show = core.misuse, pool_options.show

-- All that were made in this interpreter and were not joined.
local all = {}
local made = 0


local function backend_of(kind)
  if kind == "coroutine" then return require("heddle.pool_heap").coroutines end
  if kind == "thread" then return require("heddle.pool_heap").threads end
  return require "heddle.pool_copies"
end


-- Those that nobody joined, though they have ended and have nothing to tell, are not kept.
local function forget_ended()
  local function no_time() return 0 end
  local ended = {}
  for p in pairs(all) do
    local mine = p.interpreter == jobs.interpreter()
    if not mine or p.over:is_set() and not next(p.unasked) then ended[#ended + 1] = p end
  end
  for _, p in ipairs(ended) do
    if p.interpreter ~= jobs.interpreter() or p.backend.await(p, no_time) then all[p] = nil end
  end
end


---A pool of workers that do the jobs they are given. It belongs to this interpreter. One that is
---left open does its jobs when the program, or the worker that made it, ends; one that is collected
---is closed.
---@param model string "coroutines", "threads", "isolates" or "processes"
---@param workers? integer how many; without it heddle.cores()
---@param options? heddle.pool.Options
---@return heddle.pool
function pool.new(model, workers, options)
  local kind = pool_options.kind(model)
  if type(workers) == "table" and options == nil then workers, options = nil, workers end
  local why
  workers, why = pool_options.workers(workers)
  options = options or {}
  pool_options.check(kind, options)
  made = made + 1
  local args = options.args or {}
  local p = setmetatable({
    kind = kind, size = workers, size_by = why,
    name = options.name or "Pool-" .. made, id = jobs.id(),
    initializer = options.initializer, args = table.move(args, 1, args.n or #args, 1, {
      n = args.n or #args,
    }),
    max_jobs = math.tointeger(options.max_jobs), method = options.method,
    limit = math.tointeger(options.queue), retry = math.tointeger(options.retry or 0),
    interpreter = jobs.interpreter(),
    backend = backend_of(kind),
    left = 0, busy = 0, submitted = 0, traced = 0, maps = 0, init_failures = 0, -- counts
    done = 0, failed = 0, cancelled = 0, died = 0, restarted = 0,
    in_vain = 0, -- of `left`, in line: cancelled futures
    closed = false, ending = false, -- ending: its workers are to end
    open = {}, -- futures, maps and streams that are not settled
    unasked = {}, -- failed futures
    callbacks = {}, -- tasks of on_done
    over = sync.event(), -- set when closed and nothing is left
  }, inner_meta)
  p.over.name = "the jobs of " .. p.name
  p.backend.open(p)
  forget_ended()
  all[p] = true
  return setmetatable({ name = p.name, id = p.id, inner = p }, meta)
end


-- submitting ------------------------------------------------------------------------------------

-- Returns the pool itself.
local function check(self, what, level)
  level = level or 3
  if getmetatable(self) ~= meta then
    misuse(level, "bad-self", "pool:%s: self: a pool expected, got %s (call it with a colon)",
      what, type(self))
  end
  local p = self.inner
  if p.interpreter ~= jobs.interpreter() then
    misuse(level, "pool-elsewhere", "pool:%s: %s belongs to the process that made it", what,
      p.name)
  end
  return p
end


local function check_open(self, what)
  local p = check(self, what, 4)
  if p.broken then
    local err = p.broken.err
    error(type(err) == "string" and ("pool:%s: %s is broken: %s [pool-broken]")
      :format(what, p.name, err) or err, 3)
  elseif p.closed then
    misuse(3, "pool-closed", "pool:%s: %s was closed", what, p.name)
  end
  return p
end


local function check_function(what, fn)
  if type(fn) ~= "function" then
    misuse(3, "bad-argument", "pool:%s: fn: a function expected, got %s", what, type(fn))
  end
end


-- Takes back what was counted for a job that could not be sent.
local function unsent(p, f)
  p.open[f] = nil
  f:leave_line()
end


-- Called by a method: errors tell the place of its caller.
local function submit(p, place, fn, ...)
  local f = future.new(p, place)
  core.enter(p, 1)
  p.open[f] = true
  local fine, sent = pcall(p.backend.submit, p, f, fn, ...)
  if fine and sent then return f end
  unsent(p, f)
  if not fine then error(core.unplaced(sent), 3) end
  f:abandon(p.given_up)
  return f
end


---Gives the pool a job; waits while the pool is full (option `queue`).
---@param fn function
---@param ... any its arguments
---@return heddle.future
function methods:submit(fn, ...)
  local p = check_open(self, "submit")
  check_function("submit", fn)
  local f = submit(p, core.place(), fn, ...)
  return f
end


-- Who gives up waiting wants the job no more.
local applied = {
  __close = function(self, err)
    if err ~= nil and not self.future:done() then self.future:cancel() end
  end,
}


---Has one job done and waits for it.
---@param fn function
---@param ... any its arguments
---@return any ... its results; its error is raised
function methods:apply(fn, ...)
  local p = check_open(self, "apply")
  check_function("apply", fn)
  local f = submit(p, core.place(), fn, ...)
  local _ <close> = setmetatable({ future = f }, applied)
  return f:result()
end


local function check_list(what, list)
  if type(list) ~= "table" then
    misuse(3, "bad-argument", "pool:%s: list: a table expected, got %s", what, type(list))
  elseif list.n ~= nil and not core.whole(list.n, 0) then
    misuse(3, "bad-argument", "pool:%s: list.n: a whole number >= 0 expected, got %s", what,
      show(list.n))
  end
  return math.tointeger(list.n or #list)
end


local map_options = { chunk = true, timeout = true }

-- Returns chunk and timeout.
local function check_map_options(what, options)
  if options == nil then return 1 end
  if type(options) ~= "table" then
    misuse(3, "bad-argument", "pool:%s: options: a table expected, got %s", what, type(options))
  end
  for key in pairs(options) do
    if not map_options[key] then
      misuse(3, "unknown-option",
        "pool:%s: options: unknown option '%s' (there are: chunk, timeout)", what, tostring(key))
    end
  end
  local chunk, timeout = options.chunk, options.timeout
  if chunk ~= nil and not core.whole(chunk, 1) then
    misuse(3, "bad-option", "pool:%s: chunk: a whole number >= 1 expected, got %s", what,
      show(chunk))
  elseif timeout ~= nil and not (type(timeout) == "number" and timeout >= 0) then
    misuse(3, "bad-time", "pool:%s: timeout: a number of seconds >= 0 expected, got %s", what,
      show(timeout))
  end
  return math.tointeger(chunk or 1), timeout
end


---Calls `fn` with each item of a list, several at a time.
---@param fn function
---@param list table
---@param options? {chunk?: integer, timeout?: number} chunk: items in a job, 1 unless given
---@return table? results in the list's order, with n
---@return string? reason nil, "timeout"
function methods:map(fn, list, options)
  local p = check_open(self, "map")
  check_function("map", fn)
  local n = check_list("map", list)
  local chunk, timeout = check_map_options("map", options)
  local results, why = pool_map.run(p, fn, list, n, chunk, false, timeout)
  return results, why
end


---The same as `map` where each item is a list of arguments.
---@param fn function
---@param list table[]
---@param options? {chunk?: integer, timeout?: number}
---@return table? results, string? reason
function methods:starmap(fn, list, options)
  local p = check_open(self, "starmap")
  check_function("starmap", fn)
  local n = check_list("starmap", list)
  for i = 1, n do
    if type(list[i]) ~= "table" then
      misuse(2, "bad-argument", "pool:starmap: item %d: a list of arguments expected, got %s", i,
        type(list[i]))
    end
  end
  local chunk, timeout = check_map_options("starmap", options)
  local results, why = pool_map.run(p, fn, list, n, chunk, true, timeout)
  return results, why
end


local function stream(self, what, fn, ordered, iterable, state, control)
  check_function(what, fn)
  if type(iterable) ~= "table" and type(iterable) ~= "function" then
    misuse(2, "bad-argument", "pool:%s: iterable: a list or an iterator function expected, got %s",
      what, type(iterable))
  end
  return pool_imap.open(self, self.inner, fn, ordered, iterable, state, control)
end


---Iterates over place and result of each item, in order; takes the items as it goes on.
---@param fn function
---@param iterable table|function a list, or a function that returns the next item, nil at the end
---@param state? any what the generic `for` would call it with: so p:imap(fn, q:items()) works
---@param control? any
---@return fun():(integer?,any) iterator of place and result
function methods:imap(fn, iterable, state, control)
  check_open(self, "imap")
  if type(iterable) == "table" then check_list("imap", iterable) end
  return stream(self, "imap", fn, true, iterable, state, control)
end


---The same as `imap` in the order in which the results come.
---@param fn function
---@param iterable table|function
---@param state? any
---@param control? any
---@return fun():(integer?,any) iterator of place and result
function methods:imap_unordered(fn, iterable, state, control)
  check_open(self, "imap_unordered")
  if type(iterable) == "table" then check_list("imap_unordered", iterable) end
  return stream(self, "imap_unordered", fn, false, iterable, state, control)
end


-- the end ---------------------------------------------------------------------------------------

---No more jobs; those that it has are done.
function methods:close()
  core.close(check(self, "close"))
end


-- Reports the errors that nobody asked for.
local function report_unasked(p)
  local unasked = {}
  for f in pairs(p.unasked) do unasked[#unasked + 1] = f end
  table.sort(unasked, function(a, b) return a.id < b.id end)
  for _, f in ipairs(unasked) do
    p.unasked[f] = nil
    io.stderr:write(("heddle: job %s of %s failed, and nobody asked for its result: %s\n%s\n")
      :format(f.name, p.name, tostring(f.failure.err), f:traceback()))
  end
end


local function await_callbacks(p, left)
  local own = native.current()
  for task in pairs(p.callbacks) do
    if task ~= own and not task:join(left()) then return false end
  end
  return true
end


local function join(p, timeout)
  local limit = timeout and native.now() + timeout
  local function left()
    return limit and math.max(0, limit - native.now())
  end
  local ended = p.over:wait(left()) and p.backend.await(p, left)
    and await_callbacks(p, left)
  if not ended then return nil, "timeout" end
  all[p] = nil
  report_unasked(p)
  return true
end


---Waits for the end of a pool that was closed: all its jobs are done, its on_done functions have
---returned, its workers have ended. Errors that nobody asked for go to stderr.
---@param timeout? number seconds
---@return true? ended, string? reason nil, "timeout"
function methods:join(timeout)
  local p = check(self, "join")
  if timeout ~= nil and not (type(timeout) == "number" and timeout >= 0) then
    misuse(2, "bad-time", "pool:join: timeout: a number of seconds >= 0 expected, got %s",
      show(timeout))
  elseif not p.closed then
    misuse(2, "pool-open", "pool:join: %s is open (close it first)", p.name)
  end
  return join(p, timeout)
end


---Stops the workers for good; jobs that have not ended are cancelled.
function methods:terminate()
  core.terminate(check(self, "terminate"))
end


---Closes the pool, as Python's executors do it.
---@param options? {wait?: boolean, cancel?: boolean} wait (true): joins it; cancel (false): drops
---the jobs that have not begun
function methods:shutdown(options)
  local p = check(self, "shutdown")
  if options ~= nil and type(options) ~= "table" then
    misuse(2, "bad-argument", "pool:shutdown: options: a table expected, got %s", type(options))
  end
  for key, value in pairs(options or {}) do
    if key ~= "wait" and key ~= "cancel" then
      misuse(2, "unknown-option",
        "pool:shutdown: options: unknown option '%s' (there are: cancel, wait)", tostring(key))
    elseif type(value) ~= "boolean" then
      misuse(2, "bad-option", "pool:shutdown: %s: true or false expected, got %s", key, show(value))
    end
  end
  core.close(p)
  if options and options.cancel then
    for work in pairs(p.open) do
      if work.state == "pending" then p.backend.withdraw(p, work) end
    end
  end
  if not options or options.wait ~= false then join(p) end
end


function meta:__close(err)
  local p = self.inner
  if p.interpreter ~= jobs.interpreter() then return end -- a fork's copy
  if err ~= nil then core.terminate(p) else core.close(p) end
  join(p)
end


function meta:__gc()
  local p = self.inner
  if p and p.interpreter == jobs.interpreter() then core.close(p) end
end


-- The jobs that are left, but for those that were cancelled in line.
local function wanted(p)
  return math.max(0, p.left - math.max(0, p.in_vain))
end


---Counts: workers alive, busy ones, jobs pending, and how jobs and workers ended so far.
---@return table<"workers"|"busy"|"pending"|"done"|"failed"|"cancelled"|"died"|"restarted", integer>
function methods:stats()
  local p = check(self, "stats")
  local busy = p.backend.busy(p)
  return {
    workers = p.backend.live(p), busy = busy,
    pending = math.max(0, wanted(p) - busy),
    done = p.done, failed = p.failed, cancelled = p.cancelled,
    died = p.died, restarted = p.restarted,
  }
end


function meta:__tostring()
  local p = self.inner
  local state = p.broken and "broken" or p.terminated and "terminated"
    or p.closed and "closed" or "open"
  local why = p.size_by and " for the cores by " .. p.size_by or ""
  return ("pool %s (%s, %d %s%s, %d jobs left)"):format(p.name, state, p.size,
    pool_options.plurals[p.kind], why, wanted(p))
end


-- At the end of the program, and of each worker: the jobs of pools that were left open are done,
-- their workers ended.
function pool.finish()
  while next(all) do
    local p = next(all)
    all[p] = nil
    if p.interpreter == jobs.interpreter() then
      core.close(p)
      join(p)
    end
  end
end


-- After Ctrl-C: what is in the pools is given up.
function pool.stop()
  for p in pairs(all) do
    if p.interpreter == jobs.interpreter() then core.terminate(p) end
  end
end


return pool
