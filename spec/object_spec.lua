-- What all shared objects have in common: methods of their own once they are used often.

local helper = require "spec.helper"
local isolate = require "heddle.isolate"
local sync = require "heddle.sync"
local queue = require "heddle.queue"
local shared = require "heddle.shared"

helper.case_limit = 20

describe("shared objects that are used often", function()
  local function fields(object, method)
    local class = getmetatable(object)
    local list = { object[method], object.nonsense == nil, tostring(object) }
    object.name = "renamed"
    list[#list + 1] = object.name
    list[#list + 1] = select(2, pcall(function() object.place = 1 end))
    object.name = "before"
    return class, list
  end

  local made = {
    acquire = sync.lock, release = sync.rlock, notify = sync.condition, set = sync.event,
    value = sync.semaphore, wait = function() return sync.barrier(2) end, write = sync.rwlock,
    count = function() return sync.latch(1) end, put = queue.new,
    cas = function() return shared.value("int", 1) end, send = require("heddle.pipe").new,
    add = function() return shared.array("int", 3, 7) end,
  }
  for method, new in pairs(made) do
    it(("are what they were [%s]"):format(method), function()
      local object, other_end = new()
      object.name = "before"
      local class, before = fields(object, method)
      for _ = 1, 300 do assert.is_function(object[method]) end
      local later, after = fields(object, method)
      assert.same(before, after)
      assert.equal("renamed", after[4])
      for key, value in pairs(class) do
        if key ~= "__index" then assert.equal(value, later[key]) end
      end
      if method == "add" then assert.equal(7, object[2]) end
      local fresh = fields(new(), method)
      assert.equal(class, fresh)
      assert.equal(object, isolate.start(function(o) return o end, object):result(5))
      assert.not_equal(object, other_end) -- kept: a pipe is closed with it
    end)
  end

  it("show the name that another interpreter gave them", function()
    local lock = sync.lock()
    for _ = 1, 300 do lock:locked() end
    isolate.start(function(l) l.name = "from there" end, lock):join()
    assert.equal("from there", lock.name)
  end)

  it("are freed", function()
    local weak = setmetatable({}, { __mode = "v" })
    local function make()
      local lock = sync.lock()
      for _ = 1, 300 do lock:locked() end
      weak[1] = lock
    end
    make()
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[1])
  end)
end)
