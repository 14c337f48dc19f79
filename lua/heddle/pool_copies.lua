-- Pools whose workers have interpreters of their own: isolates and processes. Jobs and answers
-- travel as messages in two shared queues; what a worker does with them is heddle.pool_worker, and
-- who takes the answers in and looks after the workers heddle.pool_supervisor.
local core = require "heddle.pool_core"
local jobs = require "heddle.native.jobs"
local native = require "heddle.native.task"
local queue = require "heddle.queue"
local shared = require "heddle.shared"
local recorder = require "heddle.native.trace"
local supervisor = require "heddle.pool_supervisor"
local worker = require "heddle.pool_worker"

local copies = {}

local PATIENCE = 0.05 -- seconds that a job to be stopped for good gets before its worker is


-- workers ---------------------------------------------------------------------------------------

-- What can't be copied is told by the options' names, not by their place in the message.
local function with_names(err)
  return type(err) == "string" and err:gsub("args%[1%]%.args", "args")
    :gsub("args%[1%]%.initializer: ", "") or err
end


-- Returns the error when it could not be started.
function copies.start_worker(p, slot)
  local options = { name = p.name .. "-" .. slot.number, daemon = true, method = p.method }
  local started, h = pcall(p.module.start, options, worker.run, {
    jobs = p.jobs, answers = p.answers, claims = p.claims, marks = p.marks,
    dropped = p.dropped, functions = p.functions, control = slot.control,
    slot = slot.number, initializer = p.initializer, args = p.initializer and p.args,
    max_jobs = p.max_jobs, group = p.id,
  })
  if not started then return with_names(h) end
  slot.handle, slot.name, slot.initialized = h, options.name, false
  supervisor.watch(p, slot)
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
    local err = copies.start_worker(p, slot)
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
  supervisor.ensure(p)
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


-- What was taken by now is done, so that of several that fail the first is known; what is taken
-- once the workers can know is skipped, so a map waits for it no more.
function copies.drop(p, work)
  p.dropped[-work.id] = jobs.taken(p.jobs)
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
  supervisor.ensure(p)
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
  supervisor.ensure(p)
  post(p, true, stream, place, stream.id, value, true)
end


-- Posts a job whose worker died once more, if it may be. Returns whether it was.
function copies.post_again(p, work, place)
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
    if f:done() then supervisor.unmark(p, f) end
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


copies.live = core.live_workers


function copies.busy(p)
  local n = 0
  for i = 1, p.size do
    if p.works[p.claims[i]] then n = n + 1 end
  end
  return n
end


return copies
