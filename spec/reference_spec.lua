-- help(x), and the pages and texts made from the doc comments.
local helper = require "spec.helper"
local help = require "heddle.help"

describe("the reference", function()
  it("is what the doc comments say", function()
    local r = helper.heddle { "tools/reference.lua", "--check" }
    assert.equal("", r.err)
    assert.equal(0, r.code)
  end)

  -- Every function that a module shows must be in it.
  it("has every public function", function()
    local reference, missing = require "heddle.reference", {}
    for _, name in ipairs { "task", "thread", "isolate", "process", "sync", "queue", "pipe",
      "shared", "pool", "greenlet", "loop", "net", "fs", "http", "mix", "service", "trace",
      "work" } do
      for key, value in next, (require("heddle." .. name)) do
        if type(value) == "function" and type(key) == "string" and not key:find "^_"
          and not reference[name .. "." .. key] then
          missing[#missing + 1] = name .. "." .. key
        end
      end
    end
    table.sort(missing)
    assert.equal("", table.concat(missing, " "))
  end)

  it("has every method of the engine's objects", function()
    local reference, sync, missing = require "heddle.reference", require "heddle.sync", {}
    local objects = {
      lock = sync.lock(), rlock = sync.rlock(), event = sync.event(), latch = sync.latch(1),
      semaphore = sync.semaphore(), barrier = sync.barrier(2), rwlock = sync.rwlock(),
      condition = sync.condition(), ["queue.Queue"] = require("heddle.queue").new(),
      handle = require("heddle.task").current(), value = require("heddle.shared").value("int", 1),
    }
    for class, object in pairs(objects) do
      for name, method in pairs(debug.getmetatable(object).methods) do
        local known = reference[class .. ":" .. name]
          or (class == "rlock" or class == "condition") and reference["lock:" .. name]
        if type(method) == "function" and not name:find "^_" and not known then
          missing[#missing + 1] = class .. ":" .. name
        end
      end
    end
    table.sort(missing)
    assert.equal("", table.concat(missing, " "))
  end)
end)

describe("help", function()
  it("finds by name, function, module and object", function()
    assert.truthy(help.text("lock:acquire"):find "^lock:acquire%(")
    assert.truthy(help.text("heddle.task.sleep"):find "^task%.sleep%(")
    assert.truthy(help.text(require("heddle.task").sleep):find "%.sleep%(seconds: number%)")
    assert.truthy(help.text(require "heddle.queue"):find("queue.new", 1, true))
    assert.truthy(help.text(require("heddle.sync").lock()):find("lock:release", 1, true))
  end)

  it("suggests what may have been meant", function()
    assert.truthy(help.text("lock:aquire"):find("did you mean 'lock:acquire'?", 1, true))
  end)

  it("says of a stranger what it is", function()
    assert.truthy(help.text(function() end):find "spec/reference_spec.lua:%d+")
    assert.truthy(help.text(print):find "a function in C")
    assert.truthy(help.text(true):find "boolean")
    assert.truthy(help.text():find("queue", 1, true))
  end)
end)
