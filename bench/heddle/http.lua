-- Our side of the HTTP works: a server under a load generator, a client with a hundred tasks.
-- usage: heddle http.lua WORK
-- `serve` is no work: it serves until its standard input ends, and prints its URL; the peers'
-- clients use it.
package.path = (arg[0]:match("^(.*)/") or ".") .. "/?.lua;" .. package.path
local harness = require "harness"
local heddle = require "heddle"
local http = require "heddle.http"
local process = require "heddle.process"
local queue = require "heddle.queue"
local task = require "heddle.task"
local now = harness.now
local works = {}

local AT_ONCE, GETS = 100, 1000

local function hello()
  return 200, "hello, world\n", { ["Content-Type"] = "text/plain" }
end

-- wrk runs in a process of its own, so that nothing but its requests reach this one.
local function requests_per_second(url)
  return process.start(function()
    local seconds = math.max(2, math.ceil(harness.seconds))
    local pipe = assert(io.popen(("wrk -t1 -c50 -d%ds %s"):format(seconds, url)))
    local text = pipe:read("a")
    pipe:close()
    return assert(tonumber(text:match("Requests/sec:%s*([%d.]+)")), text)
  end):result()
end

function works.http_hello(w)
  local server <close> = assert(http.serve("127.0.0.1:0", hello))
  local values = {}
  for i = 1, harness.reps do values[i] = requests_per_second(server.url .. "/") end
  harness.report(w, "http.serve under wrk", values, "requests/s")
end

local function fetch(url, gets)
  local left = gets
  local function worker()
    while left > 0 do
      left = left - 1
      assert(http.get(url).status == 200)
    end
  end
  local all = {}
  for i = 1, AT_ONCE do all[i] = task.start(worker) end
  for i = 1, AT_ONCE do all[i]:result() end
end

function works.fetch_many(w)
  local urls = queue.new(1, { shared = true })
  local server = process.start({ daemon = true }, function()
    local own = assert(http.serve("127.0.0.1:0", hello))
    urls:put(own.url)
  end)
  local url, values = urls:get(), {}
  fetch(url, AT_ONCE)
  http.close_idle()
  for i = 1, harness.reps do
    local t = now()
    fetch(url, GETS)
    values[i] = GETS / (now() - t)
    http.close_idle()
  end
  server:kill()
  server:join()
  harness.report(w, "http.get in 100 tasks", values, "gets/s")
end

function works.serve()
  local server <close> = assert(http.serve("127.0.0.1:0", hello))
  io.write(server.url, "\n")
  io.flush()
  while heddle.input() do end -- luacheck: ignore 542
end

harness.main(works)
