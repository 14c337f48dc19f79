--- What one run of the service writes down: a row per job, an entry per worker.
-- The rows are columns of shared numbers, written by the worker that has the job; they outlive it.
-- The entries are written by the task that runs the service, from the events its workers send.
-- Stands on: heddle.mix_plan, heddle.shared.

local mix_plan = require "heddle.mix_plan"
local shared = require "heddle.shared"

local service_ledger = {}

--- A job's state: its status in the lowest four bits, then 20 bits of attempts, then its worker.
local STATUSES = {
  [0] = "left", "running", "done", "failed", "timeout", "skipped", "earlier",
}
local CODES = {}
for code, name in pairs(STATUSES) do CODES[name] = code end

local TALLY = 8 -- places per worker in the column of counts: one line of cache

---@class heddle.service_ledger.Rows
---@field state table  columns; a job's place is its number + 1
---@field started table
---@field ended table
---@field cpu table
---@field queued? table  where jobs don't all begin in the queue
---@field tally table  column: how many jobs each worker has ended, by status

---@class heddle.service_ledger.Ledger
---@field plan heddle.mix_plan.Plan
---@field rows heddle.service_ledger.Rows
---@field workers table[]
---@field errors table<integer, string>  by job number
---@field gone integer  workers that have ended
---@field t0 number  when the run began; set by the service
---@field stopped? string  why the workers are being stopped where they are; set by the service
local methods = {}
local meta = { __index = methods, __name = "heddle.service_ledger" }


--- Makes a ledger in which no job has begun.
---@param plan heddle.mix_plan.Plan
---@param workers integer  at most so many, with those that take a dead one's place
---@return heddle.service_ledger.Ledger
function service_ledger.new(plan, workers)
  local rows = {
    state = shared.array("int", plan.count), started = shared.array("float", plan.count),
    ended = shared.array("float", plan.count), cpu = shared.array("float", plan.count),
    tally = shared.array("int", workers * TALLY),
  }
  if plan.at or plan.before then rows.queued = shared.array("float", plan.count) end
  return setmetatable({ plan = plan, rows = rows, workers = {}, errors = {}, gone = 0 }, meta)
end


-- Rows, written in the workers -------------------------------------------------------------------

--- A job begins.
---@param rows heddle.service_ledger.Rows
---@param number integer  the job
---@param worker integer
---@param at number  seconds from the start
function service_ledger.begin(rows, number, worker, at)
  rows.started[number + 1] = at
  rows.state[number + 1] = worker << 24 | 1 << 4 | CODES.running
end


--- A job has ended, or will never begin ("skipped").
---@param rows heddle.service_ledger.Rows
---@param number integer
---@param worker integer
---@param status string
---@param attempts integer
---@param at number  seconds from the start
---@param cpu number
function service_ledger.finish(rows, number, worker, status, attempts, at, cpu)
  rows.ended[number + 1] = at
  if cpu > 0 then rows.cpu[number + 1] = cpu end
  rows.state[number + 1] = worker << 24 | attempts << 4 | CODES[status]
  local place = (worker - 1) * TALLY + CODES[status]
  rows.tally[place] = rows.tally[place] + 1
end


--- A job of a queue that outlives the program was acknowledged before this run.
---@param rows heddle.service_ledger.Rows
---@param number integer
function service_ledger.mark_earlier(rows, number)
  rows.state[number + 1] = CODES.earlier
end


---@param rows heddle.service_ledger.Rows
---@param number integer
---@return string status
function service_ledger.status(rows, number)
  return STATUSES[rows.state[number + 1] & 15]
end


-- Workers, written by the task that runs the service ---------------------------------------------

