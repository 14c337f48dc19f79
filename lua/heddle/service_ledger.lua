--- What one run of the service writes down: a record per job, an entry per worker, the counts.
-- Only the task that runs the service writes here, from the events that its workers send.
-- Stands on: nothing.

local service_ledger = {}

---@class heddle.service_ledger.Ledger
---@field records table[]  a job's record stands at its number + 1
---@field workers table[]
---@field total integer  jobs
---@field done integer
---@field failed integer
---@field gone integer  workers that have ended
---@field t0 number  when the run began; set by the service
---@field wall number  seconds from then to the last job's end
---@field stopped? string  why the workers are being stopped where they are; set by the service
local methods = {}
local meta = { __index = methods, __name = "heddle.service_ledger" }


local function new_record(job)
  return {
    number = job.number, kind = job.kind, size = job.size, status = "left", attempts = 0, due = 0.0,
  }
end


--- Makes a ledger in which no job has begun.
---@param jobs table[]
---@return heddle.service_ledger.Ledger
function service_ledger.new(jobs)
  local records = {}
  for i, job in ipairs(jobs) do records[i] = new_record(job) end
  return setmetatable({
    records = records, workers = {}, total = #jobs, done = 0, failed = 0, gone = 0, wall = 0.0,
  }, meta)
end


--- Enters a worker.
---@param name string
---@param handle table
function methods:add_worker(name, handle)
  self.workers[#self.workers + 1] = { name = name, handle = handle, jobs = 0, cpu = 0.0 }
end


local function count(self, record, status)
  record.status = status
  self[status] = self[status] + 1
end


--- Why a worker that is gone has ended, where it did not end well.
local function reason(worker)
  local ok, err = pcall(worker.handle.result, worker.handle)
  return not ok and tostring(err):match "^[^\n]*" or nil
end


--- A worker is gone: what it had in hand has failed, for the reason it ended for.
local function note_gone(self, worker)
  self.gone = self.gone + 1
  worker.gone = true
  local why, record = reason(worker), worker.current
  if not record then
    worker.error = not self.stopped and why or nil
    return
  end
  record.error = self.stopped or why or "its worker ended"
  count(self, record, "failed")
  worker.current = nil
end


local function note_started(self, worker, event)
  local record = self.records[event.job + 1]
  record.worker, record.started = worker.name, event.started - self.t0
  record.attempts, record.queued = 1, 0.0
  worker.current = record
end


local function note_ended(self, worker, event)
  local record = self.records[event.job + 1]
  record.ended, record.cpu = event.ended - self.t0, event.cpu
  record.error = event.error and self.stopped or event.error
  count(self, record, event.error and "failed" or "done")
  worker.jobs, worker.cpu = worker.jobs + 1, worker.cpu + event.cpu
  worker.current = nil
  self.wall = math.max(self.wall, record.ended)
end


local function note_usage(worker, event)
  worker.gil_wait, worker.memory = event.gil_wait, event.memory
  worker.voluntary, worker.involuntary = event.voluntary, event.involuntary
end


--- Writes one event down.
---@param event table  one of those that heddle.service_worker tells, or `{gone=number}`
function methods:note(event)
  local worker = self.workers[event.gone or event.finished or event.worker]
  if event.gone then
    note_gone(self, worker)
  elseif event.finished then
    note_usage(worker, event)
  elseif event.started then
    note_started(self, worker, event)
  else
    note_ended(self, worker, event)
  end
end


--- Whether every worker has ended.
---@return boolean
function methods:is_over()
  return self.gone == #self.workers
end


return service_ledger
