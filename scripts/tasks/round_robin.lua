-- A scheduler is a loop that resumes one coroutine after the other until all of them have ended.
--
-- From: demo (Coroutine-based concurrency: simple built-in generators), roundup (coroutine),
--   concepts (What are the Coroutines?)
-- Unlike Python: a generator yields from its own body only; a Lua coroutine yields from any depth.

local function countdown(name, from)
  for n = from, 1, -1 do
    print(name, n)
    coroutine.yield()
  end
  print(name, "liftoff")
end

local ready = {}

local function spawn(fn, ...)
  local args = table.pack(...)
  ready[#ready + 1] = coroutine.create(function() fn(table.unpack(args, 1, args.n)) end)
end

local function run()
  while #ready > 0 do
    local current = table.remove(ready, 1)
    assert(coroutine.resume(current))
    if coroutine.status(current) ~= "dead" then ready[#ready + 1] = current end
  end
end

spawn(countdown, "Apollo", 3)
spawn(countdown, "Soyuz", 2)
spawn(countdown, "Ariane", 4)
run()
