-- What a lot of work leaves behind: nothing. Each load runs twice in a program of its own, small or
-- as large, and what is held after the second time is compared with what was held after the first:
-- shared objects, bytes of the arena, waiter records, seats, Lua's heap, descriptors, and, where no
-- sanitizer keeps freed memory back, the process's resident memory.

local helper = require "spec.helper"

helper.case_limit = 120

local full = helper.flavour == "release" or helper.flavour == "debug"

-- Sanitizers and the stress build take 10 to 100 times as long, and find a leak in a few as well.
local function count(n) return full and n or n // 50 end

local PRELUDE = [[
  local heddle, task = require "heddle", require "heddle.task"
  local thread, isolate = require "heddle.thread", require "heddle.isolate"
  local process, queue = require "heddle.process", require "heddle.queue"
  local native = require "heddle.native.sync"

  local function kilobytes(name)
    for line in io.lines "/proc/self/status" do
      local n = line:match("^" .. name .. ":%s*(%d+)")
      if n then return tonumber(n) end
    end
  end

  local function descriptors()
    local n = 0
    for _ in require("lfs").dir "/proc/self/fd" do n = n + 1 end
    return n
  end

  -- By how much each may grow: threads keep some waiter records and some descriptors of bells.
  local allowed = {
    objects = 0, live = 0, waits = 64, seats = 0, processes = 0, fds = 4, tasks = 0, lua = 64,
    resident = RESIDENT,
  }

  local function snapshot()
    collectgarbage()
    collectgarbage()
    local now = native.memory()
    now.fds = descriptors()
    now.tasks = #task.list()
    now.lua = collectgarbage "count"
    now.resident = kilobytes "VmRSS"
    return now
  end

  local function growth(before)
    local now, list = snapshot(), {}
    for name, most in pairs(allowed) do
      local more = now[name] - before[name]
      if more > most then list[#list + 1] = ("%s +%g"):format(name, more) end
    end
    table.sort(list)
    return table.concat(list, ", ")
  end

  local function measure(name, fn, first, second)
    fn(first)
    heddle.sleep(0.02)
    local before, grown = snapshot()
    fn(second)
    for _ = 1, 100 do -- what has just ended gets a moment
      grown = growth(before)
      if grown == "" then break end
      heddle.sleep(0.02)
    end
    print(name .. ": " .. (grown == "" and "fine" or grown))
  end
]]

local function holds_nothing(name, code, values)
  it(name, function()
    values = values or {}
    values.RESIDENT = full and 16384 or 1 << 30
    local text = (PRELUDE .. code):gsub("%u[%u_]+", function(word) return values[word] end)
    local result = helper.script(text, { limit = 100 })
    local lines = 0
    for line in result.out:gmatch "[^\n]+" do
      assert.matches(": fine$", line)
      lines = lines + 1
    end
    assert.equal("", result.err)
    assert.equal(0, result.code)
    assert.is_true(lines > 0)
  end)
end

describe("nothing is left of", function()
  holds_nothing("100,000 tasks that slept", [[
    local function sleepers(n)
      local all = {}
      for i = 1, n do all[i] = task.start(heddle.sleep, i % 2 == 0 and 100 or 0.05) end
      heddle.sleep(0)
      assert(#task.list() >= n)
      for i = 2, n, 2 do all[i]:cancel() end
      for i = 1, n do all[i]:join() end
    end
    measure("sleepers", sleepers, COUNT, COUNT)
  ]], { COUNT = count(100000) })

  holds_nothing("1,000,000 integers in a queue", [[
    local function integers(make)
      return function(n)
        local q = make()
        for i = 1, n do q:put(i) end
        assert(q:size() == n)
        local sum = 0
        for _ = 1, n do sum = sum + q:get(0) end
        assert(sum == n * (n + 1) // 2)
      end
    end
    local shared = { shared = true }
    measure("references", integers(queue.new), COUNT, COUNT)
    measure("messages", integers(function() return queue.new(0, shared) end), COUNT, COUNT)
    for _, kind in ipairs { "lifo", "priority" } do
      measure(kind, integers(queue[kind]), FEWER, FEWER)
      measure(kind .. ", messages", integers(function() return queue[kind](0, shared) end),
        FEWER, FEWER)
    end
    measure("left in it", function(n)
      local q = queue.new(0, shared)
      for i = 1, n do q:put(i) end
    end, FEWER, FEWER)
  ]], { COUNT = count(1000000), FEWER = count(100000) })

  holds_nothing("a string of 100 MB between processes", [[
    local function to_and_fro(size)
      local there, back = queue.new(0, { shared = true }), queue.new(0, { shared = true })
      local h = process.start({ method = "forkserver" }, function(from, to)
        to:put(from:get())
      end, there, back)
      there:put(("x"):rep(size))
      local got = back:get()
      assert(#got == size and got:sub(-1) == "x")
      h:join()
    end
    measure("through queues", to_and_fro, SMALL_SIZE, LARGE_SIZE)
    measure("argument and result", function(size)
      local h = process.start({ method = "forkserver" }, function(s) return s end, ("x"):rep(size))
      assert(#h:result() == size)
    end, SMALL_SIZE, MIDDLE_SIZE)
    measure("never read", function(size)
      queue.new(0, { shared = true }):put(("x"):rep(size))
    end, SMALL_SIZE, MIDDLE_SIZE)
    measure("in a dictionary", function(size)
      local dict = require("heddle.shared").dict()
      dict.text = ("x"):rep(size)
      assert(#dict.text == size)
    end, SMALL_SIZE, MIDDLE_SIZE)
  ]], { -- from 32 MB on the C library gives memory back whenever it is freed
    SMALL_SIZE = 3000000, MIDDLE_SIZE = full and 40000000 or 6000000,
    LARGE_SIZE = full and 100000000 or 10000000,
  })

  for name, batch in pairs { task = 100, thread = 4, isolate = 4, process = 4 } do
    holds_nothing(("10,000 starts and joins [%s]"):format(name), [[
      local function starts(n)
        for _ = 1, n // BATCH do
          local all = {}
          for i = 1, BATCH do all[i] = MODEL.start(function(x) return x end, i) end
          for i = 1, BATCH do assert(all[i]:result() == i) end
        end
      end
      measure("starts", starts, WARM, COUNT)
    ]], { MODEL = name, BATCH = batch, WARM = count(10000) // 20 * 2, COUNT = count(10000) })
  end

  -- They never come to leave results. The block of a message may stay behind if its reader dies
  -- between taking it and freeing it.
  holds_nothing("processes killed at any moment of their beginning", [[
    allowed.live = 4096
    local sync = require "heddle.sync"
    for _, method in ipairs(process.methods()) do
      measure(method, function(n)
        for i = 1, n do
          local h = process.start({ method = method }, function(held)
            heddle.sleep(60)
            return held
          end, { sync.lock(), sync.event(), queue.new() })
          local till = heddle.now() + 0.003 * i / n
          while heddle.now() < till do end
          h:kill()
          h:join()
          h:traceback()
        end
      end, 5, 40)
    end
  ]])
end)

-- With a sanitizer each block is malloc's own, and freed ones are kept back.
if full then
  it("a heap that was large goes back to the kernel", function()
    local result = helper.script(PRELUDE:gsub("RESIDENT", "0") .. [[
      local function hold(n)
        local all = {}
        for i = 1, n do all[i] = { i, { name = i } } end
        return kilobytes "VmRSS"
      end
      local small = snapshot().resident
      local large = hold(500000)
      local after = snapshot().resident
      assert(large - small > 80000, large - small)
      assert(after - small < 25000, after - small)
    ]])
    assert.equal("", result.err)
    assert.equal(0, result.code)
  end)
end
