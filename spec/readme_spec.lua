-- The main parts of the README's two commands, `make demo` and `make test`.

local helper = require "spec.helper"

describe("the README", function()
  it("shows both commands", function()
    local text = helper.slurp "README.md"
    assert.matches("make demo", text)
    assert.matches("make test", text)
  end)

  it("is right about make demo: the four models compared, the answer at the end", function()
    assert.matches("\n\tbuild/heddle demo\n", helper.slurp "Makefile")
    local r = helper.heddle({ "demo", "--jobs=4", "--seed=42" }, { limit = 60 })
    assert.equal(0, r.code, r.all)
    assert.matches("^heddle demo: all four models, 4 jobs, 4 workers, 10 s, seed 42\n", r.out)
    assert.matches("\n[^\n]+ ran fastest: [^\n]+\n$", r.out)
    -- the tables have the rows and columns that are shown
    local shown = helper.slurp("README.md"):match "\n%$ make demo\n[^\n]*\n(.-)\n\n[^ ]"
    local printed = "\n" .. r.out
    for line in shown:gmatch "[^\n]+" do
      local head = line:match "^  model.*$" or line:match "^  %l+ x4 " or line:match "^  speed.*$"
      assert(printed:find("\n" .. assert(head, line), 1, true), line)
    end
  end)

  it("is right about make test: the last line says how many passed", function()
    local r = helper.heddle({ "spec/run.lua", "spec/rng_spec.lua" }, { limit = 60 })
    assert.equal(0, r.code, r.all)
    assert.matches("\n%d+ passed, 0 failed\n$", "\n" .. r.out)
  end)
end)
