-- The job kernels: right digests, CPU time as asked, the GIL kept or given up.

local helper = require "spec.helper"
local heddle = require "heddle"
local thread = require "heddle.thread"
local work = require "heddle.work"

local DIGESTS = {
  [""] = "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a6"
    .. "15b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26",
  abc = "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"
    .. "10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
  [("a"):rep(1000)] = "ac7e95cc95aa7f24aaa95e040ca0c79b39cd9cc84a10abb84ddd8dd5e4b45cf9"
    .. "6543aaa70d0ef99fbf8d2769639981ee1fd0b0276f4756b9d504d0b7de19b700",
}

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

-- How far a counting thread gets while another one runs `kernel`, whose end it cannot see at once.
local function counted_during(kernel)
  local done, count = false, 0
  local counter = thread.start(function()
    while not done do count = count + 1 end
  end)
  local worker = thread.start(function()
    local before = count
    kernel()
    return count - before
  end)
  local passed = worker:result()
  done = true
  counter:result()
  return passed
end

describe("heddle.work", function()
  it("computes SHA3-512", function()
    for text, digest in pairs(DIGESTS) do assert.equal(digest, hex(work.sha3_512(text))) end
  end)

  it("computes it after other messages and other kernels", function()
    work.sha3(10)
    work.sha3_512 "other"
    assert.equal(DIGESTS.abc, hex(work.sha3_512 "abc"))
  end)

  helper.each_model("computes SHA3-512 everywhere", function(model)
    local digest = model.start(function() return require("heddle.work").sha3_512 "abc" end):result()
    assert.equal(DIGESTS.abc, hex(digest))
  end)

  it("spins for CPU seconds, not for wall time", function()
    local native = require "heddle.native.work"
    local before, began = native.usage(), heddle.now()
    work.spin(0.1)
    local used = (native.usage()) - before
    assert.is_true(used >= 0.1 and used < 0.2, "used " .. used)
    assert.is_true(heddle.now() - began >= 0.099)
    work.spin(0)
  end)

  it("holds the GIL, and gives it up when told to", function()
    -- the other one may get a switch interval before the kernel and one after it
    local held = counted_during(function() work.spin(0.3) end)
    local given = counted_during(function() work.spin(0.3, { release = true }) end)
    assert.is_true(held < given / 10, ("%d while held, %d while given up"):format(held, given))
    assert.is_true(counted_during(function() work.sha3(100000, { release = true }) end) > 1000)
  end)

  it("writes to a disk and reads back, leaving nothing there", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder))
    local code = "for _ = 1, 20 do require('heddle.work').disk(100001) end print 'written'"
    local env = { TMPDIR = folder }
    assert.equal("written\n", helper.heddle({ "-e", code }, { env = env }).all)
    assert.equal("", helper.command({ "ls", "-A", folder }).all)
    assert(os.remove(folder))
    local r = helper.heddle({ "-e", code }, { env = env })
    assert.matches("work%.disk: No such file or directory", r.err)
    work.disk(0)
  end)

  it("uses memory of the interpreter, which a cap on that counts", function()
    local block <const> = work.memory(1 << 20)
    assert.equal("userdata", type(block))
    assert.is_true(collectgarbage "count" > 1024)
    work.memory(0, { release = true })
    local isolate = require "heddle.isolate"
    local h = isolate.start({ memory = 8 << 20 }, function()
      return require("heddle.work").memory(64 << 20)
    end)
    helper.raises("not enough memory", h.result, h)
  end)

  it("refuses wrong arguments", function()
    helper.raises("work%.sha3_512: s: a string expected, got number %[bad%-argument%]$",
      work.sha3_512, 1)
    helper.raises("work%.sha3: rounds: a whole number >= 0 expected, got %-1 %[bad", work.sha3, -1)
    helper.raises("work%.sha3: rounds: .* got 1%.5", work.sha3, 1.5)
    helper.raises("work%.spin: seconds: a number >= 0 expected, got %-?nan", work.spin, 0 / 0)
    helper.raises("work%.spin: seconds: .* got no value", work.spin)
    helper.raises("work%.spin: options: only release is known, got free %[bad%-option%]$",
      work.spin, 0, { free = true })
    helper.raises("work%.sha3: release: true or false expected, got string", work.sha3, 1,
      { release = "yes" })
    helper.raises("work%.disk: bytes: a whole number >= 0 expected, got %-1", work.disk, -1)
    helper.raises("work%.memory: bytes: .* got string", work.memory, "1")
    helper.raises("work%.memory: options: only release", work.memory, 1, { free = true })
    helper.raises("work%.sha3: options: a table", work.sha3, 1, true)
  end)
end)