--- Enters a worker.
---@param name string
---@param handle table
---@return table worker
function methods:add_worker(name, handle)
  local worker = { name = name, handle = handle, number = #self.workers + 1 }
  self.workers[worker.number] = worker
  return worker
end


--- Why a worker that is gone has ended, where it did not end well.
local function reason(worker)
  local ok, err = pcall(worker.handle.result, worker.handle)
  return not ok and tostring(err):match "^[^\n]*" or nil
end


--- The job that a worker had begun and not ended. What it has done is counted for it.
local function in_hand(self, worker)
  local number
  worker.jobs, worker.cpu = 0, 0.0
  for i = 1, self.plan.count do
    local state = self.rows.state[i]
    if state >> 24 == worker.number then
      if state & 15 == CODES.running then number = i - 1 end
      worker.jobs, worker.cpu = worker.jobs + 1, worker.cpu + self.rows.cpu[i]
    end
  end
  return number
end


--- A worker is gone: what it was at has failed, for the reason it ended for.
---@param worker table
function methods:lose(worker)
  self.gone = self.gone + 1
  worker.gone = true
  if worker.finished then return end
  local why, number = reason(worker), in_hand(self, worker)
  worker.error = not self.stopped and not number and (why or "it ended early") or nil
  if not number then return end
  local attempts = self.rows.state[number + 1] >> 4 & 0xfffff
  service_ledger.finish(self.rows, number, worker.number, "failed", attempts, self:now(), 0.0)
  self.errors[number] = self.stopped or why or "its worker ended"
  worker.lost = number
end


--- Writes one event down.
---@param event table  one of those that heddle.service_worker tells, or `{gone=number}`
function methods:note(event)
  if event.gone then
    self:lose(self.workers[event.gone])
  elseif event.failed then
    self.errors[event.failed] = event.cancelled and self.stopped or event.error
  elseif event.ready then
    self.workers[event.ready].ready = event.at - self.t0
  elseif event.finished then
    local worker = self.workers[event.finished]
    for key, value in pairs(event) do worker[key] = value end
  end
end


-- Reading ----------------------------------------------------------------------------------------

--- Seconds since the run began.
---@return number
function methods:now()
  return require("heddle").now() - self.t0
end


--- How many jobs have ended so far with each status; `ended` is their sum.
---@return table<string, integer>
function methods:counts()
  local counts = { ended = 0 }
  for code = CODES.done, CODES.skipped do
    local sum = 0
    for w = 0, #self.workers - 1 do sum = sum + self.rows.tally[w * TALLY + code] end
    counts[STATUSES[code]] = sum
    counts.ended = counts.ended + sum
  end
  return counts
end


--- Whether every worker has ended.
---@return boolean
function methods:is_over()
  return self.gone == #self.workers
end


--- Seconds from the start to the last job's end.
---@return number
function methods:wall()
  local last, ended = 0.0, self.rows.ended
  for i = 1, self.plan.count do
    local at = ended[i]
    if at > last then last = at end
  end
  return last
end


-- Records ----------------------------------------------------------------------------------------

---@class heddle.service_ledger.Records  a list of the jobs' records, each made when it is asked for
local Records = { __name = "heddle.service_ledger.records" }


--- When a job was due: when it arrived, or what it comes after had ended.
local function due(ledger, i)
  local plan = ledger.plan
  local at = plan.at and plan.at[i] or 0.0
  local before = plan.before and plan.before[i] or 0
  return before > 0 and math.max(at, ledger.rows.ended[before]) or at
end


--- A job's figures without a table around them.
---@param i integer  its place
---@return string status
---@return number due
---@return number? started  nil when it never began
---@return number? ended
---@return number cpu
---@return string kind
local function row(self, i)
  local ledger = rawget(self, "ledger")
  local rows = ledger.rows
  local status = STATUSES[rows.state[i] & 15]
  local began = status ~= "left" and status ~= "skipped" and status ~= "earlier"
  return status, due(ledger, i), began and rows.started[i] or nil,
    began and status ~= "running" and rows.ended[i] or nil, rows.cpu[i],
    mix_plan.kind(ledger.plan, i - 1).name
end


local function record(self, i)
  local ledger = rawget(self, "ledger")
  local rows, number = ledger.rows, i - 1
  local status, due_at, started, ended, used, kind = row(self, i)
  local worker = ledger.workers[rows.state[i] >> 24]
  local queued = rows.queued and rows.queued[i] or 0.0
  if status == "left" and queued == 0.0 and due_at > 0.0 then queued = nil end
  return {
    number = number, kind = kind, size = mix_plan.size(ledger.plan, number), status = status,
    worker = started and worker and worker.name or nil, due = due_at, queued = queued,
    started = started, ended = ended, cpu = started and used or nil,
    attempts = started and rows.state[i] >> 4 & 0xfffff or 0, error = ledger.errors[number],
  }
end


function Records:__index(key)
  if key == "row" then return row end
  if math.type(key) ~= "integer" or key < 1 or key > #self then return nil end
  return record(self, key)
end


function Records:__len()
  return rawget(self, "ledger").plan.count
end


--- The jobs' records.
---@return heddle.service_ledger.Records
function methods:records()
  return setmetatable({ ledger = self }, Records)
end


return service_ledger
