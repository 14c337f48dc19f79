-- What all scenarios have in common: their opening comment, their place in the list, the
-- documentation and the specs.

local helper = require "spec.helper"
local scenarios = require "heddle.scenarios"

local all = scenarios.all()

local tags = {}
for _, text in ipairs(scenarios.texts) do tags[text[1]] = true end

describe("the scenarios", function()
  it("open with a sentence and the text it comes from", function()
    for _, s in ipairs(all) do
      assert.matches("^[%u`]", s.sentence, s.name)
      assert.is_true(#s.sentence <= 110, s.name .. ": a shorter sentence, please")
      assert.matches("^[^\n]+%.", s.about, s.name)
      assert.matches("%a", s.texts, s.name)
      for tag in s.texts:gmatch "%a+" do assert.is_true(tags[tag], s.name .. ": " .. tag) end
    end
  end)

  it("are short", function()
    for _, s in ipairs(all) do
      local n = 0
      for line in s.source:gmatch "[^\n]+" do
        if not line:find "^%s*%-%-" then n = n + 1 end
      end
      assert.is_true(n >= 5 and n <= 40, ("%s has %d lines of code"):format(s.name, n))
    end
  end)

  it("have names of their own", function()
    local seen = {}
    for _, s in ipairs(all) do
      assert.is_nil(seen[s.name], s.name)
      seen[s.name] = true
    end
  end)

  it("are listed, a line each, with their text", function()
    local listed = "\n" .. helper.heddle({ "list" }).out
    for _, s in ipairs(all) do
      local line = ("\n%-24s %s  [%s]\n"):format(s.name, s.sentence, s.texts)
      assert.is_truthy(listed:find(line, 1, true), s.name)
    end
  end)

  it("have their own help", function()
    for _, s in ipairs(all) do
      local none, help = scenarios.prepare { s.name, "--help" }
      assert.is_nil(none)
      assert.matches("^Usage: heddle run " .. s.name, help)
      assert.is_truthy(help:gsub("\n", " "):find(s.sentence, 1, true), s.name)
    end
  end)

  it("stand in the documentation, which is up to date", function()
    local made = helper.heddle { "tools/scenarios.lua" }
    assert.equal(0, made.code, made.all)
    local now = helper.slurp "docs/SCENARIOS.md"
    assert.is_true(made.out == now, "`make scenarios` brings docs/SCENARIOS.md up to date")
  end)

  it("are each run by a spec", function()
    local specs = {}
    for name in require("lfs").dir "spec" do
      if name:match "^scenarios_" then specs[#specs + 1] = helper.slurp("spec/" .. name) end
    end
    local text = table.concat(specs)
    for _, s in ipairs(all) do
      assert.is_truthy(text:find(('scenario("%s"'):format(s.name), 1, true), s.name)
    end
  end)
end)
