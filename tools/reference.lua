-- reference.lua: makes the reference from the doc comments of the library: docs/reference/*.md and
-- docs/ERRORS.md and man/heddle-lua.3 for readers, lua/heddle/reference.lua for `help(x)`.
-- usage: build/heddle tools/reference.lua [--check]
-- With --check nothing is written; the exit status is 1 when a file is not what it would be.

local MODULES = {
  "heddle", "task", "thread", "isolate", "process", "handle", "sync", "queue", "pipe", "shared",
  "pool", "future", "greenlet", "loop", "net", "fs", "http", "monkey", "work", "mix", "service",
  "report", "trace",
}
-- Classes of other files that stand on the page of a module.
local MORE = {
  heddle = { watch = { "ps.Row", "locks.Row" } }, task = { task_scope = { "scope" } },
  pool = { pool_options = { "pool.Options" } }, report = { percentiles = { "percentiles.Spread" } },
}
-- No modules of their own: what others give is described there.
local GIVEN = { handle = "what `start` gives", future = "what `pool:submit` gives" }
-- What the objects of a class are called, where not by its own last name.
local CALLED = {
  ["queue.Queue"] = "queue", ["pipe.End"] = "pipe", ["loop.Handle"] = "timer",
  ["net.Connection"] = "connection", ["net.Listener"] = "listener", ["http.Server"] = "server",
  ["report.Report"] = "report", ["service.Service"] = "service", ["mix.Mix"] = "mix",
  ["process.handle"] = "process handle",
}

local function slurp(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

local function trim(text) return text:match "^%s*(.-)%s*$" end

-- Types ------------------------------------------------------------------------------------------

local aliases = {} -- by name: the type

local function read_aliases(text)
  for name, kind in text:gmatch "%-%-%-@alias (%S+) (fun[^\n]*)" do aliases[name] = kind end
end

-- One type from the start of a text, and what follows it.
local function take_type(text)
  local depth, at = 0, 1
  while at <= #text do
    local c = text:sub(at, at)
    if c:find "[%(%[{<]" then depth = depth + 1 end
    if c:find "[%)%]}>]" then depth = depth - 1 end
    if depth == 0 and c == "," then break end
    if depth == 0 and c == " " and text:sub(at - 1, at - 1) ~= ":" then break end
    at = at + 1
  end
  return text:sub(1, at - 1), trim(text:sub(at))
end

-- The parts of a text between commas that stand in no brackets.
local function split(text)
  local list, depth, from = {}, 0, 1
  for at = 1, #text do
    local c = text:sub(at, at)
    if c:find "[%(%[{<]" then depth = depth + 1 end
    if c:find "[%)%]}>]" then depth = depth - 1 end
    if depth == 0 and c == "," then
      list[#list + 1] = trim(text:sub(from, at - 1))
      from = at + 1
    end
  end
  local last = trim(text:sub(from))
  if last ~= "" then list[#list + 1] = last end
  return list
end

-- "fun(self: heddle.lock, timeout?: number): boolean does it": parameters, results, words, and
-- whether it is a method. Nil where it is no function.
local function read_function_type(text)
  local alias = aliases[text:match "^%S*"]
  if alias then text = alias .. text:match "^%S*(.*)$" end
  local args = text:match "^fun(%b())"
  if not args then return nil end
  local params, method = {}, false
  for _, arg in ipairs(split(args:sub(2, -2))) do
    local name, kind = arg:match "^([%w_.]+%??):?%s*(.*)$"
    if name == "self" then
      method = true
    else
      params[#params + 1] = { name = name, type = kind ~= "" and kind or "any", text = "" }
    end
  end
  local returns, words = {}, trim(text:sub(4 + #args))
  local list = words:match "^:%s*(.*)$"
  while list do
    local kind
    kind, words = take_type(list)
    returns[#returns + 1] = { type = kind, text = "" }
    list = words:match "^,%s*(.*)$"
  end
  return params, returns, words, method
end

-- Comments ---------------------------------------------------------------------------------------

local function new_doc() return { text = {}, params = {}, returns = {} } end

local function clean(lines)
  if (lines[1] or ""):find "^ " then -- written with a space behind the dashes
    for i, line in ipairs(lines) do lines[i] = line:gsub("^ ", "") end
  end
  while lines[1] == "" do table.remove(lines, 1) end
  while lines[#lines] == "" do table.remove(lines) end
  return lines
end

local readers = {}

-- "integer put, string? reason why not all": the results' types, and their names with what is said
-- of the last.
readers["return"] = function(doc, rest)
  while rest do
    local kind, words = take_type(rest)
    local name, more = words:match "^(%.*[%w_]*)%s*(.*)$"
    rest = more:match "^,%s*([%w_.]+[%?%[%]]*[%s,].*)$"
    table.insert(doc.returns, { type = kind, name = name, text = rest and "" or more })
  end
  return doc.returns
end

readers.param = function(doc, rest)
  local name, kind = rest:match "^(%S+)%s+(.*)$"
  local words
  kind, words = take_type(kind or "any")
  while kind:find "^fun%b():" and words:find "^," do -- a function of several results
    local more
    more, words = take_type(trim(words:sub(2)))
    kind = kind .. ", " .. more
  end
  table.insert(doc.params, { name = name or rest, type = kind, text = words })
  return doc.params
end

-- A block of comment lines: a doc for each @class and @field in it, and one for what comes last.
local function parse_block(lines)
  local docs, doc, last = {}, new_doc(), nil
  local function close(tag, rest)
    doc[tag] = rest
    docs[#docs + 1] = doc
    doc = new_doc()
  end
  for _, line in ipairs(lines) do
    local tag, rest = line:match "^%s*@(%w+)%s*(.*)$"
    if readers[tag] then
      local list = readers[tag](doc, rest)
      last = list[#list]
    elseif tag == "class" or tag == "field" then
      close(tag, rest)
      last = docs[#docs]
    elseif tag then
      doc[tag] = rest
      last = tag == "type" and doc or nil
    elseif last and (last.type or line:find "^%s?%l" or line:find "^  ") then
      local key = last.field and "field" or last.type and last.params and "type" or "text"
      if not last.class then last[key] = trim(last[key] .. " " .. trim(line)) end
    else
      last = nil
      table.insert(doc.text, line)
    end
  end
  docs[#docs + 1] = doc
  for _, each in ipairs(docs) do clean(each.text) end
  return docs
end

-- Files ------------------------------------------------------------------------------------------

-- What one file documents: `head` (lines), `classes` by name and in order, `functions`.
local function new_file() return { classes = {}, functions = {}, owners = {} } end

local function add_class(file, doc)
  local name, words = doc.class:match "^([%w_.]+)%s*:?%s*(.*)$"
  local parent, more = words:match "^(heddle[%w_.]*)%s*(.*)$"
  if parent then words = more end
  local class = file.classes[name]
  if not class then
    class = { name = name, fields = {}, text = {}, parent = parent }
    file.classes[name] = class
    table.insert(file.classes, class)
  end
  if doc.private or doc.package then class.private = true end
  for _, line in ipairs(doc.text) do table.insert(class.text, line) end
  if words ~= "" then table.insert(class.text, words) end
  file.last = class
end

local function add_field(file, doc)
  local name, rest = doc.field:match "^([%w_]+%??)%s+(.*)$"
  if not name or not file.last then return end
  local params, returns, words, method = read_function_type(rest)
  if params and not name:find "%?$" then
    if words ~= "" then table.insert(doc.text, words) end
    doc.params, doc.returns, doc.name = params, returns, name
    doc.class, doc.method = file.last.name, method
    table.insert(file.functions, doc)
  else
    local kind
    kind, words = take_type(rest)
    table.insert(doc.text, words ~= "" and words or nil)
    table.insert(file.last.fields, { name = name, type = kind, text = table.concat(doc.text, " ") })
  end
end

local function add_function(file, doc, base, sep, name)
  doc.name, doc.method = name, sep == ":"
  doc.class = file.owners[base] or base
  local of_native = base:match "^native%.(%w+)_methods$"
  if of_native then doc.class = "heddle." .. of_native end
  table.insert(file.functions, doc)
end

-- `name = native.name, ---@type fun(): table words`, or the type in the block above.
local function add_typed(file, doc, base, name, kind)
  local params, returns, words = read_function_type(kind)
  if not params then return end
  if words ~= "" then table.insert(doc.text, words) end
  doc.params, doc.returns = params, returns
  add_function(file, doc, base, ".", name)
end

-- The line of code below a block of comments.
local function read_code(file, doc, line)
  local base, sep, name, args = line:match "^function%s+([%w_.]-)([.:])([%w_]+)%s*(%b())"
  local table_name = line:match "^local%s+([%w_]+)%s*="
  if table_name then file.table_name = table_name end
  if name then
    if #doc.params == 0 then
      for _, arg in ipairs(split(args:sub(2, -2))) do
        table.insert(doc.params, { name = arg, type = "any", text = "" })
      end
    end
    if not name:find "^__" then add_function(file, doc, base, sep, name) end
    return
  end
  local key, kind = line:match "^%s+([%a_][%w_]*)%s*=%s*[^,]*,%s*%-%-%-@type%s+(.*)$"
  if key then return add_typed(file, doc, file.table_name, key, kind) end
  local owner, field = line:match "^([%w_]+)%.([%w_]+)%s*="
  field = field or line:match "^%s+([%a_][%w_]*)%s*="
  if not field then return end
  if doc.type then
    add_typed(file, doc, owner or file.table_name, field, doc.type)
  elseif owner and #doc.text > 0 then
    add_function(file, doc, owner, ".", field)
  end
end

local function read_head(text)
  local lines = {}
  for line in text:gmatch "(.-)\n" do
    local comment = line:match "^%-%-%-?(.*)$"
    if not comment or comment:find "^@" or line:find "^%-%- luacheck" then break end
    lines[#lines + 1] = comment
  end
  for i, line in ipairs(lines) do lines[i] = line:gsub("^ ", "") end
  local kept = {}
  for _, line in ipairs(lines) do
    if line:find "^Stands on:" then break end
    kept[#kept + 1] = line
  end
  return clean(kept)
end

local function read_file(name)
  local text = slurp(name == "heddle" and "lua/heddle/init.lua" or "lua/heddle/" .. name .. ".lua")
  local file, block = new_file(), {}
  file.head = read_head(text)
  for line in (text .. "\n"):gmatch "(.-)\n" do
    local comment = line:match "^%s*%-%-%-(.*)$"
    if comment then
      block[#block + 1] = comment
    else
      local docs = parse_block(block)
      for i = 1, #docs - 1 do (docs[i].class and add_class or add_field)(file, docs[i]) end
      local bound = line:match "^local%s+([%w_]+)%s*="
      if bound and #docs > 1 then file.owners[bound] = file.last.name end
      if #block > 0 or line:find "%-%-%-@type" or bound then read_code(file, docs[#docs], line) end
      block = {}
    end
  end
  return file
end

-- Pages ------------------------------------------------------------------------------------------

local function short(class)
  local name = class:gsub("^heddle%.", "")
  return CALLED[name] or name
end

-- The doc of the function that another one only calls: "heddle.task_limits.timeout".
local function follow(doc)
  if not doc.see then return doc end
  local name, key = doc.see:match "^heddle%.([%w_]+)%.([%w_]+)$"
  for _, other in ipairs(read_file(name).functions) do
    if other.name == key then
      doc.text, doc.params, doc.returns = other.text, other.params, other.returns
    end
  end
  return doc
end

-- How it is called: "queue:put(item[, timeout])".
local function signature(entry)
  local text, open, optional = "", 0, true
  for i = #entry.params, 1, -1 do
    local name = entry.params[i].name
    optional = optional and (name:find "%?$" or name == "..." and #entry.params > 1)
    local comma = i > 1 and ", " or ""
    name = name:gsub("%?$", "")
    if optional and name ~= "..." then
      text, open = ("[%s%s%s]"):format(comma, name, text), open + 1
    else
      text = comma .. name .. text
    end
  end
  return ("%s(%s)"):format(entry.title, text)
end

-- Under which name an entry is shown; nil: it is none of the module's.
local function title(doc, module)
  local own = module == "heddle" and "heddle" or "heddle." .. module
  if doc.private or doc.package then return nil end
  if GIVEN[module] then own = nil end
  if (doc.class == module or doc.class == own) and not doc.method then
    return module .. "." .. doc.name
  end
  if not doc.class:find "^heddle%." then return nil end
  return short(doc.class) .. (doc.method and ":" or ".") .. doc.name
end

-- The module's own functions first.
local function sort_entries(entries, module)
  table.sort(entries, function(a, b)
    local a_own, b_own = a.title:find("^" .. module .. "%."), b.title:find("^" .. module .. "%.")
    if (a_own == nil) ~= (b_own == nil) then return a_own ~= nil end
    return a.title < b.title
  end)
end

local function add_function_entry(page, doc)
  local shown = title(doc, page.module)
  if not shown then return end
  follow(doc).title = shown
  local known = page.known[shown]
  if not known then
    table.insert(page.entries, doc)
    page.known[shown] = #page.entries
  elseif #page.entries[known].text == 0 then
    page.entries[known] = doc
  end
end

local function add_page_class(page, class)
  local module = page.module
  local own = class.name == "heddle." .. module or class.name == "heddle"
  local empty = #class.fields + #class.text == 0 and not class.parent
  if class.private or empty or own and not GIVEN[module] and #class.fields == 0 then return end
  table.insert(page.classes, class)
end

-- The named classes of another file, with their methods.
local function add_others(page, file, names)
  for _, name in ipairs(names) do
    local class = file.classes["heddle." .. name]
    add_page_class(page, class)
    for _, doc in ipairs(file.functions) do
      if doc.class == class.name and doc.method then add_function_entry(page, doc) end
    end
  end
end

local function read_page(module)
  local page = { module = module, entries = {}, classes = {}, known = {} }
  local file = read_file(module)
  page.head = file.head
  for _, doc in ipairs(file.functions) do add_function_entry(page, doc) end
  for _, class in ipairs(file.classes) do add_page_class(page, class) end
  for name, classes in pairs(MORE[module] or {}) do add_others(page, read_file(name), classes) end
  sort_entries(page.entries, module)
  return page
end

-- Of a text; what stands in a block of code is none.
local function first_sentence(lines)
  local text = ""
  for _, line in ipairs(lines) do
    if line == "" or line:find "^   " or line:find "^```" then break end
    text = trim(text .. " " .. line)
  end
  text = text:match "^(.-[^.]%.)%s+%u" or text:match "^(.-):%s*$" or text
  return (text:gsub(":$", "."))
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
    lines[#lines + 1] = ("- `%s`: `%s`%s"):format(p.name, p.type, words)
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
    lines[#lines + 1] = "  " .. trim(("%s: %s  %s"):format(p.name, p.type, p.text))
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

-- As a manual page -------------------------------------------------------------------------------

local function roff(text)
  text = text:gsub("\\", "\\e"):gsub("`", ""):gsub("%-", "\\-")
  return (text:gsub("^([.'])", "\\&%1"))
end

local MAN_HEAD = [[
.\" Made from the doc comments of the library by `make reference`.
.TH HEDDLE\-LUA 3 "" "heddle" "Library Functions"
.SH NAME
heddle\-lua \- the modules of heddle
.SH SYNOPSIS
.nf
local heddle = require "heddle"
local thread = require "heddle.thread"
local queue = require "heddle.queue"
.fi
.SH DESCRIPTION
Expected outcomes return nil and a reason ("timeout", "closed", "full", "empty", "broken"), input
and output nil, a message and a code; wrong use raises an error that ends with a code in brackets,
which
.B heddle explain
knows. Times are seconds; a time\-out of nil waits for ever, 0 only tries.
.PP
.B help(x)
in the REPL says more on each function, with its parameters and results, and so do the pages of
.IR reference .]]

local MAN_TAIL = [[
.SH FILES
.TP
.I /usr/local/share/doc/heddle/reference
The reference, a page for each module.
.TP
.I /usr/local/share/heddle/library
The library with its types in the notation of LuaCATS, for editors.
.SH SEE ALSO
.BR heddle (1),
.BR heddle\-models (7)]]

local function manual(pages)
  local lines = { MAN_HEAD }
  for _, page in ipairs(pages) do
    local name = page.module == "heddle" and "heddle" or "heddle." .. page.module
    lines[#lines + 1] = ".SH " .. roff((GIVEN[page.module] and page.module or name):upper())
    lines[#lines + 1] = roff(first_sentence(page.head))
    for _, entry in ipairs(page.entries) do
      lines[#lines + 1] = (".TP\n.B %s"):format(roff(signature(entry)))
      lines[#lines + 1] = roff(first_sentence(entry.text))
    end
  end
  lines[#lines + 1] = MAN_TAIL
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

read_aliases(slurp "lua/heddle/handle.lua")
local pages = {}
for i, name in ipairs(MODULES) do
  pages[i] = read_page(name)
  put("docs/reference/" .. name .. ".md", markdown(pages[i]))
end
put("docs/reference/README.md", index_page(pages))
put("lua/heddle/reference.lua", module_source(pages))
put("man/heddle-lua.3", manual(pages))
put("docs/ERRORS.md", (errors_page()))
os.exit(wrong)
