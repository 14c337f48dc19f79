-- The random generator against numbers that Python's random.Random gave for the same calls.

local helper = require "spec.helper"
local rng = require "heddle.rng"

-- By seed: random() twice, randint(1, 6) four times, randint(-5, 5), randint(-2^63, 2^63-1),
-- randint(0, 2^63-1), and random() again after 2,000 more.
local PYTHON = {
  [0] = {
    0.84442185152504812, 0.75795440294030247, 4, 1, 3, 5, 2, 7528354001793048440,
    2569146471088859254, 0.054157834024238127,
  },
  [42] = {
    0.63942679845788375, 0.025010755222666936, 3, 2, 2, 2, -4, -8637085003156352615,
    4033158781666617690, 0.04688409695245499,
  },
  [1 << 40] = {
    0.1036394562812375, 0.67055586774397635, 4, 1, 4, 4, 5, -3325708353069901646,
    797842660906383513, 0.47027205874816047,
  },
  [math.mininteger] = {
    0.55346399839141991, 0.94061447090904615, 2, 5, 1, 3, 0, -3592833577956542095,
    3509481128174891722, 0.49362969490378927,
  },
  [math.maxinteger] = {
    0.3166448820870279, 0.63125930825386301, 4, 4, 1, 4, 4, 5391059599934959914,
    3152066216235563537, 0.99466279750108411,
  },
}

local function draw(seed)
  local r = rng(seed)
  local drawn = { r(), r(), r(6), r(6), r(6), r(6), r(-5, 5) }
  drawn[8], drawn[9] = r(math.mininteger, math.maxinteger), r(0, math.maxinteger)
  for _ = 1, 2000 do r() end
  drawn[10] = r()
  return drawn
end

describe("heddle.rng", function()
  for seed, numbers in pairs(PYTHON) do
    it("gives Python's numbers for seed " .. seed, function()
      assert.same(numbers, draw(seed))
    end)
  end

  it("does not mind a seed's sign", function()
    assert.same(PYTHON[42], draw(-42))
  end)

  it("is callable, has new, and takes a float that is whole", function()
    assert.equal(rng.new(7)(), rng(7.0)())
    assert.equal(require("heddle").rng(7)(), rng(7)())
  end)

  it("makes functions", function()
    assert.equal("function", type(rng(1)))
    helper.raises("^can't copy args%[1%]: ", require("heddle.isolate").start, print, rng(1))
  end)

  it("keeps generators apart", function()
    local a, b = rng(1), rng(1)
    a()
    a()
    assert.equal(rng(1)(), b())
  end)

  it("gives integers for ranges and floats without", function()
    local r = rng(3)
    assert.equal("integer", math.type(r(10)))
    assert.equal("float", math.type(r()))
    assert.equal(1, r(1))
    assert.equal(-9, r(-9, -9))
  end)

  it("covers a range and nothing else", function()
    local r, seen = rng(5), {}
    for _ = 1, 500 do seen[r(-2, 3)] = true end
    local keys = {}
    for k in pairs(seen) do keys[#keys + 1] = k end
    table.sort(keys)
    assert.same({ -2, -1, 0, 1, 2, 3 }, keys)
  end)

  it("refuses what is no seed and no range", function()
    helper.raises("rng: seed: a whole number expected, got string %[bad%-argument%]$", rng, "42")
    helper.raises("rng: seed: a whole number expected, got 1%.5 %[bad%-argument%]$", rng, 1.5)
    helper.raises("rng: seed: a whole number expected, got ", rng)
    local r = rng(1)
    helper.raises("rng: the range from 1 to 0 is empty %[bad%-argument%]$", r, 0)
    helper.raises("rng: the range from 3 to 2 is empty", r, 3, 2)
    helper.raises("rng: n: a whole number expected, got string", r, 1, "2")
    helper.raises("rng: at most 2 arguments", r, 1, 2, 3)
  end)
end)
