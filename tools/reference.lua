-- reference.lua: makes the reference from the doc comments of the library: docs/reference/*.md,
-- docs/ERRORS.md and the manual pages for readers, lua/heddle/reference.lua for `help(x)`.
-- usage: build/heddle tools/reference.lua [--check]
-- With --check nothing is written; the exit status is 1 when a file is not what it would be.

package.path = "./?.lua;" .. package.path
local doc_comments = require "tools.doc_comments"
local manual = require "tools.manual"

local GIVEN, first_sentence = doc_comments.GIVEN, doc_comments.first_sentence
local short, signature = doc_comments.short, doc_comments.signature
local slurp, trim = doc_comments.slurp, doc_comments.trim

-- "options?" of "[options,]".
local function plain_name(parameter)
  return (parameter.name:gsub("^%[(.-),%]$", "%1?"))
end

-- As Markdown ------------------------------------------------------------------------------------

-- Text, with what is indented as blocks of Lua.
local function add_text(lines, text)
  local inside, fenced, blank = false, false, false
  for _, line in ipairs(text) do
    if line:find "^```" then fenced = not fenced end
    local code = not fenced and line:match "^    (.*)$"
    if inside and not code and line ~= "" then
      lines[#lines + 1] = "```"
      inside = false
    end
    if blank then lines[#lines + 1] = "" end
    if code and not inside then lines[#lines + 1] = "```lua" end
    inside = inside or code ~= nil and code ~= false
    blank = line == ""
    if not blank then lines[#lines + 1] = code or line end
  end
  if inside then lines[#lines + 1] = "```" end
end

local function add_returns(lines, returns)
  local types = {}
  for i, r in ipairs(returns) do
    if (r.name or "") .. r.text ~= "" then types = nil break end
    types[i] = r.type
  end
  if types and #types > 0 then returns = { { type = table.concat(types, ", "), text = "" } } end
  for _, r in ipairs(returns) do
    local words = trim((r.name or "") .. " " .. r.text)
    lines[#lines + 1] = ("- returns `%s`%s"):format(r.type, words ~= "" and " " .. words or "")
  end
end

local function add_items(lines, entry)
  if #entry.params + #entry.returns > 0 and lines[#lines] ~= "" then lines[#lines + 1] = "" end
  for _, p in ipairs(entry.params) do
    local words = p.text ~= "" and ": " .. p.text or ""
    lines[#lines + 1] = ("- `%s`: `%s`%s"):format(plain_name(p), p.type, words)
  end
  add_returns(lines, entry.returns)
end

local function add_entry(lines, mark, entry)
  table.move({ "", ("%s `%s`"):format(mark, signature(entry)), "" }, 1, 3, #lines + 1, lines)
  add_text(lines, entry.text)
  add_items(lines, entry)
  entry.printed = true
end

local function add_class_text(lines, class)
  add_text(lines, class.text)
  if class.parent and not class.repeats then
    lines[#lines + 1] = ("\nIt has all of `%s`, too."):format(short(class.parent))
  end
  if #class.fields == 0 then return end
  table.move({ "", "| field | type | |", "|---|---|---|" }, 1, 3, #lines + 1, lines)
  for _, f in ipairs(class.fields) do
    lines[#lines + 1] = ("| `%s` | `%s` | %s |"):format(f.name, f.type:gsub("|", "\\|"),
      f.text:gsub("|", "\\|"))
  end
end

local function markdown(page)
  local module = page.module
  local name = module == "heddle" and "heddle" or "heddle." .. module
  local lines = { "# " .. (GIVEN[module] and module or name), "" }
  if GIVEN[module] then
    lines[#lines + 1] = ("No module: %s."):format(GIVEN[module])
  else
    lines[#lines + 1] = ("`local %s = require \"%s\"`"):format(module, name)
  end
  lines[#lines + 1] = ""
  add_text(lines, page.head)
  for _, entry in ipairs(page.entries) do
    if not entry.method then add_entry(lines, "##", entry) end
  end
  for _, class in ipairs(page.classes) do
    local prefix = short(class.name) .. ":"
    class.repeats = class.parent and page.known[short(class.parent) .. ":acquire"]
    table.move({ "", ("## %s"):format(short(class.name)), "" }, 1, 3, #lines + 1, lines)
    add_class_text(lines, class)
    for _, entry in ipairs(page.entries) do
      if entry.title:sub(1, #prefix) == prefix then add_entry(lines, "###", entry) end
    end
  end
  for _, entry in ipairs(page.entries) do
    if not entry.printed then add_entry(lines, "##", entry) end
  end
  lines[#lines + 1] = "\nMade from the doc comments of the library by `make reference`."
  return (table.concat(lines, "\n"):gsub("\n\n\n+", "\n\n") .. "\n")
end

local function index_page(pages)
  local lines = { "# Reference", "", "| | |", "|---|---|" }
  for _, page in ipairs(pages) do
    local module = page.module
    local name = GIVEN[module] and module or module == "heddle" and module or "heddle." .. module
    lines[#lines + 1] = ("| [%s](%s.md) | %s |"):format(name, module,
      first_sentence(page.head):gsub("|", "\\|"))
  end
  lines[#lines + 1] = "\nMade from the doc comments of the library by `make reference`."
  return table.concat(lines, "\n") .. "\n"
end

-- As text, for help(x) ---------------------------------------------------------------------------

local function entry_text(entry)
  local lines = { signature(entry) }
  for _, line in ipairs(entry.text) do lines[#lines + 1] = line end
  if #entry.params > 0 then lines[#lines + 1] = "Parameters:" end
  for _, p in ipairs(entry.params) do
    lines[#lines + 1] = "  " .. trim(("%s: %s  %s"):format(plain_name(p), p.type,
      p.text))
  end
  if #entry.returns > 0 then lines[#lines + 1] = "Returns:" end
  for _, r in ipairs(entry.returns) do
    lines[#lines + 1] = "  " .. trim(("%s  %s %s"):format(r.type, r.name or "", r.text))
  end
  return table.concat(lines, "\n")
end

local function class_text(class)
  local lines = { short(class.name) }
  for _, line in ipairs(class.text) do lines[#lines + 1] = line end
  for _, f in ipairs(class.fields) do
    lines[#lines + 1] = "  " .. trim((".%s: %s  %s"):format(f.name, f.type, f.text))
  end
  return table.concat(lines, "\n")
end

local function module_source(pages)
  local lines = { "-- What help(x) shows, made from the doc comments by `make reference`.",
    "-- luacheck: no max line length", "return {" }
  local function add(name, text)
    lines[#lines + 1] = ("  [%q] = %q,"):format(name, text):gsub("\\\n", "\\n")
  end
  for _, page in ipairs(pages) do
    if not GIVEN[page.module] then add("@" .. page.module, table.concat(page.head, "\n")) end
    for _, entry in ipairs(page.entries) do add(entry.title, entry_text(entry)) end
    for _, class in ipairs(page.classes) do
      if class.name ~= "heddle" and #class.text + #class.fields > 0 then
        add(short(class.name), class_text(class))
      end
    end
  end
  lines[#lines + 1] = "}"
  return table.concat(lines, "\n") .. "\n"
end

-- The codes of errors ----------------------------------------------------------------------------

local ERRORS_HEAD = [[
# Errors

What is to be expected is returned: nil and a reason (`"timeout"`, `"closed"`, `"full"`, `"empty"`,
`"broken"`), or nil, a message and a code such as `"ECONNREFUSED"` where the system was asked. Wrong
use raises an error that names the function and the argument, says what was expected, and ends with
one of the codes below, in brackets. `heddle explain CODE` says the same as this page.

A worker's error is raised again by its handle's `result`, with the worker's traceback; one that
nobody asks for is printed to stderr once. Made from the table of codes by `make reference`.]]

-- The examples are in specs of their own: explain_spec.
local function errors_page()
  local codes, explain = require "heddle.explain_codes", require "heddle.explain"
  local lines = { ERRORS_HEAD }
  for _, name in ipairs(explain.codes()) do
    local row = codes[name]
    lines[#lines + 1] = ("\n## %s\n\n%s\n\n%s"):format(name, row.means, row.remedy)
    if row.wrong then lines[#lines + 1] = "\n- raises it: `` " .. row.wrong .. " ``" end
    if row.right then lines[#lines + 1] = "- as it should be: `` " .. row.right .. " ``" end
  end
  return (table.concat(lines, "\n") .. "\n"):gsub(" ``\n%- as", " ``\n- as")
end

-- ------------------------------------------------------------------------------------------------

local check = arg[1] == "--check"
local wrong = 0

local function put(path, text)
  if slurp(path) == text then return end
  if check then
    io.stderr:write(path, ": not up to date: make reference\n")
    wrong = 1
    return
  end
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  file:close()
end

local pages = doc_comments.read()
for _, page in ipairs(pages) do
  put("docs/reference/" .. page.module .. ".md", markdown(page))
end
put("docs/reference/README.md", index_page(pages))
put("lua/heddle/reference.lua", module_source(pages))
put("man/heddle.1", manual.command())
put("man/heddle-lua.3", manual.library(pages))
put("docs/ERRORS.md", (errors_page()))
os.exit(wrong)
