-- heddle.repl_entry: which lines are an entry, and what they compile to.

local entry = require "heddle.repl_entry"

describe("repl_entry", function()
  it("shares a variable between an old function and a new entry", function()
    entry.compile "local shared_one = 1; function shared_get() return shared_one end"()
    entry.compile "shared_one = 7"()
    assert.equal(7, entry.compile "shared_get()"())
    assert.equal(7, (entry.value "shared_one"))
    rawset(_G, "shared_get", nil)
  end)

  it("does not take a nested local for one of the top", function()
    entry.compile "local function outer_one() local nested_one = 3 return nested_one end"()
    assert.is_nil(entry.compile "nested_one"())
    assert.equal(3, entry.compile "outer_one()"())
  end)

  it("tells an unfinished chunk from a wrong one", function()
    local _, why = entry.compile "f("
    assert.equal("unfinished", why)
    _, why = entry.compile "x = )"
    assert.truthy(why:find "unexpected symbol")
    _, why = entry.compile "text = [[a"
    assert.equal("unfinished", why)
  end)

  it("keeps constants, and what stands before a return", function()
    entry.compile "local fixed_one <const>, fixed_two <const> = 5, {}"()
    assert.equal(5, entry.compile "fixed_one"())
    assert.equal("table", entry.compile "type(fixed_two)"())
    entry.compile "do local fixed_three <const> = 5 end"()
    assert.is_nil(entry.compile "fixed_three"())
    assert.equal(3, entry.compile "local left_one, left_two = 1, 2 return left_one + left_two"())
    assert.equal(2, entry.compile "left_two"())
    assert.equal(4, entry.compile "local function left_f() return 4 end return left_f()"())
    assert.equal(4, entry.compile "left_f()"())
    assert.equal(5, entry.compile "local left_three = 5 -- return 1"() or entry.value "left_three")
  end)

  it("takes = as return, as Lua 5.1 did", function()
    assert.equal(10, entry.compile "= 5 + 5"())
    assert.equal(10, entry.compile "=5 + 5"())
    assert.is_nil(entry.compile "== 5")
  end)

  it("wants no more lines for a string that its line ends", function()
    local _, why = entry.compile '"open'
    assert.truthy(why:find "unfinished string")
    _, why = entry.compile '"open \\'
    assert.equal("unfinished", why)
  end)

  it("keeps more locals than a function may have", function()
    for i = 1, 210 do entry.compile(("local many_%d = %d"):format(i, i))() end
    assert.equal(210, entry.compile "many_210"())
    assert.equal(150, #entry.locals())
  end)
end)
