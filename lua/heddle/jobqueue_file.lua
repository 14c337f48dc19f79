--- The SQLite file of a job queue: what it says of itself, whose it is, and the jobs' states in it.
-- A file has one program at a time, which it names; when that one is dead, the next one takes over,
-- and what was taken waits again.
-- Only the interpreter that opened a file touches it: a forked child has the connection in its
-- heap, too, and must not let go of it, so it is kept in a table of the module.
-- Stands on: Debian's lua-sql-sqlite3, opened on first use.

---@class heddle.jobqueue_file
local jobqueue_file = {}

local VERSION = "1"
local BUSY = 5000 -- milliseconds to wait for a lock that another program holds on the file

local SCHEMA = {
  "CREATE TABLE IF NOT EXISTS heddle_queue (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
  [[CREATE TABLE IF NOT EXISTS heddle_jobs (
      number INTEGER PRIMARY KEY,
      state TEXT NOT NULL DEFAULT 'waiting',
      attempts INTEGER NOT NULL DEFAULT 0,
      acks INTEGER NOT NULL DEFAULT 0,
      touched REAL)]],
  "CREATE INDEX IF NOT EXISTS heddle_jobs_state ON heddle_jobs (state, number)",
}

local OPEN = "'waiting','ready','taken'" -- states of jobs that have not been acknowledged
local live = {} -- connections by themselves, until they are closed

---@class heddle.jobqueue_file.File
---@field path string
local methods = {}
local meta = { __index = methods, __name = "heddle.jobqueue_file" }


-- SQL --------------------------------------------------------------------------------------------

local function fail(text, ...)
  error(text:format(...), 0)
end


local function driver()
  local ok, luasql = pcall(require, "luasql.sqlite3")
  if ok then return luasql end
  fail("queue: SQLite can't be had: install the Debian package lua-sql-sqlite3")
end


--- Runs a statement; `%d` and `%s` stand for whole numbers and quoted texts.
local function run(self, statement, ...)
  local values = { ... }
  for i, value in ipairs(values) do
    if type(value) == "string" then values[i] = "'" .. value:gsub("'", "''") .. "'" end
  end
  local result, why = self.connection:execute(statement:format(table.unpack(values)))
  if not result then fail("queue: %s: %s", self.path, why) end
  return result
end


--- Calls `fn` with each row that a query gives.
local function each(self, fn, query, ...)
  local cursor = run(self, query, ...)
  local row = { cursor:fetch() }
  while row[1] ~= nil do
    fn(table.unpack(row))
    row = { cursor:fetch() }
  end
  cursor:close()
end


local function connect(path)
  local connection, why = driver().sqlite3():connect(path, BUSY)
  if not connection then fail("queue: %s: %s", path, why) end
  local self = setmetatable({ path = path, connection = connection }, meta)
  live[connection] = self
  return self
end


local function let_go(self)
  live[self.connection] = nil
  self.connection:close()
end


--- Does `fn` as a whole or not at all.
local function transact(self, fn)
  run(self, "BEGIN IMMEDIATE")
  local ok, err = pcall(fn)
  run(self, ok and "COMMIT" or "ROLLBACK")
  if not ok then error(err, 0) end
end


-- What a file says of itself ---------------------------------------------------------------------

local function read_keys(self)
  local keys, there = {}, false
  each(self, function() there = true end,
    "SELECT name FROM sqlite_master WHERE name = 'heddle_queue'")
  if not there then return nil end
  each(self, function(key, value) keys[key] = value end, "SELECT key, value FROM heddle_queue")
  return next(keys) and keys or nil
end


local function write_key(self, key, value)
  run(self, "INSERT OR REPLACE INTO heddle_queue VALUES (%s, %s)", key, tostring(value))
end


--- A process's id with the moment of its start, which no other one of the same id shares; nil
--- for a dead one, also where nobody has asked for its end yet.
local function process_mark(pid)
  local file <close> = io.open(("/proc/%s/stat"):format(pid), "r")
  local stat = file and file:read "a"
  if not stat then return nil end
  local number, rest = stat:match "^(%d+) .*%) (.*)$"
  if rest:find "^[ZX]" then return nil end
  local n = 2
  for field in rest:gmatch "%S+" do
    n = n + 1
    if n == 22 then return number .. " " .. field end
  end
end


local function check_owner(self, keys)
  local owner = keys.owner or ""
  local pid = owner:match "^%d+"
  if pid and process_mark(pid) == owner then
    fail("queue: %s is in use by process %s", self.path, pid)
  end
end


local function info_of(keys)
  return {
    seed = math.tointeger(tonumber(keys.seed)), count = math.tointeger(tonumber(keys.count)),
    what = keys.what,
  }
end


