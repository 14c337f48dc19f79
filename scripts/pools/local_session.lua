-- Each thread keeps a session of its own, each process makes one when it starts.
-- Nothing is shared between two sessions, so no lock is needed around them.
--
-- From: roundup (I/O bound: threading.local and a session for each thread; Pool with an
-- initializer)
-- Unlike Python: `thread.locals()` is its `threading.local()`, and the other models have the same.

local heddle = require "heddle"
local pool = require "heddle.pool"
local process = require "heddle.process"
local thread = require "heddle.thread"

local function new_session(owner)
  print("a session for " .. owner)
  return { owner = owner, requests = 0 }
end

local function get(session, page)
  session.requests = session.requests + 1
  heddle.sleep(0.01)
  return ("%s: page %d is its request %d"):format(session.owner, page, session.requests)
end

local function in_thread(page)
  local own = thread.locals()
  own.session = own.session or new_session(thread.current().name)
  return get(own.session, page)
end

local function initialize()
  process.locals().session = new_session(process.current().name)
end
local function in_process(page) return get(process.locals().session, page) end

local pages = { 1, 2, 3, 4, 5, 6 }
do
  local p <close> = pool.new("threads", 2)
  for _, line in ipairs(p:map(in_thread, pages, { chunk = 1 })) do print(line) end
end
local p <close> = pool.new("processes", 2, { initializer = initialize })
for _, line in ipairs(p:map(in_process, pages, { chunk = 1 })) do print(line) end
