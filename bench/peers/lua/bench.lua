-- Limits: plain Lua coroutines, no event loop.  usage: lua5.4 bench.lua WORK
local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/?.lua;" .. package.path
local harness = require "harness"
local now, PEER = harness.now, "lua"
local create, resume, yield = coroutine.create, coroutine.resume, coroutine.yield
local works = {}

function works.task_switch(w)
  harness.rate(PEER, w, "coroutine.resume", function(n)
    local function forever() while true do yield() end end
    local a, b = create(forever), create(forever)
    local t = now()
    for _ = 1, n // 2 do
      resume(a)
      resume(b)
    end
    return now() - t
  end, 10000, "switches/s")
end

function works.task_spawn(w)
  local function nothing() end
  harness.rate(PEER, w, "create 100,000, resume all", function(n)
    local t = now()
    for at = 1, n, 100000 do
      local all, k = {}, math.min(n - at + 1, 100000)
      for i = 1, k do all[i] = create(nothing) end
      for i = 1, k do resume(all[i]) end
    end
    return now() - t
  end, 100000, "starts/s")
end

-- a bounded queue between coroutines with a run queue: the least that works
function works.queue_task(w)
  harness.rate(PEER, w, "hand-written queue", function(n)
    local buf, head, count, cap = {}, 0, 0, 100
    local getter, putter
    local ready = {}
    local function put(x)
      while count == cap do
        putter = coroutine.running()
        yield()
      end
      buf[(head + count) % cap] = x
      count = count + 1
      if getter then ready[#ready + 1], getter = getter, nil end
    end
    local function get()
      while count == 0 do
        getter = coroutine.running()
        yield()
      end
      local x = buf[head]
      head = (head + 1) % cap
      count = count - 1
      if putter then ready[#ready + 1], putter = putter, nil end
      return x
    end
    ready[1] = create(function()
      for i = 1, n do put(i) end
      put(false)
    end)
    ready[2] = create(function()
      while get() do end -- luacheck: ignore 542
    end)
    local t = now()
    while #ready > 0 do
      local round = ready
      ready = {}
      for i = 1, #round do assert(resume(round[i])) end
    end
    return now() - t
  end, 10000, "items/s")
end

if not works[arg[1]] then os.exit(3) end
works[arg[1]](arg[1])
