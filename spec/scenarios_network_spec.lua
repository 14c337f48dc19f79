-- The scenarios of scripts/network: what each of them claims, and that trouble is told and harms
-- nothing.

local helper = require "spec.helper"
local scenarios = require "spec.scenarios"

local scenario, count = scenarios.batch(), scenarios.count

-- Runs a statement on a database and returns what the first row's first column holds.
local function query(path, statement)
  local db = assert(require "luasql.sqlite3".sqlite3():connect(path))
  local cursor = assert(db:execute(statement))
  local value = type(cursor) == "userdata" and cursor:fetch() or nil
  if type(cursor) == "userdata" then cursor:close() end
  db:close()
  return value
end

-- A folder for databases, removed after `fn(folder)`.
local function with_folder(fn)
  local folder = os.tmpname()
  os.remove(folder)
  assert(require "lfs".mkdir(folder))
  fn(folder)
  os.execute("rm -r " .. folder)
end

local function fetch_process(path)
  return helper.heddle { "run", "fetch_process", path }
end

describe("scenarios of the network:", function()
  scenario("threads_fetch", function(r)
    assert.equal(2, count(r.out, " 20 pages, 311 bytes, "))
    local alone, together = r.out:match "(%d+%.%d+) s\n.*(%d+%.%d+) s\n$"
    assert.is_true(tonumber(together) < tonumber(alone))
  end)

  scenario("processes_fetch", function(r)
    for _, model in ipairs { "coroutines", "threads", "processes" } do
      assert.matches(model .. " +12 pages, ", r.out)
    end
  end)

  scenario("scrape", function(r)
    assert.equal("/barrier  status 200, Barriers\n/event    status 200, Events\n"
      .. "/lock     status 200, Locks\n/nowhere  status 404, no title\n"
      .. "/queue    status 200, Queues", scenarios.sorted(r.out))
  end)

  scenario("server_models", function(r)
    assert.matches("^a task   per client: 400 answers in %d+ ms\n", r.out)
    assert.matches("\na thread per client: 400 answers in %d+ ms\n$", r.out)
  end)

  scenario("network_trouble", function(r)
    assert.matches("^fine +200 \nrefused +[^\n]* ECONNREFUSED\nstalls +timeout", r.out)
    assert.matches("\ntoo large +[^\n]*larger than max_body %(1000 bytes%) EFBIG\n", r.out)
    assert.matches("\nhangs up +[^\n]* ECONNRESET\n", r.out)
    assert.matches("\nunknown +%l[^\n]+\n$", r.out) -- what exactly depends on who resolves names
    assert.equal(6, #scenarios.lines(r.out))
  end)

  scenario("fetch_process", function(r)
    assert.equal("saved: 1, 1\nsaved: 2, 4\nsaved: 3, 9\nsaved: 4, 16\nsaved: 5, 25\nsaved: 6, 36\n"
      .. "rows in the database: 6\n", r.out)
  end)

  it("fetch_process saves to the database it is given", function()
    with_folder(function(folder)
      local path = folder .. "/squares.db"
      assert.equal(0, fetch_process(path).code)
      assert.matches("rows in the database: 12\n", fetch_process(path).out)
      assert.equal(2 * (1 + 4 + 9 + 16 + 25 + 36), query(path, "select sum(square) from squares"))
    end)
  end)

  it("fetch_process says what is missing without LuaSQL", function()
    local env = { LUA_CPATH = "/nonexistent/?.so", LUA_CPATH_5_4 = "/nonexistent/?.so" }
    local r = helper.heddle({ "run", "fetch_process" }, { env = env })
    assert.equal(1, r.code)
    assert.equal("", r.out)
    assert.matches("^heddle: this needs LuaSQL for SQLite: apt install lua%-sql%-sqlite3\n", r.err)
  end)

  it("fetch_process tells of a database that can't be opened", function()
    local r = fetch_process "/nonexistent/squares.db"
    assert.equal(1, r.code)
    assert.equal("", r.out)
    assert.matches("^heddle: the database /nonexistent/squares.db: [^\n]*unable to open", r.err)
  end)

  it("fetch_process tells of a full disk", function()
    local r = fetch_process "/dev/full"
    assert.equal(1, r.code)
    assert.matches("^heddle: the database /dev/full: [^\n]*disk is full", r.err)
  end)

  it("fetch_process keeps what was saved when the database takes no more", function()
    with_folder(function(folder)
      local path = folder .. "/squares.db"
      query(path, "create table squares (n integer check (n <= 3), square integer)")
      local r = fetch_process(path)
      assert.equal(1, r.code)
      assert.equal(3, count(r.out, "\nnot saved: [456], "))
      assert.matches("\nrows in the database: 3\n$", r.out)
      assert.matches("^heddle: the database [^\n]*constraint failed", r.err)
      assert.equal(1 + 4 + 9, query(path, "select sum(square) from squares"))
    end)
  end)
end)
