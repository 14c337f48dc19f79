-- The supervisor of a pool of isolates or processes (heddle.pool_copies).
--
-- While jobs are left a task of the library's own, the supervisor, takes the answers in, settles
-- what they belong to, and looks after workers that ended. It is started by whoever submits and
-- ends when nothing is left: so an idle pool keeps no OS thread, and one at work keeps its own as a
-- task does.
--
-- A worker writes the number of a job into its cell of `claims` in the same step that takes the job
-- (see src/sync/jobs.h). So when it has died, and all answers have been taken in, its cell names
-- the one job that died with it, if any.
local core = require "heddle.pool_core"
local jobs = require "heddle.native.jobs"
local native = require "heddle.native.task"
local recorder = require "heddle.native.trace"

local supervisor = {}


-- answers ---------------------------------------------------------------------------------------

-- What was cancelled is done with: its mark goes.
function supervisor.unmark(p, f)
  if jobs.swap(f, "marked", true, false) then
    p.dropped[f.number] = nil
    p.marks:add(-1)
  end
end


local function failure_of(p, err, trace, number)
  local slot = p.slots[number]
  return { err = err, trace = trace, worker = slot and slot.name }
end


-- What came of a map is counted for many chunks at once.
local function count_map(p)
  local m, n = p.map_kept, p.chunks_kept
  p.map_kept, p.chunks_kept = nil, 0
  if m then m:count(n) end
end


local function keep(p, m, c, value)
  m:keep(c, value)
  if p.map_kept ~= m then
    count_map(p)
    p.map_kept = m
  end
  p.chunks_kept = p.chunks_kept + 1
end


local function settle_work(p, work, place, ok, ...)
  if ok and work.keep then return keep(p, work, place, (...)) end
  count_map(p)
  if work.marked then supervisor.unmark(p, work) end
  if ok == nil then
    work:skip(place)
  else
    if work.begin then work:begin() end
    work:settle(place, ok, ...)
  end
  if work.leave_line then return work:leave_line() end
  core.leave(p, 1)
end


local function take_out(p, number)
  local work, place = p.works[number], p.places[number]
  p.works[number], p.places[number] = nil, nil
  return work, place
end


-- Its worker's initializer has returned, or raised.
local function mark_initialized(p, number)
  local slot = p.slots[number]
  if slot then slot.initialized = true end -- none: copies.kill looks in
end


-- Of a worker: that it is ready, that its initializer failed, that it has ended.
local function note(p, ended, ok, ...)
  if ok then
    mark_initialized(p, (...))
    core.initialized(p)
  elseif ok == false then
    mark_initialized(p, (select(3, ...)))
    core.initialized(p, failure_of(p, ...))
  else
    ended[#ended + 1] = p.slots[(...)]
  end
end


-- Takes one answer in: what came from p.taker. Returns false when there was none.
local function take_in(p, ended, got, number, ok, ...)
  if not got then return false end
  if number == 0 then
    note(p, ended, ok, ...)
    return true
  end
  local work, place = take_out(p, number)
  recorder.result(p.id, number)
  if work and ok == false then
    settle_work(p, work, place, false, failure_of(p, ...))
  elseif work then
    settle_work(p, work, place, ok, ...)
  end
  return true
end


-- deaths ----------------------------------------------------------------------------------------

local function take_all_in(p, ended)
  local taker = p.taker
  local take = taker.take
  repeat until not take_in(p, ended, take(taker, 0))
  count_map(p)
end


-- Whether a worker that died might have taken the job that was, in truth, taken by another: it died
-- with the number in its cell and the job still in the queue.
local function is_another_s(p, slot, number)
  for i = 1, p.size do
    if i ~= slot.number and p.claims[i] == number then return true end
  end
  return false
end


-- The number of the job that died with the slot's worker; nil if there was none. All answers have
-- been taken in then.
local function lost_job(p, slot, ended)
  local number = p.claims[slot.number]
  local taken = number ~= 0 and number <= jobs.taken(p.jobs) and not is_another_s(p, slot, number)
  take_all_in(p, ended)
  p.claims[slot.number] = 0
  return taken and p.works[number] and number
end


local function death_of(p, h)
  if p.kind == "process" and h:exitcode() < 0 then
    return ("worker died: signal %d"):format(-h:exitcode())
  elseif p.kind == "process" then
    return ("worker died: exit status %d"):format(h:exitcode())
  elseif h:status() == "cancelled" then
    return "worker died: cancelled"
  end
  local _, err = pcall(h.result, h, 0)
  return "worker died: " .. tostring(err)
end


-- Whether a worker that took no job failed to begin: the next one may, too. It did when it ended
-- inside its initializer, however; killed while idle it did not. One whose initializer raised has
-- said so.
local function failed_to_begin(p, slot, h)
  if p.initializer and not slot.initialized then return true end
  return h:status() == "failed" and (p.kind ~= "process" or h:exitcode() > 0)
end


local function fail_job(p, slot, number, h)
  local work, place = take_out(p, number)
  if slot.stopped == number then
    settle_work(p, work, place, false, { err = native.cancelled(), worker = slot.name })
  elseif work.marked or not p.backend.post_again(p, work, place) then
    settle_work(p, work, place, false, { err = death_of(p, h), worker = slot.name })
  end
end


-- A worker has ended: its job fails or is done again, and another takes its place.
local function bury(p, slot, ended)
  local h, took = slot.handle, p.claims[slot.number] > 0
  jobs.add(p, "ended", -1)
  local number = lost_job(p, slot, ended)
  if number or h:status() ~= "done" then core.count(p, "died") end
  if took then
    core.initialized(p)
  elseif failed_to_begin(p, slot, h) then
    core.initialized(p, { err = death_of(p, h), worker = slot.name })
  end
  if not p.ending then
    core.count(p, "restarted")
    local err = p.backend.start_worker(p, slot)
    if err then core.break_pool(p, { err = err }) end
  end
  if number and p.works[number] then fail_job(p, slot, number, h) end
end


-- Watchers end with the OS thread that they were started on.
local function watch_all(p)
  for _, slot in ipairs(p.slots) do
    local h = slot.handle
    if h and not slot.watcher:alive() and h:alive() then supervisor.watch(p, slot) end
  end
end


local function supervise(p)
  local ended = {}
  watch_all(p)
  repeat
    while (p.left > 0 or p.ended > 0) and not p.halted do
      take_in(p, ended, p.taker:take())
      take_all_in(p, ended)
      while ended[1] do bury(p, table.remove(ended, 1), ended) end
    end
    p.supervised = false
  until p.halted or p.left <= 0 and p.ended <= 0 or not jobs.swap(p, "supervised", false, true)
end


-- starting it -----------------------------------------------------------------------------------

-- Sees to it that there is a supervisor.
function supervisor.ensure(p)
  if jobs.swap(p, "supervised", false, true) then
    native.internal(native.start({ name = p.name }, supervise, p))
  end
end


-- Tells the supervisor that a worker has ended.
local function watch(p, slot, h)
  h:join()
  h:traceback() -- asked for: the pool sees to it
  if p.ending then return end
  jobs.add(p, "ended", 1)
  jobs.answer(p.answers, false, 0, nil, slot.number)
  supervisor.ensure(p)
end


-- Has the end of a slot's worker noticed.
function supervisor.watch(p, slot)
  slot.watcher = native.internal(native.start({ name = p.name, daemon = true }, watch, p, slot,
    slot.handle))
end


return supervisor
