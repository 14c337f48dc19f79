-- The documents: each block of code runs as it stands and prints what its comments say, each
-- command works, each link leads somewhere, each name that is told of exists.
local helper = require "spec.helper"
local lfs = require "lfs"

local function pages_in(folder, list)
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    if name:find "%.md$" then list[#list + 1] = path end
  end
  table.sort(list)
  return list
end

helper.case_limit = 60 -- some of it computes, and the machine may be busy

local GUIDES = pages_in("docs", { "README.md", "CONTRIBUTING.md", "CHANGELOG.md" })
local REFERENCE = pages_in("docs/reference", {})
local ALL = table.move(REFERENCE, 1, #REFERENCE, #GUIDES + 1, table.move(GUIDES, 1, #GUIDES, 1, {}))

-- Commands of which a spec of its own runs the main parts, since they take minutes.
local ELSEWHERE = { ["make demo"] = "readme_spec", ["make test"] = "readme_spec" }

-- A page's blocks of code: language, line, text.
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
    elseif line:find "^```" then
      block = { line = number, language = line:match "^```(.*)$" }
    end
  end
  return found
end

local function each_block(pages, language, fn)
  for _, page in ipairs(pages) do
    for _, block in ipairs(blocks(page)) do
      if block.language == language then fn(page, block) end
    end
  end
end

-- What `--> …` says of a line that prints must be in the output.
local function promised(code)
  local list = {}
  for line in code:gmatch "[^\n]+" do
    local text = line:match "print.*%-%-> ([^,]+)"
    if text then list[#list + 1] = text:match "^%s*(.-)%s*$" end
  end
  return list
end

-- In the reference heddle's modules are at hand by their names.
local MODULES = "setmetatable(_G, { __index = function(_, name) local ok, module = "
  .. "pcall(require, 'heddle.' .. name) return ok and module or nil end }) "

local folder, executables

local function in_a_folder()
  before_each(function()
    folder, executables = os.tmpname(), os.tmpname()
    os.remove(folder)
    os.remove(executables)
    assert(lfs.mkdir(folder))
    assert(lfs.mkdir(executables))
    assert(lfs.link(helper.absolute_executable(), executables .. "/heddle", true))
  end)
  after_each(function()
    assert(os.execute("rm -r " .. folder))
    assert(os.execute("rm -r " .. executables))
  end)
end

local function run_lua(block, before)
  local result = helper.script(before .. block.code, { cwd = folder, limit = 50 })
  assert(result.code == 0, result.err)
  local words = result.out:gsub("%s+", " ")
  for _, text in ipairs(promised(block.code)) do
    assert(words:find(text, 1, true), ("%q was not printed:\n%s"):format(text, result.out))
  end
end

describe("the Lua in", function()
  in_a_folder()
  each_block(GUIDES, "lua", function(page, block)
    it(("%s, line %d, runs"):format(page, block.line), function() run_lua(block, "") end)
  end)
  each_block(REFERENCE, "lua", function(page, block)
    it(("%s, line %d, runs"):format(page, block.line), function() run_lua(block, MODULES) end)
  end)
end)

-- Commands ---------------------------------------------------------------------------------------

-- Fewer and smaller jobs than a reader may have patience for.
local function shortened(line)
  local verb = line:match "^heddle (%l+)"
  if verb == "demo" then line = line .. " --mix=tiny_jobs --jobs=4 --quiet" end
  if verb == "compare" then line = line .. " --jobs=2 --rounds=1 --warmup=0 --quiet" end
  return line
end

-- The lines of a block that are commands, each with what it is to print; nil: that is not said.
local function commands(block)
  local list, console = {}, block.language == "console"
  for line in (block.code .. "\n"):gmatch "(.-)\n" do
    local command = line:match "^%$ (.*)$" or not console and line
    if command and command ~= "" and not command:find "^#" then
      list[#list + 1] = { line = command:gsub("%s+# .*$", ""), out = console and {} or nil }
    elseif console and list[#list] then
      table.insert(list[#list].out, line)
    end
  end
  return list
end

-- Numbers, with their units and the width of their columns, differ from run to run.
local function shape(text)
  return (text:gsub("%d[%d.]*", "0"):gsub("0 %a?s%f[%A]", "0 s"):gsub("0 %a?i?B", "0 B")
    :gsub("[ ]+", " "))
end

local function run_command(command)
  local result = helper.command({ "sh", "-c", shortened(command.line) },
    { cwd = folder, limit = 50, env = { PATH = executables .. ":" .. os.getenv "PATH" } })
  assert(result.code == 0, command.line .. "\n" .. result.all)
  local printed = shape(result.all)
  for _, line in ipairs(command.out or {}) do
    assert(line == "…" or printed:find(shape(line), 1, true),
      ("%s\nwas to print\n%s\nbut printed\n%s"):format(command.line, line, result.all))
  end
end

-- Commands that need a copy of the sources: their target must be one of the Makefile.
local function is_target(line)
  local target = line:match "^make%s+(%l+)"
  return target == nil or helper.slurp("Makefile"):find("\n" .. target .. ":[^\n]*  ## ") ~= nil
end

describe("the commands in", function()
  in_a_folder()
  local function check(page, block)
    it(("%s, line %d, work"):format(page, block.line), function()
      for name, source in pairs { ["sum.lua"] = "print(5050)", ["my_mix.lua"] = helper.slurp
        "scripts/mixes/web_service.lua" } do
        helper.spit(folder .. "/" .. name, source)
      end
      for _, command in ipairs(commands(block)) do
        if command.line:find "^make" then
          assert(is_target(command.line), command.line)
        elseif command.line:find "^bench/run" then
          assert(lfs.attributes "bench/run", command.line)
        elseif not ELSEWHERE[command.line] then
          run_command(command)
        end
      end
    end)
  end
  each_block(ALL, "sh", check)
  each_block(ALL, "console", check)
end)

describe("the documents", function()
  -- What is neither fenced nor named as one of these would escape the specs above.
  it("have no other code than blocks of lua, sh and console", function()
    local known = { lua = true, sh = true, console = true, text = true }
    for _, page in ipairs(ALL) do
      for _, block in ipairs(blocks(page)) do
        assert(known[block.language], ("%s:%d"):format(page, block.line))
        if block.language == "text" then
          assert(not block.code:find "%f[%w]local%s" and not block.code:find "\n%$ ",
            ("%s:%d is code"):format(page, block.line))
        end
      end
      local plain = ("\n" .. helper.slurp(page)):gsub("\n```.-\n```", "")
      assert(not plain:find "\n\n    %S", page .. ": indented code")
    end
  end)

  -- As GitHub makes them of headings.
  local function anchors(path)
    local set = {}
    for title in ("\n" .. helper.slurp(path)):gmatch "\n#+ ([^\n]*)" do
      set[title:lower():gsub("[^%w%s_-]", ""):gsub("%s", "-")] = true
    end
    return set
  end

  local function follow(page, target)
    local path, anchor = target:match "^([^#]*)#?(.*)$"
    local full = path == "" and page or (page:match "^(.*/)" or "") .. path
    if not lfs.attributes(full) then return "no such file" end
    if anchor ~= "" and not anchors(full)[anchor] then return "no such heading" end
  end

  local function broken_links(page)
    local broken = {}
    local text = helper.slurp(page):gsub("\n```.-\n```", "\n"):gsub("`[^`\n]*`", "")
    for target in text:gmatch "%]%(([^)%s]*)" do
      local why = not target:find "^%l+:" and follow(page, target)
      if why then broken[#broken + 1] = ("%s: %s: %s"):format(page, target, why) end
    end
    return broken
  end

  it("have links that lead somewhere", function()
    for _, page in ipairs(ALL) do assert.equal("", table.concat(broken_links(page), "\n")) end
  end)

  it("would be found out with one that does not", function()
    local page = os.tmpname()
    helper.spit(page, "# A b\n[x](#a-b) [y](#c) [z](nowhere.md) [w](https://example.org/)\n")
    local found = broken_links(page)
    os.remove(page)
    assert.equal(2, #found)
    assert.truthy(found[1]:find "#c: no such heading")
    assert.truthy(found[2]:find "nowhere.md: no such file")
  end)

  -- `heddle …` and `make …` in the text.
  it("name commands and targets that exist", function()
    local verbs = {}
    for verb in helper.heddle({ "--help" }).out:gmatch "\n%s+heddle (%l+)" do verbs[verb] = true end
    assert(verbs.demo and verbs.top)
    for _, page in ipairs(ALL) do
      for span in helper.slurp(page):gmatch "`(%l+ [^`\n]*)`" do
        local verb = span:match "^heddle (%l+)$" or span:match "^heddle (%l+) "
        assert(not verb or verbs[verb], page .. ": " .. span)
        assert(is_target(span), page .. ": " .. span)
      end
    end
  end)

  -- `module.function` and `:method` in the tables of PYTHON.md's second column.
  it("name functions and methods that the reference has", function()
    local reference = require "heddle.reference"
    local methods, modules, checked = {}, {}, 0
    for name in pairs(reference) do
      local method, module = name:match ":([%w_]+)$", name:match "^@(%l+)$"
      if method then methods[method] = true end
      if module then modules[module] = true end
    end
    for cell in helper.slurp("docs/PYTHON.md"):gmatch "\n| [^|]* | ([^|]*) |" do
      for span in cell:gmatch "`([^`]*)`" do
        local module, name = span:match "^(%l+)%.([%l_%d]+)"
        local method = span:match "^%l*:([%l_]+)" or span:match "[%s(]%l+:([%l_]+)"
        if modules[module] then
          assert(reference[module .. "." .. name], span)
          checked = checked + 1
        end
        assert(not method or methods[method], span)
        checked = checked + (method and 1 or 0)
      end
    end
    assert.truthy(checked > 150, checked)
  end)

  it("name codes that are explained", function()
    local codes = require "heddle.explain_codes"
    for _, page in ipairs(ALL) do
      local text = helper.slurp(page)
      for code in text:gmatch "heddle explain (%l[%l-]+)" do assert(codes[code], code) end
      for code in text:gmatch "%f[%[]%[(%l+%-[%l-]+)%]%f[^%]%(]" do assert(codes[code], code) end
    end
  end)
end)
