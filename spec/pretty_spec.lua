-- heddle.pretty: values as text for people.

local pretty = require "heddle.pretty"

describe("pretty", function()
  it("limits depth, items, bytes and cycles", function()
    local t = { 1 }
    t.self = t
    assert.equal("{ 1, self = <cycle to the top> }", pretty.text(t))
    assert.equal("{ { {…} } }", pretty.text({ { { 1 } } }, { depth = 2 }))
    assert.equal("{ 1, 2, … 3 more }", pretty.text({ 1, 2, 3, 4, 5 }, { items = 2 }))
    assert.equal('"aaa"… (9 bytes)', pretty.text(("a"):rep(9), { bytes = 3 }))
  end)

  it("writes keys as Lua would, in order, and lays wide tables out", function()
    assert.equal('{ [-1] = 0, [1.5] = 1, a = 3, ["end"] = 2, [true] = 4 }',
      pretty.text { [-1] = 0, [1.5] = 1, ["end"] = 2, a = 3, [true] = 4 })
    assert.equal("{\n  1,\n  b = {\n    2\n  }\n}", pretty.text({ 1, b = { 2 } }, { width = 3 }))
  end)

  it("fills lines with the items of a list", function()
    local list = {}
    for i = 1, 30 do list[i] = i end
    list.x = {}
    assert.truthy(pretty.text(list, { width = 22 }):find "^{\n  1, 2, 3, 4, 5, 6, 7,\n  8, 9")
    assert.truthy(pretty.text(list, { width = 22 }):find "30,\n  x = {}\n}$")
  end)

  it("shows strings so that terminals are safe and Lua reads them again", function()
    local text = "a\n\t\r\"\\ \27[31m \0" .. "1 \200\xed\xa0\x80 \xc2\x9b é 日本 \x7f"
    local shown = pretty.text(text)
    assert.equal(text, load("return " .. shown)())
    assert.falsy(shown:find "[%c\200]")
    assert.truthy(utf8.len(shown))
    assert.truthy(shown:find("é 日本", 1, true))
    assert.equal('"éé"… (10 bytes)', pretty.text(("é"):rep(5), { bytes = 5 }))
  end)

  it("shows a bounded part of what is huge", function()
    local function nest(depth)
      local t = {}
      for i = 1, 40 do t["k" .. i] = depth == 0 and 1 or nest(depth - 1) end
      return t
    end
    local _, lines = pretty.text(nest(2)):gsub("\n", "")
    assert.truthy(lines < 700, lines)
  end)

  it("shows what has no text of its own all the same", function()
    local function raising() error("no text", 0) end
    assert.equal("<table whose __tostring raises: no text>",
      pretty.text(setmetatable({}, { __tostring = raising })))
    assert.truthy(pretty.text { [setmetatable({}, { __tostring = raising })] = 1 })
    local object = setmetatable({ a = 1 }, { __name = "My.Class" })
    assert.equal("My.Class { a = 1 }", pretty.text(object))
    assert.truthy(pretty.text(setmetatable({}, {
      __tostring = function() require("heddle").sleep(1) end,
    })):find "can't block here")
  end)

  it("asks no metatable for fields", function()
    assert.equal("{}", pretty.text(setmetatable({}, { __index = error, __pairs = error })))
    local shown = setmetatable({}, { __tostring = function() return "shown" end })
    assert.equal("shown", pretty.text(shown))
  end)
end)
