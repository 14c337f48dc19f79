-- The user's debug hooks beside the engine's own.

local helper = require "spec.helper"
local heddle = require "heddle"
local thread = require "heddle.thread"

helper.case_limit = 15

local function nap() heddle.sleep(0.001) end

describe("debug hooks", function()
  it("a count hook survives preemption and stays the user's", function()
    local before = thread.switch_interval()
    thread.switch_interval(1e-4)
    local stop = false
    local rival = thread.start(function() while not stop do end end)
    local calls = 0
    local function hook() calls = calls + 1 end
    debug.sethook(hook, "", 100) -- less than a slice: each begins to count anew
    local n = 0
    local begun = heddle.now()
    while heddle.now() - begun < 0.05 do n = n + 1 end
    local got, mask, count = debug.gethook()
    debug.sethook()
    stop = true
    rival:join()
    thread.switch_interval(before)
    assert.equal(hook, got)
    assert.equal("", mask)
    assert.equal(100, count)
    assert.is_true(calls >= n * 4 / 100 / 2, calls .. " calls in " .. n .. " rounds")
    assert.is_nil((debug.gethook()))
  end)

  it("a line hook sees the lines", function()
    local lines = 0
    debug.sethook(function() lines = lines + 1 end, "l")
    local a = 1
    a = a + 1
    a = a + 1
    debug.sethook()
    assert.is_true(a == 3 and lines >= 3)
  end)

  it("a coroutine's hook is its own", function()
    local calls = 0
    local co = coroutine.create(function()
      for _ = 1, 1000 do end
      nap()
      for _ = 1, 1000 do end
    end)
    debug.sethook(co, function() calls = calls + 1 end, "", 100)
    coroutine.resume(co)
    assert.is_true(calls >= 10)
    assert.is_nil((debug.gethook()))
  end)

  it("an error from a hook is raised where it came", function()
    local ok, err = pcall(function()
      debug.sethook(function()
        debug.sethook()
        error "from the hook"
      end, "l")
      local x = 1
      return x
    end)
    debug.sethook()
    assert.is_false(ok)
    assert.matches("from the hook", err)
  end)
end)
