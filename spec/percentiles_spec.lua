-- Percentiles: exact from a list, and from a histogram as near as it says.

local percentiles = require "heddle.percentiles"
local rng = require "heddle.rng"

-- The exact value, straight from the definition.
local function exact(list, p)
  table.sort(list)
  return list[math.max(1, math.ceil(p * #list))]
end

describe("heddle.percentiles", function()
  it("are exact while there are few samples", function()
    local p = percentiles.new()
    for _, x in ipairs { 5, 1, 4, 2, 3, 6, 7, 8, 10, 9 } do p:add(x) end
    assert.same({ mean = 5.5, p50 = 5, p90 = 9, p99 = 10, max = 10 }, p:spread())
    assert.equal(1, p:percentile(0))
    p:add(11)
    assert.equal(11, p:percentile(1))
    assert.is_nil(percentiles.new():spread())
  end)

  it("keep up to a million samples one by one", function()
    assert.equal(1000000, percentiles.EXACT)
  end)

  -- Samples over nine powers of ten, some of them 0.
  local function samples(n)
    local r, list = rng(3), {}
    for i = 1, n do list[i] = r() < 0.01 and 0.0 or 10 ^ (9 * r() - 6) end
    return list
  end

  it("are as near as they say beyond that", function()
    local list, p = samples(20000), percentiles.new(1000)
    for _, x in ipairs(list) do p:add(x) end
    local spread = p:spread()
    assert.equal(1 / 256, spread.error)
    for _, share in ipairs { 0, 0.005, 0.1, 0.5, 0.9, 0.99, 0.999, 1 } do
      local right, got = exact(list, share), p:percentile(share)
      assert.is_true(math.abs(got - right) <= spread.error * right,
        ("%g: %g expected, got %g"):format(share, right, got))
    end
    assert.equal(list[#list], spread.max)
    local sum = 0.0
    for _, x in ipairs(list) do sum = sum + x end
    assert.is_true(math.abs(spread.mean / (sum / #list) - 1) < 1e-9)
  end)

  it("need no more room for more samples then", function()
    local p = percentiles.new(10)
    for _, x in ipairs(samples(2000)) do p:add(x) end
    assert.is_nil(p.list)
    local buckets = 0
    for _ in pairs(p.buckets) do buckets = buckets + 1 end
    assert.is_true(buckets < 128 * 31)
  end)
end)
