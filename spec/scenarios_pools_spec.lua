-- The scenarios of scripts/pools: what each of them claims.

local helper = require "spec.helper"
local scenarios = require "spec.scenarios"

local scenario = scenarios.batch()

-- Where the results of a run of cached_calls came from, in order.
local function origins(out)
  local words = {}
  for n, square, how in out:gmatch "(%d) squared is (%d+), (%a+)" do
    assert.equal(n * n, tonumber(square))
    words[#words + 1] = how
  end
  return table.concat(words, " ")
end

describe("scenarios of pools:", function()
  scenario("cached_calls", function(r)
    assert.equal("computed computed from computed from", origins(r.out))
  end)

  it("cached_calls finds what an earlier run has kept", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(require("lfs").mkdir(folder))
    local words = { "run", "cached_calls", folder }
    assert.equal("computed computed from computed from", origins(helper.heddle(words).out))
    assert.equal("from from from from from", origins(helper.heddle(words).out))
    os.execute("rm -r " .. folder)
  end)

  it("cached_calls tells of a folder that it can't write to", function()
    local r = helper.heddle { "run", "cached_calls", "/nonexistent" }
    assert.equal(1, r.code)
    assert.matches("^heddle: [^\n]*/nonexistent/3%.new: No such file or directory", r.err)
    assert.equal("", r.out)
  end)
end)
