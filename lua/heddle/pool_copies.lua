-- Pools whose workers have interpreters of their own: isolates and processes. Jobs and answers
-- travel as messages in two shared queues; what a worker does with them is heddle.pool_worker.
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
local queue = require "heddle.queue"
local shared = require "heddle.shared"
local recorder = require "heddle.native.trace"
local worker = require "heddle.pool_worker"

local copies = {}

local PATIENCE = 0.05 -- seconds that a job to be stopped for good gets before its worker is

local supervise


-- workers ---------------------------------------------------------------------------------------

local function ensure_supervisor(p)
  if jobs.swap(p, "supervised", false, true) then
    native.internal(native.start(supervise, p))
  end
end


-- Tells the supervisor that a worker has ended.
local function watch(p, slot, h)
  h:join()
  h:traceback() -- asked for: the pool sees to it
  if p.ending then return end
  jobs.add(p, "ended", 1)
  jobs.answer(p.answers, false, 0, nil, slot.number)
  ensure_supervisor(p)
end


local function watch_slot(p, slot)
  slot.watcher = native.internal(native.start({ daemon = true }, watch, p, slot, slot.handle))
end


-- Returns the error when it could not be started.
local function start_worker(p, slot)
  local options = { name = p.name .. "-" .. slot.number, daemon = true, method = p.method }
  local started, h = pcall(p.module.start, options, worker.run, {
    jobs = p.jobs, answers = p.answers, claims = p.claims, marks = p.marks,
    dropped = p.dropped, functions = p.functions, control = slot.control,
    slot = slot.number, initializer = p.initializer, args = p.initializer and p.args,
    max_jobs = p.max_jobs, group = p.id,
  })
  if not started then return h end
  slot.handle, slot.name = h, options.name
  watch_slot(p, slot)
end


-- The kind's name comes with each object: it is what reports show.
local function name_objects(p)
  p.jobs.name = "jobs of " .. p.name
  p.answers.name = "answers of " .. p.name
end


function copies.open(p)
  p.module = require("heddle." .. p.kind)
  p.jobs = queue.new(p.limit, { shared = true })
  p.answers = queue.new(0, { shared = true })
  p.claims = shared.array("int", p.size)
  p.marks, p.dropped = shared.value("int", 0), shared.dict()
  p.functions = shared.dict()
  p.taker = jobs.taker(p.answers)
  p.works, p.places, p.slots = {}, {}, {}
  p.supervised, p.ended, p.chunks_kept = false, 0, 0
  name_objects(p)
  for i = 1, p.size do
    local control = queue.new(0, { shared = true })
    control.name = ("requests to %s-%d"):format(p.name, i)
    p.slots[i] = { number = i, control = control }
  end
  for _, slot in ipairs(p.slots) do
    local err = start_worker(p, slot)
    if err then
      core.break_pool(p, { err = err })
      error(err, 0)
    end
  end
end


-- jobs ------------------------------------------------------------------------------------------

-- Posts one job; while the line is full, waits if it is not urgent. Returns nil when the pool was
-- given up meanwhile.
local function post(p, urgent, work, place, ...)
  while true do
    local number, why = jobs.post(p.jobs, urgent, p.works, p.places, work, place, ...)
    if number and recorder.active() then core.tell_queued(p, number, work.fn or (...)) end
    if number or why == "closed" then return number end
    jobs.room(p.jobs)
  end
end


function copies.submit(p, f, fn, ...)
  if p.retry > 0 then f.args = table.pack(fn, ...) end
  ensure_supervisor(p)
  f.number = post(p, false, f, 0, fn, ...)
  return f.number
end


local function post_future(p, f)
  f.number = post(p, true, f, 0, table.unpack(f.args, 1, f.args.n))
end


-- Sends the function of a map or imap, once; its items name it by an id.
function copies.begin_work(p, work)
  work.id = jobs.add(p, "maps", 1)
  local map = { fn = work.fn, chunked = work.chunk and work.chunk > 1, spread = work.spread }
  local fine, err = pcall(function() p.functions[work.id] = map end)
  if not fine then error((tostring(err):gsub("can't copy value%.fn: ", "can't copy ")), 0) end
end


-- Nothing of it is left.
function copies.end_work(p, work)
  p.functions[work.id] = nil
  if work.over then
    p.dropped[-work.id] = nil
    p.marks:add(-1)
  end
end


-- What was not taken by now will be skipped; so a map waits for it no more.
function copies.drop(p, work)
  p.dropped[-work.id] = true
  p.marks:add(1)
  if work.numbers then work:exclude(jobs.taken(p.jobs)) end
end


local function post_chunk(p, urgent, m, c)
  if m.chunk == 1 then return post(p, urgent, m, c, m.id, m.list[c]) end
  return post(p, urgent, m, c, m.id, m:part(c))
end


local function post_chunks(p, m, numbers)
  local urgent = not p.limit
  for c = 1, m.chunks do
    if m.over then return end
    numbers[c] = post_chunk(p, urgent, m, c)
  end
end


