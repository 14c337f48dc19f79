-- Peer: Lua Lanes, interpreters on OS threads and lindas.  usage: lua5.4 bench.lua WORK
local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/../lua/?.lua;" .. package.path
local lanes = require("lanes").configure { with_timers = false }
local harness = require "harness"
local now, PEER = harness.now, "lanes"
local works = {}

-- Lanes hangs now and then when a linda is collected while another is in use: all are kept.
local kept = {}
local function linda(limit)
  local l = lanes.linda()
  l:limit("item", limit)
  kept[#kept + 1] = l
  return l
end

local function produce(l, n)
  for i = 1, n do l:send("item", i) end
end

local function produce_records(l, n)
  for i = 1, n do
    l:send("item", { id = i, name = "job-" .. i, size = 0.5, tags = { "a", "b", "c" } })
  end
end

local function consume(l, n)
  for _ = 1, n do l:receive("item") end
end

local function between(w, k, producer)
  local put, get = lanes.gen("*", producer), lanes.gen("*", consume)
  harness.rate(PEER, w, "linda", function(n)
    local l, all = linda(1024), {}
    local t = now()
    for i = 1, k do
      all[i] = get(l, n // k)
      all[k + i] = put(l, n // k)
    end
    for _, lane in ipairs(all) do lane:join() end
    return now() - t
  end, 5000, "items/s")
end

function works.queue_isolate_1x1(w) between(w, 1, produce) end
function works.queue_isolate_4x4(w) between(w, 4, produce) end
function works.queue_isolate_table(w) between(w, 1, produce_records) end

function works.pingpong_isolate(w)
  local answer = lanes.gen("*", function(a, b, n)
    for _ = 1, n do
      local _, x = a:receive("item")
      b:send("item", x)
    end
  end)
  harness.rate(PEER, w, "linda", function(n)
    local a, b = linda(1), linda(1)
    local lane = answer(a, b, n)
    local t = now()
    for i = 1, n do
      a:send("item", i)
      b:receive("item")
    end
    t = now() - t
    lane:join()
    return t
  end, 1000, "round trips/s")
end

function works.start_isolate(w)
  local start = lanes.gen("*", function() end)
  harness.rate(PEER, w, "lane", function(n)
    local t = now()
    for _ = 1, n do start():join() end
    return now() - t
  end, 50, "starts/s")
end

if not works[arg[1]] then os.exit(3) end
works[arg[1]](arg[1])
io.stdout:flush()
os.exit(0, false)
