--- Another heddle program, seen from outside: which ones run, and what lives in one. Looking
-- changes nothing there, but its loops are asked to say what their tasks do, as heddle.ps() asks
-- them.
-- Stands on: heddle.files, heddle.fs, heddle.process, heddle.watch, heddle.native.peer.

local files = require "heddle.files"
local fs = require "heddle.fs"
local heddle = require "heddle"
local native = require "heddle.native.peer"
local process = require "heddle.process"
local watch = require "heddle.watch"

local top_source = {}

local PATIENCE = 0.25    -- seconds for the loops to answer
local AGAIN = 0.01       -- seconds after which those are asked again that have not
local TICKS = 100        -- of /proc/PID/stat in a second

local WHY = {
  gone = "no process has that number",
  denied = "it belongs to another user",
  foreign = "it is no heddle program",
  ["other build"] = "it runs another build of heddle, which this one can't read",
}


---@class heddle.top_source.Program
---@field pid integer of its first process
---@field command string its words
local methods = {}
local meta = { __index = methods, __name = "heddle.top_source" }


local function slurp(path) return files.slurp(path) or "" end


local function command_of(pid)
  local words = slurp(("/proc/%d/cmdline"):format(pid)):gsub("%z$", ""):gsub("%z", " ")
  return (words:gsub("%c", " "))
end


-- Whether it only looks at others.
local function is_viewer(pid)
  for word in slurp(("/proc/%d/cmdline"):format(pid)):match "^%Z*%z?(.*)$":gmatch "%Z+" do
    if word:sub(1, 1) ~= "-" then return word == "top" end
  end
  return false
end


---Opens a program.
---@param pid integer of any of its processes
---@return heddle.top_source.Program? program
---@return string? why
function top_source.open(pid)
  local path, why = native.find(pid)
  local peer
  if path then peer, why = native.open(path) end
  if not peer then return nil, WHY[why] end
  local root = peer:root()
  return setmetatable({ peer = peer, pid = root, command = command_of(root), cpu = {} }, meta)
end


---The heddle programs of this user, without those that only look at others.
---@return {pid: integer, command: string}[] programs by pid
function top_source.list()
  local own = native.open(native.find(process.current().pid)):root()
  local list, seen = {}, { [own] = true }
  for _, name in ipairs(fs.list "/proc" or {}) do
    local path = name:match "^%d+$" and native.find(math.tointeger(name))
    local peer = path and native.open(path)
    if peer then
      local root, lives = peer:root()
      peer:close()
      if lives and not seen[root] and not is_viewer(root) then
        list[#list + 1] = { pid = root, command = command_of(root) }
      end
      seen[root] = true
    end
  end
  table.sort(list, function(a, b) return a.pid < b.pid end)
  return list
end


-- A moment ---------------------------------------------------------------------------------------

local function await_answers(peer)
  local turn, limit = peer:ask(), heddle.now() + PATIENCE
  while not peer:answered(turn) and heddle.now() < limit do
    heddle.sleep(AGAIN)
    peer:ask(turn)
  end
  return turn
end


-- Seconds of the processor that a thread has had, nil when it is gone.
local function cpu_of(row)
  local stat = slurp(("/proc/%d/task/%d/stat"):format(row.pid or 0, row.tid or 0))
  local user, system = stat:match "^.*%) %S %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%d+) (%d+)"
  return user and (user + system) / TICKS
end


local function since(now, before) return now and before and now - before or 0 end


local function share(now, before, time)
  return now and before and time > 0 and math.max(0, (now - before) / time) or nil
end


-- Seconds that the tasks of each OS thread have waited for locks up to now, beside those that are
-- over.
local function lock_waits(rows)
  local waits = {}
  for _, row in ipairs(rows) do
    if row.model == "task" and row.lock and row.since then
      waits[row.seat] = (waits[row.seat] or 0) + row.since
    end
  end
  return waits
end


-- What was counted in the time since the look before, by seconds. A loop that did not answer has
-- told nothing of its GIL since then.
local function rate_workers(self, moment, loops, now)
  local counts, waits = {}, lock_waits(moment.rows)
  for _, row in ipairs(moment.rows) do
    if row.model ~= "task" and row.seat then
      local loop = loops[row.seat] or {}
      local key = ("%d %d"):format(row.id, row.seat)
      local old = self.counts and self.counts[key] or {}
      local new = {
        looked = now, cpu = cpu_of(row), jobs = row.jobs_done, at = loop.at, held = loop.gil_held,
        wait = loop.gil_wait, locks = row.lock_wait and row.lock_wait + (waits[row.seat] or 0),
      }
      counts[key] = new
      local time, answered = since(new.looked, old.looked), since(new.at, old.at)
      row.tasks, row.gil_waited, row.lock_waited = loop.tasks, loop.gil_wait, new.locks
      row.cpu, row.job_rate = share(new.cpu, old.cpu, time), share(new.jobs, old.jobs, time)
      row.lock_wait = share(new.locks, old.locks, time)
      row.gil_held = share(new.held, old.held, answered)
      row.gil_wait = share(new.wait, old.wait, answered)
    end
  end
  self.counts = counts
end


local function rate_queues(self, queues, rows, time)
  local counts, waiting = {}, {}
  for _, row in ipairs(rows) do
    if row.model == "task" and row.object then
      waiting[row.object] = (waiting[row.object] or 0) + 1
    end
  end
  for _, queue in ipairs(queues) do
    local old = self.queues and self.queues[queue.object] or {}
    queue.depth, queue.waiting = math.max(0, queue.puts - queue.gets), waiting[queue.object] or 0
    queue.put_rate = share(queue.puts, old.puts, time)
    queue.get_rate = share(queue.gets, old.gets, time)
    counts[queue.object] = queue
  end
  self.queues = counts
end


---@class heddle.top_source.Moment
---@field rows heddle.ps.Row[] a worker's has as well: `tasks`; `job` and `kind`, what it does;
---`jobs_done`, `gil_waited`, `lock_waited`, in all; and, by seconds since the last look (or nil),
---`cpu`, `job_rate`, `gil_held`, `gil_wait`, `lock_wait`
---@field queues table[] `name`, `depth`, `maxsize`, `closed`, `waiting`, and `put_rate`, `get_rate`
---by seconds, or nil

---What lives in the program now.
---@return heddle.top_source.Moment? moment nil when it has ended
function methods:look()
  local peer = self.peer
  if not select(2, peer:root()) then return nil end
  local turn = await_answers(peer)
  local loops = {}
  local rows = watch.rows_of {
    rows = function()
      local rows, answered = peer:rows(turn)
      for _, loop in ipairs(answered) do loops[loop.seat] = loop end
      return rows
    end,
    locks = function() return peer:locks() end,
  }
  local now = heddle.now()
  local time = self.looked and now - self.looked or 0
  self.looked = now
  local moment = { rows = rows, queues = peer:queues() }
  rate_workers(self, moment, loops, now)
  rate_queues(self, moment.queues, rows, time)
  return moment
end


function methods:close()
  self.peer:close()
end


return top_source
