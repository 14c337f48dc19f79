-- What specs share that kill a process after its Nth store into shared memory, for every N of an
-- operation; the survivors must go on as if it had died before or after.

local helper = require "spec.helper"
local process = require "heddle.process"
local queue = require "heddle.queue"
local sync = require "heddle.sync"
local assert = require "luassert"

local steps = {}

-- nil, or why there are no such deaths
steps.impossible = not require("heddle.native.sync").die_after
  and "only the stress build can die at a chosen store" or nil
steps.most = 2000 -- stores that no operation comes near

---Whether so many wait for the object.
---@param object any
---@param n integer
---@return boolean
function steps.waiting(object, n)
  return tostring(object):find((" %d waiting"):format(n), 1, true) ~= nil
end

-- What the victim runs: `prepare` in peace, then `act` with the Nth store as its last.
local function victim(world, n, prepare, act)
  local die_after = require("heddle.native.sync").die_after
  if prepare then prepare(world) end
  if world.go then world.go:get() end
  die_after(n)
  act(world)
  die_after(-1)
end

local models = { "task", "thread", "isolate", "process" }

local function start_waiters(world, wait)
  world.waiters = {}
  for i, name in ipairs(models) do
    world.waiters[i] = require("heddle." .. name).start(wait, world.queue, world.lock, world.up, i)
  end
end

---Runs a case with its victim killed after each store: `setup(world)` in the root, `prepare` and
---`act` in the victim, `wait` in four waiters for `world[on]` before `act`, `during(world, handle)`
---while it may block, `check(world, died)` afterwards. `kind` and `maxsize` are the queue's;
---`method` starts the victim.
---@param case table
function steps.run(case)
  for n = 0, steps.most do
    local world = {
      queue = queue[case.kind or "new"](case.maxsize or 0, { shared = true }),
      lock = sync.lock(),
      up = queue.new(0, { shared = true }),
      go = queue.new(0, { shared = true }),
    }
    if case.setup then case.setup(world) end
    local shared = { queue = world.queue, lock = world.lock, up = world.up, go = world.go,
      side = world.side }
    local h = process.start({ method = case.method or "forkserver" }, victim, shared, n,
      case.prepare, case.act)
    if case.prepare then assert(world.up:get(10)) end
    if case.wait then
      start_waiters(world, case.wait)
      helper.wait_for(function() return steps.waiting(world[case.on], #models) end)
    end
    world.go:put(true)
    if case.during then case.during(world, h) end
    local where = ("killed after store %d"):format(n)
    assert.is_true(h:join(10 * helper.slack), where)
    local code = h:exitcode()
    local fine, why = pcall(h.result, h)
    if not fine and code ~= -9 then error(why, 0) end
    local ok, err = pcall(case.check, world, code == -9)
    if not ok then error(("%s: %s"):format(where, tostring(err)), 0) end
    for _, waiter in ipairs(world.waiters or {}) do
      assert.is_true(waiter:join(2 * helper.slack), where .. ": a waiter has no end")
    end
    assert.is_true(steps.waiting(world.queue, 0) and steps.waiting(world.lock, 0), where)
    if code == 0 then
      assert.is_true(n > 0)
      return
    end
  end
  error("the operation never came to its end")
end

---For `during`: blocks until the victim waits, as the Nth, for `world[object]`, or is dead.
---@param object string
---@param n? integer  1
---@return fun(world: table, h: table)
function steps.blocked_or_dead(object, n)
  return function(world, h)
    helper.wait_for(function() return steps.waiting(world[object], n or 1) or not h:alive() end)
  end
end

---What is in the world's queue now, after its size was found right and all of it was taken.
---@param w table
---@return any[]
function steps.drained(w)
  local size, list = w.queue:size(), {}
  while true do
    local item = w.queue:try_get()
    if item == nil then break end
    list[#list + 1] = type(item) == "string" and tonumber(item:match "%d+") or item
  end
  assert.equal(#list, size)
  assert.equal(0, w.queue:size())
  return list
end

---For `check`: the queue, which is empty, takes and gives small and large items.
---@param w table
function steps.queue_works(w)
  for round = 1, 12 do
    assert.is_true((w.queue:put(("x"):rep(60) .. round, 1)))
    assert.equal(("x"):rep(60) .. round, w.queue:get(1))
  end
  local big = ("y"):rep(9000)
  assert.is_true((w.queue:put(big, 1)))
  assert.equal(big, w.queue:get(1))
  assert.equal(0, w.queue:size())
end

return steps
