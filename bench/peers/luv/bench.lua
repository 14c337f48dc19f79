-- Peer: Lua 5.4 and luv with a scheduler of a few lines.  usage: lua5.4 bench.lua WORK
local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/../lua/?.lua;" .. package.path
local uv = require "luv"
local harness = require "harness"
local now, PEER = harness.now, "luv"
local create, resume = coroutine.create, coroutine.resume
local yield, running = coroutine.yield, coroutine.running
local works = {}

-- Ready coroutines run in the idle callback, one round per turn of the loop.
local ready, idle, active = {}, uv.new_idle(), false
local function turn()
  local round = ready
  ready = {}
  for i = 1, #round do assert(resume(round[i])) end
  if #ready == 0 then
    active = false
    idle:stop()
  end
end

local function schedule(co)
  ready[#ready + 1] = co
  if not active then
    active = true
    idle:start(turn)
  end
end

local function spawn(f) schedule(create(f)) end

local function pause()
  schedule(running())
  yield()
end

local function sleep(ms)
  local t, co = uv.new_timer(), running()
  t:start(ms, 0, function()
    t:close()
    schedule(co)
  end)
  yield()
end

function works.task_switch(w)
  harness.rate(PEER, w, "uv idle", function(n)
    for _ = 1, 2 do
      spawn(function() for _ = 1, n // 2 do pause() end end)
    end
    local t = now()
    uv.run()
    return now() - t
  end, 10000, "switches/s")
end

function works.task_spawn(w)
  harness.rate(PEER, w, "uv idle", function(n)
    local left, t = n, now()
    for at = 1, n, 100000 do
      for _ = at, math.min(n, at + 99999) do
        spawn(function() left = left - 1 end)
      end
      uv.run()
    end
    assert(left == 0)
    return now() - t
  end, 100000, "starts/s")
end

function works.task_memory(w)
  collectgarbage()
  local before, n = harness.rss(), 100000
  for _ = 1, n do
    spawn(function() sleep(3600000) end)
  end
  uv.new_timer():start(500, 0, function()
    harness.report(PEER, w, "uv timer", { (harness.rss() - before) / n }, "bytes")
    os.exit(0, false)
  end)
  uv.run()
end

function works.start_isolate(w)
  harness.rate(PEER, w, "uv.new_thread", function(n)
    local t = now()
    for _ = 1, n do uv.thread_join(uv.new_thread(function() end)) end
    return now() - t
  end, 50, "starts/s")
end

if not works[arg[1]] then os.exit(3) end
works[arg[1]](arg[1])
