-- heddle.repl_complete: what could stand at the cursor.

local complete = require "heddle.repl_complete"

describe("repl_complete", function()
  it("finds fields behind metatables and leaves hidden names out", function()
    local object = setmetatable({ width = 1 }, { __index = { wide = 2, __wrong = 3 } })
    local list, prefix = complete.find("x = object.w", { object = object }, {})
    assert.same({ "wide", "width" }, list)
    assert.equal("w", prefix)
  end)

  it("puts spaces in at the beginning of a line, and lists names in columns", function()
    assert.equal("  ", (complete.answer("", {}, {})))
    assert.equal("  ", (complete.answer("   ", {}, {})))
    local names = {}
    for i = 1, 60 do names[("name_%02d"):format(i)] = i end
    local insert, list = complete.answer("x.name_", { x = names }, {})
    assert.equal("", insert)
    assert.truthy(list:find "^name_01 +name_%d%d[^\n]*\nname_02 +")
  end)

  it("raises nothing where a field does", function()
    local object = setmetatable({}, { __index = function() error "no" end })
    assert.same({}, (complete.find("object.a.b", { object = object }, {})))
  end)
end)
