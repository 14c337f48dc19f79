--- The engine of heddle.jobqueue that keeps its jobs in an SQLite file: they outlive the program.
-- A file has one program at a time, which it names; when that one is dead, the next one takes over,
-- and what was taken waits again.
-- Only the interpreter that opened a file touches it: a forked child has the connection in its
-- heap, too, and must not let go of it, so it is kept in a table of the module.
-- Stands on: Debian's lua-sql-sqlite3, opened on first use.

local jobqueue_sqlite = {}

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

local methods = {}
local meta = { __index = methods, __name = "heddle.jobqueue_sqlite" }


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


--- See heddle.jobqueue.
---@param path string
---@return heddle.jobqueue.Info?
function jobqueue_sqlite.peek(path)
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
  for key, value in pairs(info) do write_key(self, key, value) end
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


--- See heddle.jobqueue.
---@param path string
---@param info heddle.jobqueue.Info
---@return heddle.jobqueue.Engine
function jobqueue_sqlite.open(path, info)
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

--- Gives jobs a state, where they have one of those named.
local function move(self, numbers, state, from)
  for i = 1, #numbers, 500 do
    local some = table.concat(numbers, ",", i, math.min(i + 499, #numbers))
    run(self, "UPDATE heddle_jobs SET state = %s, touched = julianday('now') "
      .. "WHERE state IN (" .. from .. ") AND number IN (" .. some .. ")", state)
  end
end


--- Does several things in one transaction.
---@param fn function
function methods:batch(fn)
  if self.within then return fn() end
  self.within = true
  local ok, err = pcall(transact, self, fn)
  self.within = nil
  if not ok then error(err, 0) end
end


---@param numbers integer[]
function methods:put(numbers)
  self:batch(function() move(self, numbers, "ready", "'waiting'") end)
end


---@param most integer
---@return integer[] numbers
function methods:take(most)
  local numbers = {}
  self:batch(function()
    each(self, function(number) numbers[#numbers + 1] = math.tointeger(tonumber(number)) end,
      "SELECT number FROM heddle_jobs WHERE state = 'ready' ORDER BY number LIMIT %d", most)
    move(self, numbers, "taken", "'ready'")
  end)
  return numbers
end


---@param number integer
---@param status string
---@return boolean
function methods:ack(number, status)
  return run(self, "UPDATE heddle_jobs SET state = %s, acks = acks + 1, "
    .. "touched = julianday('now') WHERE number = %d AND state IN (" .. OPEN .. ")", status,
    number) == 1
end


---@param numbers integer[]
function methods:nak(numbers)
  self:batch(function() move(self, numbers, "ready", "'taken'") end)
end


---@param numbers integer[]
function methods:touch(numbers)
  self:batch(function() move(self, numbers, "taken", "'taken'") end)
end


---@return table<string, integer>
function methods:stats()
  local stats = { total = 0, waiting = 0, ready = 0, taken = 0, acked = 0 }
  each(self, function(state, count)
    count = math.tointeger(tonumber(count))
    local key = stats[state] and state or "acked"
    stats[key], stats.total = stats[key] + count, stats.total + count
  end, "SELECT state, COUNT(*) FROM heddle_jobs GROUP BY state")
  return stats
end


---@return table<integer, string>
function methods:ended()
  local ended = {}
  each(self, function(number, state) ended[math.tointeger(tonumber(number))] = state end,
    "SELECT number, state FROM heddle_jobs WHERE state NOT IN (" .. OPEN .. ")")
  return ended
end


--- Lets go of the file; what was taken and not acknowledged waits.
function methods:close()
  if not live[self.connection] then return end
  run(self, "DELETE FROM heddle_queue WHERE key = 'owner'")
  let_go(self)
end


return jobqueue_sqlite
