-- doc_comments.lua: what the doc comments of the library say, a page for each module; for
-- tools/reference.lua and tools/manual.lua.

local doc_comments = {}

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
  if params[1] and params[1].type:find "|function$" then -- options may be left out
    params[1] = { name = "[options,]", type = params[1].type:match "^(.*)|", text = "" }
    table.insert(params, 2, { name = "fn", type = "function", text = "" })
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
    local before = entry.params[i - 1]
    local comma = not before and "" or before.name:find ",%]$" and " " or ", "
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

-- All pages ---------------------------------------------------------------------------------------

doc_comments.GIVEN = GIVEN
doc_comments.first_sentence = first_sentence
doc_comments.short = short
doc_comments.signature = signature
doc_comments.slurp = slurp
doc_comments.trim = trim

---The pages of all modules: `module`, `head` (lines), `entries` and `classes`.
---@return table[]
function doc_comments.read()
  read_aliases(slurp "lua/heddle/handle.lua")
  local pages = {}
  for i, name in ipairs(MODULES) do pages[i] = read_page(name) end
  return pages
end

return doc_comments
