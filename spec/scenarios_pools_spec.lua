-- The scenarios of scripts/pools: what each of them claims.

local scenarios = require "spec.scenarios"

local scenario = scenarios.batch()

describe("scenarios of pools:", function()
  scenario("cached_calls", function(r)
    local words = {}
    for n, square, how in r.out:gmatch "(%d) squared is (%d+), (%a+)" do
      assert.equal(n * n, tonumber(square))
      words[#words + 1] = how
    end
    assert.equal("computed computed from computed from", table.concat(words, " "))
  end)
end)