function copies.map(p, m)
  m:enter(m.chunks)
  ensure_supervisor(p)
  local sent, err = pcall(post_chunks, p, m, m.numbers)
  local n = m.chunks - #m.numbers -- not sent
  if n > 0 then
    m:close(n)
    m:leave(n)
    core.leave(p, n)
  end
  if not sent then error(err, 0) end
end


function copies.post(p, stream, place, value)
  if p.retry > 0 then stream.values[place] = value end
  ensure_supervisor(p)
  post(p, true, stream, place, stream.id, value, true)
end


local function post_again(p, work, place)
  work.tries = work.tries or {}
  local tries = (work.tries[place] or 0) + 1
  if tries > p.retry then return false end
  work.tries[place] = tries
  if work.part then
    post_chunk(p, true, work, place)
  elseif work.values then
    copies.post(p, work, place, work.values[place])
  else
    post_future(p, work)
  end
  return true
end


-- answers ---------------------------------------------------------------------------------------

local function unmark(p, f)
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
  if work.marked then unmark(p, work) end
  if ok == nil then
    work:skip(place)
  else
    if work.begin then work:begin() end
    work:settle(place, ok, ...)
  end
  core.leave(p, 1)
end


local function take_out(p, number)
  local work, place = p.works[number], p.places[number]
  p.works[number], p.places[number] = nil, nil
  return work, place
end


-- Of a worker: that it is ready, that its initializer failed, that it has ended.
local function note(p, ended, ok, ...)
  if ok then
    core.initialized(p)
  elseif ok == false then
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


-- Whether a worker that took no job ended by an error: the next one may, too. One whose initializer
-- failed has said so, and is done.
local function failed_to_begin(p, h)
  return h:status() == "failed" and (p.kind ~= "process" or h:exitcode() > 0)
end


local function fail_job(p, slot, number, h)
  local work, place = take_out(p, number)
  if slot.stopped == number then
    settle_work(p, work, place, false, { err = native.cancelled(), worker = slot.name })
  elseif not post_again(p, work, place) then
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
  elseif failed_to_begin(p, h) then
    core.initialized(p, { err = death_of(p, h), worker = slot.name })
  end
  if not p.ending then
    core.count(p, "restarted")
    local err = start_worker(p, slot)
    if err then core.break_pool(p, { err = err }) end
  end
  if number and p.works[number] then fail_job(p, slot, number, h) end
end


-- Watchers end with the OS thread that they were started on.
local function watch_all(p)
  for _, slot in ipairs(p.slots) do
    if slot.handle and not slot.watcher:alive() and slot.handle:alive() then watch_slot(p, slot) end
  end
end


function supervise(p)
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


-- futures ---------------------------------------------------------------------------------------

local function slot_of(p, number)
  for i, slot in ipairs(p.slots) do
    if p.claims[i] == number then return slot end
  end
end


-- A job that does not stop by itself is stopped with its worker.
local function stop_worker(p, slot, number)
  native.sleep(PATIENCE)
  if p.claims[slot.number] ~= number or not p.works[number] then return end
  slot.stopped = number
  if p.kind == "process" then
    slot.handle:kill()
  else
    slot.handle:cancel { hard = true }
  end
end


-- Who takes the job from now on will see that it is not wanted. Returns whether nobody had.
local function mark(p, f)
  local number = f.number
  if jobs.swap(f, "marked", nil, true) then
    p.dropped[number] = true
    p.marks:add(1)
  end
  return number > jobs.taken(p.jobs)
end


-- Drops a job unless it has begun.
function copies.withdraw(p, f)
  if f.number <= jobs.taken(p.jobs) then return end
  if mark(p, f) then f:drop() end
end


function copies.cancel(p, f, hard)
  local number = f.number
  if mark(p, f) then return f:drop() end
  local slot = slot_of(p, number)
  if not slot or not p.works[number] then
    if f:done() then unmark(p, f) end
    return false -- its answer is on its way
  end
  slot.control:put(hard and -number or number)
  if hard then native.internal(native.start(stop_worker, p, slot, number)) end
  return true
end


function copies.status(p, f)
  return f.number and f.number <= jobs.taken(p.jobs) and "running" or f.state
end


-- the end ---------------------------------------------------------------------------------------

function copies.stop(p)
  p.jobs:close()
end


function copies.kill(p)
  p.halted = true
  p.jobs:close()
  p.works, p.places = {}, {}
  for _, slot in ipairs(p.slots) do
    local h = slot.handle
    if h and p.kind == "process" then
      h:kill()
    elseif h then
      h:cancel { hard = true }
    end
    if h then h:traceback() end -- asked for: nobody else will
  end
  jobs.answer(p.answers, false, 0, true) -- the supervisor looks up
end


function copies.await(p, left)
  for _, slot in ipairs(p.slots) do
    if slot.handle and not slot.handle:join(left()) then return false end
  end
  return true
end


function copies.live(p)
  local n = 0
  for _, slot in ipairs(p.slots) do
    if slot.handle and slot.handle:alive() then n = n + 1 end
  end
  return n
end


function copies.busy(p)
  local n = 0
  for i = 1, p.size do
    if p.works[p.claims[i]] then n = n + 1 end
  end
  return n
end


return copies
