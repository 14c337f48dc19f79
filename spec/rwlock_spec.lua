-- The read-write lock: readers together, writers alone, in order; between models; deaths.

local helper = require "spec.helper"
local heddle = require "heddle"
local sync = require "heddle.sync"
local task = require "heddle.task"
local process = require "heddle.process"
local raises = helper.raises

local start = helper.start

describe("sync.rwlock", function()
  it("lets readers in together and a writer alone", function()
    local lock = sync.rwlock()
    local a, b = lock:read(), lock:read(0)
    assert.matches("2 reading", tostring(lock))
    assert.same({ nil, "timeout" }, { lock:write(0) })
    a:release()
    a:release()
    assert.same({ nil, "timeout" }, { lock:write(0.01) })
    b:release()
    do
      local _ <close> = lock:write()
      assert.matches("being written", tostring(lock))
      assert.same({ nil, "timeout" }, { lock:read(0) })
      assert.same({ nil, "timeout" }, { lock:write(0.01) })
    end
    assert.matches("free", tostring(lock))
  end)

  it("serves in order of arrival: no reader passes a waiting writer", function()
    local lock, order, list = sync.rwlock(), {}, {}
    local function enter(kind, name)
      list[#list + 1] = task.start(function()
        local _ <close> = lock[kind](lock)
        order[#order + 1] = name
        heddle.sleep(0.002)
      end)
      task.yield()
    end
    local first = lock:read()
    enter("write", "w1")
    enter("read", "r1")
    enter("read", "r2")
    enter("write", "w2")
    enter("read", "r3")
    assert.same({ nil, "timeout" }, { lock:read(0) })
    first:release()
    for _, h in ipairs(list) do h:join() end
    assert.same({ "w1", "r1", "r2", "w2", "r3" }, order)
  end)

  it("lets the readers behind a writer on when that gives up", function()
    local lock = sync.rwlock()
    local _ <close> = lock:read()
    local writer = task.start(function() lock:write() end)
    local reader = task.start(function()
      local _ <close> = lock:read(2)
      return true
    end)
    heddle.sleep(0.002)
    writer:cancel()
    assert.is_true(reader:result())
    assert.equal("cancelled", writer:status())
  end)

  for _, a in ipairs(helper.models) do
    for _, b in ipairs(helper.models) do
      it(("keeps a pair of numbers whole between a %s and a %s"):format(a, b), function()
        local lock, shared = sync.rwlock(), require "heddle.shared"
        local x, y = shared.value("int"), shared.value("int")
        local writer = start(a, function(l, v, w)
          for _ = 1, 200 do
            local _ <close> = l:write()
            v:add(1)
            w:add(1)
          end
        end, lock, x, y)
        local reader = start(b, function(l, v, w)
          local torn = 0
          for _ = 1, 200 do
            local _ <close> = l:read()
            if v:get() ~= w:get() then torn = torn + 1 end
          end
          return torn
        end, lock, x, y)
        assert.equal(0, reader:result(20))
        writer:result(20)
        assert.equal(200, y:get())
      end)
    end
  end

  it("comes back from a process that dies, and the next taker is told", function()
    for _, kind in ipairs { "read", "write" } do
      local lock, ready = sync.rwlock(), sync.latch(1)
      local victim = process.start(function(l, r, k)
        local _ <close> = l[k](l)
        r:count_down()
        require("heddle").sleep(60)
      end, lock, ready, kind)
      ready:wait(5)
      assert.same({ nil, "timeout" }, { lock:write(0) })
      victim:kill()
      local guard, word = lock:write(5)
      assert.equal("abandoned", word)
      guard:release()
      guard, word = lock:read(5)
      assert.is_nil(word)
      guard:release()
      pcall(victim.result, victim)
    end
  end)

  it("refuses bad arguments by name", function()
    local lock = sync.rwlock()
    raises("rwlock:read: timeout: .*%[bad%-time%]$", lock.read, lock, -1)
    raises("rwlock:write: self: .*%[bad%-self%]$", lock.write, {})
  end)
end)
