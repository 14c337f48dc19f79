-- Pools whose workers share this interpreter's heap: coroutines and threads. Jobs go through a
-- queue by reference; whoever ran one settles it. What must be one step among threads is one call
-- of C: a method of a queue, a function of `table` or of heddle.native.jobs.
--
-- Each job of submit runs in a task of its own, so that to cancel it reaches nothing else. A
-- coroutine pool starts that task as soon as one of its slots is free; a thread of a thread pool
-- starts it and waits.
local core = require "heddle.pool_core"
local jobs = require "heddle.native.jobs"
local native = require "heddle.native.task"
local queue = require "heddle.queue"
local sync = require "heddle.native.sync"
local recorder = require "heddle.native.trace"

local heap = {}


-- what is in line -------------------------------------------------------------------------------

-- Futures, maps (once for each worker that may take chunks of it) and items of imap. All but
-- futures have run(p, slot), which returns how many jobs it was.

---@class heddle.pool.item
local item = {}
item.__index = item


function item:run(p)
  local work = self.work
  if work.over then
    work:skip(self.place)
    core.leave(p, 1)
    return 0
  end
  native.doing(self.place)
  work:settle(self.place, xpcall(work.fn, core.keep_trace, self.value))
  native.doing()
  core.leave(p, 1)
  return 1
end


local function done(f, worker, ok, ...)
  if ok then return f:settle(nil, true, ...) end
  local failure = core.failure(...)
  failure.worker = worker
  f:settle(nil, false, failure)
end


-- In the job's own task.
local function run_future(f, worker)
  local args, number = f.args, f.traced
  if not args or not f:begin() then return end
  native.doing(f.submitted)
  if number then recorder.started(f.pool.id, number) end
  done(f, worker, xpcall(args[0], core.keep_trace, table.unpack(args, 1, args.n)))
  if number then recorder.ended(f.pool.id, number, f.state) end
  native.doing()
end


-- Returns false when the pool was given up meanwhile.
local function put(p, thing)
  local fine = p.jobs:put(thing)
  p.backend.wake(p)
  return fine
end


-- Waits while the line is full.
function heap.submit(p, f, fn, ...)
  local args = table.pack(...)
  args[0] = fn
  f.args = args
  if recorder.active() then
    f.traced = jobs.add(p, "traced", 1)
    core.tell_queued(p, f.traced, fn)
  end
  if p.room then p.room:acquire() end
  return put(p, f)
end


function heap.post(p, work, place, value)
  put(p, setmetatable({ work = work, place = place, value = value }, item))
end


function heap.map(p, m)
  m:enter(m.chunks)
  for _ = 1, math.min(p.size, m.chunks) do put(p, m) end
end


-- A map's chunks that no worker has taken are taken here; items of imap are skipped.
function heap.drop(p, work)
  if not work.chunks then return end
  local given_out = jobs.add(work, "next", work.chunks) - work.chunks
  local n = work.chunks - given_out
  if n <= 0 then return end
  work:close(n)
  work:leave(n)
  core.leave(p, n)
end


function heap.begin_work() end
function heap.end_work() end


local function open_line(p)
  p.jobs = queue.new(0, { name = "jobs of " .. p.name })
  if p.limit then p.room = sync.semaphore(p.limit) end
end


-- Something was taken out of the line.
local function make_room(p, thing)
  if p.room and not thing.run then p.room:release() end
end


local function empty_line(p)
  p.jobs:close()
  repeat
    local thing = p.jobs:try_get()
    if thing then make_room(p, thing) end
  until thing == nil
end


-- futures ---------------------------------------------------------------------------------------

function heap.cancel(_, f, hard)
  if f:drop() then return true end
  local task = f.task
  if not task then return false end
  if hard then return task:cancel { hard = true } end
  return task:cancel()
end


-- Drops a job unless it has begun.
function heap.withdraw(_, f)
  f:drop()
end


function heap.status(_, f)
  local task = f.task
  if f.state == "running" and task and task:status() == "blocked" then return "blocked" end
  return f.state
end


-- workers ---------------------------------------------------------------------------------------

local function initialize(p, slot)
  if not p.initializer or slot.ready then return true end
  local ok, failure = xpcall(p.initializer, core.keep_trace, table.unpack(p.args, 1, p.args.n))
  failure = not ok and core.failure(failure) or nil
  if failure then failure.worker = slot.name end
  core.initialized(p, failure)
  slot.ready = ok
  return ok
end


-- Whether the slot's worker has now done as many jobs as it may; then a new one takes its place.
local function is_worn(p, slot, n)
  slot.jobs = slot.jobs + n
  if not p.max_jobs or slot.jobs < p.max_jobs then return false end
  slot.jobs, slot.ready = 0, false
  return true
end


-- coroutines ------------------------------------------------------------------------------------

local coroutines = setmetatable({}, { __index = heap })
heap.coroutines = coroutines


function coroutines.open(p)
  open_line(p)
  p.free, p.tasks = {}, {}
  for i = 1, p.size do p.free[i] = { jobs = 0, name = p.name .. "-" .. i } end
end


