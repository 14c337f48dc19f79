-- What a worker of a pool of isolates or processes does: it takes jobs, runs them, answers. The
-- other side is heddle.pool_copies.
--
-- A message of the job queue is (fn, args...), or (id, value) and (id, list, n) for a chunk of a
-- map whose function is in the dict `functions`. An answer is (number, true, results...), (number,
-- false, error, traceback, slot), or (number) for a job that was dropped. Number 0 is about the
-- worker: (0, true, slot) it is ready, (0, false, error, traceback, slot) its initializer failed;
-- and from the owner's side (0, nil, slot) it has ended.
local core = require "heddle.pool_core"
local jobs = require "heddle.native.jobs"
local native = require "heddle.native.task"
local recorder = require "heddle.native.trace"
local shared = require "heddle.native.shared"
local unsent = require "heddle.unsent"

local worker = {}

local get_marks = shared.value("int").get
local KICK_AFTER = 64 -- quiet answers

---@class heddle.pool.worker
---@field slot integer its number in the pool
---@field group integer its jobs', for the recorder
---@field quiet integer answers that the owner was not woken for
---@field quiet_id integer? the map they belong to
---@field number integer? of the job that runs in a task of its own
---@field job table? that task


local function keep_trace(err)
  return core.keep_trace(unsent.hinted(err))
end


-- answers ---------------------------------------------------------------------------------------

local function answer_failure(self, number, failure)
  local answers, err = self.answers, failure.err
  local slot, trace = self.slot, failure.trace
  if pcall(jobs.answer, answers, false, number, false, err, trace, slot) then return end
  local _, text = pcall(tostring, err)
  jobs.answer(answers, false, number, false, tostring(text), trace, slot)
end


-- In the message results come third.
local function with_place(err)
  return type(err) == "string" and err:gsub("^(.-can't copy results)%[(%d+)%]", function(text, n)
    return ("%s[%d]"):format(text, n - 2)
  end) or err
end


local function answer(self, quiet, number, ok, ...)
  recorder.ended(self.group, number, ok and "done" or "failed")
  if not ok then return answer_failure(self, number, core.failure(...)) end
  local sent, err = pcall(jobs.answer, self.answers, quiet, number, true, ...)
  if not sent then answer_failure(self, number, { err = with_place(err) }) end
end


-- What was answered quietly is told.
local function kick(self)
  if self.quiet == 0 then return end
  self.quiet = 0
  jobs.kick(self.answers)
end


-- maps ------------------------------------------------------------------------------------------

local function run_chunk(fn, list, n)
  local results = {}
  for i = 1, n do results[i] = fn(list[i]) end
  return results
end


local function run_spread_chunk(fn, list, n)
  local results = {}
  for i = 1, n do results[i] = fn(table.unpack(list[i], 1, list[i].n)) end
  return results
end


local function run_spread(fn, list)
  return (fn(table.unpack(list, 1, list.n)))
end


-- The map's function as it is called here; nil when the map is over.
local function function_of(self, id)
  if self.id == id then return self.run, self.fn end
  local map = self.functions[id]
  if not map then return nil end
  self.id, self.fn = id, map.fn
  if map.chunked then
    self.run = map.spread and run_spread_chunk or run_chunk
  else
    self.run = map.spread and run_spread
  end
  return self.run, self.fn
end


-- Only the first result counts. `prompt`: the owner is told at once.
local function answer_item(self, number, prompt, ok, value)
  local quiet = not prompt and ok and self.quiet < KICK_AFTER
  self.quiet = quiet and self.quiet + 1 or 0
  answer(self, quiet, number, ok, value)
end


-- `n` is a chunk's length, or of an item that somebody waits for `true`.
local function run_map_item(self, number, id, value, n)
  local run, fn = function_of(self, id)
  if not fn then
    jobs.answer(self.answers, false, number)
  elseif run then
    answer_item(self, number, false, xpcall(run, keep_trace, fn, value, n))
  else
    answer_item(self, number, n, xpcall(fn, keep_trace, value))
  end
end


-- jobs of submit --------------------------------------------------------------------------------

-- In the job's own task, so that to cancel it reaches nothing else.
local function do_job(self, number, fn, ...)
  native.doing(number)
  answer(self, false, number, xpcall(fn, keep_trace, ...))
  self.number = nil
  native.doing()
end


local function run_job(self, number, fn, ...)
  local job = native.internal(native.start(do_job, self, number, fn, ...))
  self.number, self.job = number, job
  job:join()
  if self.number then
    recorder.ended(self.group, number, "cancelled")
    answer_failure(self, number, { err = native.cancelled() })
  end
  self.number, self.job = nil, nil
end


-- Cancels jobs as the owner asks: a number, negative to stop it for good.
local function heed(self, control)
  for number in control:items() do
    if math.abs(number) == self.number then
      self.job:cancel(number < 0 and { hard = true } or nil)
    end
  end
end


-- the worker ------------------------------------------------------------------------------------

-- Whether the owner wants it no more.
local function is_dropped(self, number, first)
  if get_marks(self.marks) == 0 then return false end
  if self.dropped[number] then return true end
  local last = math.type(first) and self.dropped[-first]
  return last and number > last
end


-- An item of a map, whose id comes first, or a job.
local function run(self, number, first, ...)
  recorder.started(self.group, number)
  if math.type(first) then
    native.doing(number)
    run_map_item(self, number, first, ...)
    native.doing()
  else
    kick(self)
    run_job(self, number, first, ...)
  end
end


-- Does what was taken; returns whether to go on.
local function attend(self, taken, number, first, ...)
  if not taken then
    if core.is_cancel(number) then error(number, 0) end
    answer_failure(self, self.taker:number(), { err = number }) -- it can't be read here
  elseif not number then
    return false
  elseif is_dropped(self, number, first) then
    jobs.answer(self.answers, false, number)
  else
    run(self, number, first, ...)
  end
  return true
end


local take


local function took(self, ok, number, ...)
  if ok and number == nil and ... == "timeout" then -- nothing more in line
    kick(self)
    return attend(self, pcall(take, self.taker))
  end
  return attend(self, ok, number, ...)
end


local function next_job(self)
  if self.quiet == 0 then return attend(self, pcall(take, self.taker)) end
  return took(self, pcall(take, self.taker, 0))
end


local function initialize(self)
  local initializer, args = self.initializer, self.args
  if not initializer then return true end
  local ok, failure = xpcall(initializer, keep_trace, table.unpack(args, 1, args.n))
  if ok then
    jobs.answer(self.answers, false, 0, true, self.slot)
  else
    answer_failure(self, 0, core.failure(failure))
  end
  return ok
end


---The main function of a worker.
---@param self heddle.pool.worker what the owner sent: the pool's shared objects, slot, options
function worker.run(self)
  if not initialize(self) then return end
  self.quiet = 0
  self.taker = jobs.taker(self.jobs, self.claims, self.slot)
  take = self.taker.take
  native.internal(native.start({ name = "requests", daemon = true }, heed, self, self.control))
  local left = self.max_jobs or math.huge
  while left > 0 and next_job(self) do left = left - 1 end
  kick(self)
end


return worker
