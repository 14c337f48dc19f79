-- Each block of Lua in README.md and docs/*.md runs as it stands, and prints what its comments say.
local helper = require "spec.helper"

local function pages()
  local list = { "README.md" }
  for name in require("lfs").dir "docs" do
    if name:find "%.md$" then list[#list + 1] = "docs/" .. name end
  end
  table.sort(list)
  return list
end

-- The blocks of Lua of a page, each with its line.
local function blocks(page)
  local found, number, block = {}, 0, nil
  for line in (helper.slurp(page) .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    if block and line:find "^```" then
      block.code = table.concat(block, "\n")
      found[#found + 1] = block
      block = nil
    elseif block then
      block[#block + 1] = line
    elseif line:find "^```lua" then
      block = { line = number }
    end
  end
  return found
end

-- What `--> …` says of a line that prints must be in the output.
local function promised(code)
  local list = {}
  for line in code:gmatch "[^\n]+" do
    local text = line:match "^%s*print.*%-%-> ([^,]+)"
    if text then list[#list + 1] = text:match "^%s*(.-)%s*$" end
  end
  return list
end

describe("the code in", function()
  local folder

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(require("lfs").mkdir(folder))
  end)

  after_each(function() assert(os.execute("rm -r " .. folder)) end)

  for _, page in ipairs(pages()) do
    for _, block in ipairs(blocks(page)) do
      it(("%s, line %d, runs"):format(page, block.line), function()
        local result = helper.script(block.code, { cwd = folder })
        assert(result.code == 0, result.err)
        local words = result.out:gsub("%s+", " ")
        for _, text in ipairs(promised(block.code)) do
          assert(words:find(text, 1, true), ("%q was not printed:\n%s"):format(text, result.out))
        end
      end)
    end
  end
end)