-- Ends a slot's turn, also when its task was stopped for good, and begins the next.
local turn = {
  __close = function(self)
    local p, slot, f = self.p, self.slot, self.future
    if f then
      if f.state == "running" then f:abandon { err = native.cancelled() } end
      f:leave_line()
    end
    if is_worn(p, slot, self.n) and not p.ending then core.count(p, "restarted") end
    core.count(p, "busy", -1)
    p.tasks[native.current()] = nil
    table.insert(p.free, slot)
    coroutines.wake(p)
  end,
}


local function run_turn(p, slot, thing)
  local self <close> = setmetatable({ p = p, slot = slot, n = 0 }, turn)
  if not thing.run then self.future, self.n = thing, 1 end
  while not initialize(p, slot) do
    if p.ending then return end
  end
  if thing.run then
    self.n = thing:run(p, slot)
  else
    run_future(thing, slot.name)
  end
end


-- Starts a task for each job in line while slots are free.
function coroutines.wake(p)
  while not p.terminated do
    local slot = table.remove(p.free)
    if not slot then return end
    local thing = p.jobs:try_get()
    if thing == nil then
      table.insert(p.free, slot)
      if p.jobs:empty() then return end -- else one came between, and found no slot
    else
      make_room(p, thing)
      core.count(p, "busy")
      local named = recorder.active() and { name = slot.name } or nil -- so that slots have lanes
      local task = native.internal(named and native.start(named, run_turn, p, slot, thing)
        or native.start(run_turn, p, slot, thing))
      if not thing.run then thing.task = task end
      p.tasks[task] = true
    end
  end
end


function coroutines.stop(p) p.jobs:close() end


function coroutines.kill(p)
  empty_line(p)
  local own = native.current()
  for task in pairs(p.tasks) do
    if task ~= own then task:cancel { hard = true } end
  end
  if p.tasks[own] then own:cancel { hard = true } end
end


function coroutines.await(p, left)
  for task in pairs(p.tasks) do
    if task ~= native.current() and not task:join(left()) then return false end
  end
  return true
end


function coroutines.live(p) return p.over:is_set() and 0 or p.size end
function coroutines.busy(p) return p.busy end


-- threads ---------------------------------------------------------------------------------------

local threads = setmetatable({}, { __index = heap })
heap.threads = threads

local start_thread


-- The end of a worker thread, however it came: its job, and who comes after it.
local ending = {
  __close = function(self)
    local p, slot, f = self.p, self.slot, self.future
    if f then
      if f.state == "running" then f:abandon { err = "worker died: cancelled" } end
      f:leave_line()
      core.count(p, "busy", -1)
      core.count(p, "died")
    end
    if p.ending then return end
    core.count(p, "restarted")
    slot.jobs, slot.ready = 0, false
    local err = start_thread(p, slot)
    if err then core.break_pool(p, { err = err }) end
  end,
}


local function run_in_thread(p, slot, thing, guard)
  core.count(p, "busy")
  local n = 1
  if thing.run then
    n = thing:run(p, slot)
  else
    guard.future = thing
    local task = native.internal(native.start(run_future, thing, slot.name))
    thing.task, slot.task = task, task
    task:join()
    slot.task = nil
    if thing.state == "running" then thing:abandon { err = native.cancelled() } end
    guard.future = nil
    thing:leave_line()
  end
  core.count(p, "busy", -1)
  return n
end


local function work(p, slot)
  local guard <close> = setmetatable({ p = p, slot = slot }, ending)
  slot.main = native.current()
  if not initialize(p, slot) then return end
  for thing in p.jobs:items() do
    make_room(p, thing)
    if is_worn(p, slot, run_in_thread(p, slot, thing, guard)) then return end
  end
end


-- Returns the error when it could not be started.
function start_thread(p, slot)
  local start = require("heddle.thread").start
  local started, h = pcall(start, { name = slot.name, daemon = true }, work, p, slot)
  if not started then return h end
  slot.handle = h
end


function threads.open(p)
  open_line(p)
  p.slots = {}
  for i = 1, p.size do
    p.slots[i] = { jobs = 0, name = p.name .. "-" .. i }
    local err = start_thread(p, p.slots[i])
    if err then
      core.break_pool(p, { err = err })
      error(err, 0)
    end
  end
end


-- Whether what runs now is the slot's thread, or its job.
local function is_inside(slot)
  local own = native.current()
  return slot.main == own or slot.task == own
end


function threads.wake() end
function threads.stop(p) p.jobs:close() end


function threads.kill(p)
  empty_line(p)
  local own
  for _, slot in ipairs(p.slots) do
    if is_inside(slot) then
      own = slot.handle
    elseif slot.handle then
      slot.handle:cancel { hard = true }
    end
  end
  if own then own:cancel { hard = true } end
end


function threads.await(p, left)
  for _, slot in ipairs(p.slots) do
    repeat
      local h = slot.handle
      if h and not is_inside(slot) and not h:join(left()) then return false end
    until h == slot.handle
  end
  return true
end


threads.live = core.live_workers


function threads.busy(p) return p.busy end


return heap
