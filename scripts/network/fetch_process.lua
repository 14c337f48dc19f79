-- A fetcher thread puts what it gets into a queue, a processor thread saves it to a database.
-- The queue's join returns when every item that was put has been marked as done.
--
-- From: simple (Threading, third listing)
-- Unlike Python: the listing's loops never end (see fetch_process_wrong); here the fetcher has six
-- pages to get and then closes the queue. The API is a local server, the database SQLite by LuaSQL.
-- Words: [DATABASE]

local http = require "heddle.http"
local queue = require "heddle.queue"
local thread = require "heddle.thread"
local found, sqlite = pcall(require, "luasql.sqlite3")
if not found then error("this needs LuaSQL for SQLite: apt install lua-sql-sqlite3", 0) end

local path = ... or os.tmpname()
local function check(result, why)
  return result or error(("the database %s: %s"):format(path, why), 0)
end
local db = check(sqlite.sqlite3():connect(path))

local server <close> = http.serve("127.0.0.1:0", function(req)
  local n = tonumber(req.path:match "%d+")
  return 200, ("%d, %d"):format(n, n * n)
end)

local data = queue.new()
local DataFetcher = thread.extend "DataFetcher"

function DataFetcher.run()
  for n = 1, 6 do
    data:put(assert(http.get(server.url .. "/" .. n, { timeout = 5 })).body)
  end
  data:close()
end

local DataProcessor = thread.extend "DataProcessor"

function DataProcessor:run()
  for item in data:items() do
    local saved, problem = db:execute(("insert into squares values (%s)"):format(item))
    print(saved and "saved: " .. item or ("not saved: %s (%s)"):format(item, problem))
    if not saved then self.problem = problem end
    data:task_done()
  end
end

check(db:execute "create table if not exists squares (n integer, square integer)")
local fetcher, processor = DataFetcher(), DataProcessor()
fetcher:start()
processor:start()
fetcher:result()
data:join()
print("rows in the database: " .. db:execute("select count(*) from squares"):fetch())
if not ... then os.remove(path) end
check(not processor.problem, processor.problem)
