-- Where Lua forbids suspension, blocking says so.

local helper = require "spec.helper"
local heddle = require "heddle"
local task = require "heddle.task"
local queue = require "heddle.queue"

helper.case_limit = 15

local function nap() heddle.sleep(0.001) end

describe("where Lua forbids suspension the error says so", function()
  local refused = "can't block here.*%[cannot%-block%]"

  it("in a sort comparator", function()
    helper.raises(refused, table.sort, { 3, 2, 1 }, function(a, b)
      nap()
      return a < b
    end)
  end)

  it("in a gsub callback", function()
    helper.raises(refused, string.gsub, "abc", ".", function() nap() end)
  end)

  it("in a file being required", function()
    package.preload["spec.waits"] = function() nap() end
    helper.raises(refused, require, "spec.waits")
    package.preload["spec.waits"] = nil
    local folder = os.tmpname()
    os.remove(folder)
    assert(require("lfs").mkdir(folder))
    helper.spit(folder .. "/waits_too.lua", "require('heddle').sleep(0.001)")
    local path = package.path
    package.path = folder .. "/?.lua"
    local ok, err = pcall(require, "waits_too")
    package.path = path
    os.remove(folder .. "/waits_too.lua")
    os.remove(folder)
    assert.is_false(ok)
    assert.matches(refused, err)
  end)

  it("in a load reader", function()
    helper.raises(refused, function()
      local ok, err = load(function() nap() end)
      if not ok then error(err, 0) end
    end)
  end)

  it("in a finalizer", function()
    local ok, err
    setmetatable({}, { __gc = function() ok, err = pcall(nap) end })
    collectgarbage()
    collectgarbage()
    assert.is_false(ok)
    assert.matches(refused, err)
  end)

  it("in a debug hook", function()
    local ok, err
    debug.sethook(function()
      debug.sethook()
      ok, err = pcall(nap)
    end, "l")
    local _ = 1
    debug.sethook()
    assert.is_false(ok)
    assert.matches(refused, err)
  end)

  it("in an xpcall handler", function()
    local ok, err
    xpcall(error, function() ok, err = pcall(nap) end, "x")
    assert.is_false(ok)
    assert.matches(refused, err)
  end)

  it("in metamethods called from C", function()
    local object = setmetatable({}, {
      __tostring = function() nap() return "x" end,
      __index = function() nap() return nil end,
      __len = function() return 3 end,
    })
    helper.raises(refused, tostring, object)
    helper.raises(refused, print, object)
    helper.raises(refused, table.concat, object)
    helper.raises(refused, table.unpack, object)
    helper.raises(refused, function() for _ in ipairs(object) do end end)
  end)

  it("in a coroutine resumed there, and it works again afterwards", function()
    helper.raises(refused, string.gsub, "a", ".", function() coroutine.wrap(nap)() end)
    local co = coroutine.wrap(function()
      pcall(string.gsub, "a", ".", nap)
      nap()
      return "fine"
    end)
    assert.equal("fine", co())
  end)

  it("for every blocking call, naming it", function()
    local q, full = queue.new(), queue.new(1)
    local lock = require("heddle.sync").lock()
    full:put(1)
    lock:acquire()
    local h = task.start(task.sleep, 60)
    for name, call in pairs {
      ["queue:get"] = function() q:get() end, ["queue:put"] = function() full:put(1) end,
      ["lock:acquire"] = function() lock:acquire() end, ["join"] = function() h:join() end,
      ["yield"] = task.yield,
    } do
      local err = helper.raises(refused, string.gsub, "a", ".", function() call() end)
      assert.is_truthy(err:find(name, 1, true), name .. ": " .. err)
    end
    h:cancel()
    h:join()
  end)

  it("but what need not wait works there", function()
    local q = queue.new()
    local lock = require("heddle.sync").lock()
    local out = string.gsub("abc", ".", function(c)
      q:put(c)
      local _ <close> = lock:hold()
      return q:get()
    end)
    assert.equal("abc", out)
  end)
end)