local function check_info(self, keys, info)
  if keys.version ~= VERSION then
    fail("queue: %s: a queue of version %s expected, got %s", self.path, VERSION,
      tostring(keys.version))
  end
  local there = info_of(keys)
  if there.seed ~= info.seed or there.count ~= info.count or there.what ~= info.what then
    fail("queue: %s holds %d jobs of %s with seed %d, not %d of %s with seed %d", self.path,
      there.count, there.what, there.seed, info.count, info.what, info.seed)
  end
end


local function exists(path)
  local file <close> = io.open(path, "rb")
  return file ~= nil and (file:read(1)) ~= nil
end


--- What a file was made for; nil when it is not there or empty.
---@param path string
---@return heddle.jobqueue.Info?
function jobqueue_file.peek(path)
  if not exists(path) then return nil end
  local self = connect(path)
  local ok, keys = pcall(read_keys, self)
  let_go(self)
  if not ok then error(keys, 0) end
  return keys and info_of(keys)
end


-- Opening ----------------------------------------------------------------------------------------

--- Makes the tables and the jobs of a new file.
local function make(self, info)
  for _, statement in ipairs(SCHEMA) do run(self, statement) end
  write_key(self, "version", VERSION)
  for _, key in ipairs { "seed", "count", "what" } do write_key(self, key, info[key]) end
  run(self, [[WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %d)
    INSERT INTO heddle_jobs (number) SELECT i FROM n WHERE i < %d]], info.count, info.count)
end


local function take_over(self, info)
  transact(self, function()
    local keys = read_keys(self)
    if keys then
      check_owner(self, keys)
      check_info(self, keys, info)
    else
      make(self, info)
    end
    write_key(self, "owner", process_mark "self" or "")
    run(self, "UPDATE heddle_jobs SET state = 'waiting' WHERE state IN ('ready','taken')")
  end)
end


--- Opens a file, and makes it where there is none.
---@param path string
---@param info heddle.jobqueue.Info
---@return heddle.jobqueue_file.File  raises, without a position, what is wrong
function jobqueue_file.open(path, info)
  local self = connect(path)
  local ok, err = pcall(function()
    each(self, function() end, "PRAGMA journal_mode = WAL")
    run(self, "PRAGMA synchronous = NORMAL")
    take_over(self, info)
  end)
  if ok then return self end
  let_go(self)
  error(err, 0)
end


-- Jobs -------------------------------------------------------------------------------------------

--- Does several things in one transaction. What was done before an error stays.
---@param fn function
function methods:batch(fn)
  if self.within then return fn() end
  run(self, "BEGIN IMMEDIATE")
  self.within = true
  local ok, err = pcall(fn)
  self.within = nil
  run(self, "COMMIT")
  if not ok then error(err, 0) end
end


--- Gives jobs a state, where they have another one.
---@param first integer
---@param last integer
---@param from string
---@param to string
function methods:move(first, last, from, to)
  run(self, "UPDATE heddle_jobs SET state = %s, touched = julianday('now') "
    .. "WHERE state = %s AND number BETWEEN %d AND %d", to, from, first, last)
end


--- Takes up to so many of the jobs that are ready.
---@param most integer
---@return integer[] numbers
function methods:take(most)
  local numbers = {}
  self:batch(function()
    each(self, function(number) numbers[#numbers + 1] = math.tointeger(tonumber(number)) end,
      "SELECT number FROM heddle_jobs WHERE state = 'ready' ORDER BY number LIMIT %d", most)
    for _, number in ipairs(numbers) do self:move(number, number, "ready", "taken") end
  end)
  return numbers
end


--- Acknowledges a job, unless it has been.
---@param number integer
---@param status string
---@return boolean
function methods:ack(number, status)
  return run(self, "UPDATE heddle_jobs SET state = %s, acks = acks + 1, "
    .. "touched = julianday('now') WHERE number = %d AND state IN (" .. OPEN .. ")", status,
    number) == 1
end


---@return table<string, number>
function methods:stats()
  local stats = { total = 0, waiting = 0, ready = 0, taken = 0, acked = 0 }
  each(self, function(state, count)
    count = math.tointeger(tonumber(count))
    local key = stats[state] and state or "acked"
    stats[key], stats.total = stats[key] + count, stats.total + count
  end, "SELECT state, COUNT(*) FROM heddle_jobs GROUP BY state")
  if stats.taken == 0 then return stats end
  each(self, function(seconds) stats.oldest = tonumber(seconds) end, "SELECT "
    .. "MAX((julianday('now') - touched) * 86400.0) FROM heddle_jobs WHERE state = 'taken'")
  return stats
end


---@return table<integer, string> statuses by number
function methods:ended()
  local ended = {}
  each(self, function(number, state) ended[math.tointeger(tonumber(number))] = state end,
    "SELECT number, state FROM heddle_jobs WHERE state NOT IN (" .. OPEN .. ")")
  return ended
end


--- Lets go of the file; what was taken and not acknowledged waits at the next start.
function methods:close()
  if not live[self.connection] then return end
  run(self, "DELETE FROM heddle_queue WHERE key = 'owner'")
  let_go(self)
end


return jobqueue_file
