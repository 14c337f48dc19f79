-- reference.lua: makes the reference from the doc comments of the library: docs/reference/*.md for
-- readers, and lua/heddle/reference.lua for `help(x)`.
-- usage: build/heddle tools/reference.lua [--check]
-- With --check nothing is written; the exit status is 1 when a file is not what it would be.

local MODULES = {
  "heddle", "task", "thread", "isolate", "process", "handle", "sync", "queue", "pipe", "shared",
  "pool", "future", "greenlet", "loop", "net", "fs", "http", "monkey", "mix", "service", "report",
  "trace", "work",
}
-- Documented where they are written, public by another name.
local OTHERS = {
  task = { task_limits = "task", task_group = "task", task_scope = "task" },
}

local function slurp(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a"
  if file then file:close() end
  return text
end

local aliases = {} -- by name: the type

local function read_aliases(text)
  for name, kind in text:gmatch "%-%-%-@alias (%S+) (fun[^\n]*)" do aliases[name] = kind end
end

-- A block of comment lines in parts: text, parameters, results, example.
local function parse_block(lines)
  local doc = { text = {}, params = {}, returns = {} }
  local last
  for _, line in ipairs(lines) do
    local tag, rest = line:match "^%s*@(%w+)%s*(.*)$"
    if tag == "param" then
      last = { line = rest }
      table.insert(doc.params, last)
    elseif tag == "return" then
      last = { line = rest }
      table.insert(doc.returns, last)
    elseif tag == "field" or tag == "class" or tag == "type" then
      doc[tag] = rest
      last = nil
    elseif tag then
      last = nil
      if tag == "nodiscard" or tag == "private" or tag == "overload" then doc[tag] = rest end
    elseif last and line:find "^%s%s+%S" then
      last.line = last.line .. " " .. line:match "^%s*(.-)%s*$"
    else
      table.insert(doc.text, line)
    end
  end
  if (doc.text[1] or ""):find "^ " then -- written with a space behind the dashes
    for i, line in ipairs(doc.text) do doc.text[i] = line:gsub("^ ", "") end
  end
  while doc.text[1] == "" do table.remove(doc.text, 1) end
  while doc.text[#doc.text] == "" do table.remove(doc.text) end
  return doc
end

local function add(entries, name, signature, doc)
  if doc.private ~= nil then return end
  entries[#entries + 1] = { name = name, signature = signature, doc = doc }
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
  return text:sub(1, at - 1), text:sub(at)
end

-- "fun(self: heddle.lock, timeout?: number): boolean does it" in arguments, results and words.
local function split_type(text)
  local alias = aliases[text:match "^%S*"]
  if alias then text = alias .. text:match "^%S*(.*)$" end
  local args = text:match "^fun(%b())"
  if not args then return nil end
  local rest = text:sub(4 + #args)
  args = args:gsub("^%(self[^,)]*,?%s*", "(")
  local results, words = {}, rest:match "^%s*(.*)$"
  local list = rest:match "^:%s*(.*)$"
  while list do
    results[#results + 1], words = take_type(list)
    list = words:match "^,%s*(.*)$"
  end
  local result = #results > 0 and table.concat(results, ", ") or nil
  return args, result, words:match "^%s*(.-)%s*$"
end

local function add_field(entries, class, line, text)
  local name, rest = line:match "^([%w_]+%??)%s+(.*)$"
  if not name then return end
  local args, result, words = split_type(rest)
  local doc = { text = text, params = {}, returns = {} }
  if words and words ~= "" then doc.text = { table.concat(text, "\n"), words } end
  if doc.text[1] == "" then table.remove(doc.text, 1) end
  local short = class:gsub("^heddle%.", "")
  if args then
    add(entries, short .. ":" .. name, args .. (result and " -> " .. result or ""), doc)
  else
    local kind, more = rest:match "^(%S+)%s*(.*)$"
    if more ~= "" then doc.text = { more } end
    add(entries, short .. "." .. name:gsub("%?$", ""), " : " .. kind, doc)
  end
end

-- What one source file documents; `public` is what its functions are called by.
local function read_file(path, public)
  local entries, head, block = {}, nil, {}
  local owner = path:match "([%w_]+)%.lua$"
  local function flush() block = {} end
  for line in (slurp(path) .. "\n"):gmatch "(.-)\n" do
    local comment = line:match "^%s*%-%-%-(.*)$"
    if comment then
      local class, words = comment:match "^@class%s+([%w_.]+)%s*:?%s*(.*)$"
      local field = comment:match "^@field%s+(.*)$"
      if class then
        entries.class = class
        local doc = parse_block(block)
        if words ~= "" and not words:find "^heddle%." then table.insert(doc.text, words) end
        if #doc.text > 0 then add(entries, class:gsub("^heddle%.", ""), "", doc) end
        flush()
      elseif field and entries.class then
        local doc = parse_block(block)
        add_field(entries, entries.class, field, doc.text)
        flush()
      else
        block[#block + 1] = comment
      end
    else
      local name, args = line:match "^function%s+([%w_.:]+)%s*(%b())"
      local key, type_text = line:match "^%s*([%a_][%w_]*)%s*=%s*[^,]*,%s*%-%-%-@type%s+(.*)$"
      local plain = line:match "^%s*([%a_][%w_.]*)%s*=%s"
      plain = plain and plain:match "[%w_]+$"
      local doc = parse_block(block)
      local base = name and name:match "^([%w_]+)[.:]"
      if name and #block > 0 and not (name:find "%.__") then
        local mark, last = name:match "([.:])([%w_]+)$"
        local class = entries.class and entries.class:gsub("^heddle%.", "")
        local shown = base == owner or base == "heddle"
        if shown and owner == "handle" then shown = false end -- the engine's own
        if shown then
          add(entries, public .. "." .. last, args, doc)
        elseif mark == ":" or base == "methods" then
          add(entries, (class or public) .. ":" .. last, args, doc)
        end
      elseif key and split_type(type_text) then
        local a, result, words = split_type(type_text)
        if words and words ~= "" then table.insert(doc.text, words) end
        add(entries, public .. "." .. key, a .. (result and " -> " .. result or ""), doc)
      elseif plain and doc.type and split_type(doc.type) then
        local a, result, words = split_type(doc.type)
        if words and words ~= "" then table.insert(doc.text, words) end
        add(entries, public .. "." .. plain, a .. (result and " -> " .. result or ""), doc)
      end
      local assigned = line:match("^" .. owner .. "%.([%w_]+)%s*=")
      if assigned and #doc.text > 0 and not doc.type then
        local names = {}
        for i, param in ipairs(doc.params) do names[i] = param.line:match "^%S+" end
        add(entries, public .. "." .. assigned, "(" .. table.concat(names, ", ") .. ")", doc)
      end
      if not head and #block > 0 and line == "" then head = doc.text end
      flush()
    end
  end
  entries.head = head
  return entries
end

local function read_module(name)
  local path = name == "heddle" and "lua/heddle/init.lua" or "lua/heddle/" .. name .. ".lua"
  if not slurp(path) then return nil end
  local entries = read_file(path, name)
  for other, public in pairs(OTHERS[name] or {}) do
    local more = read_file("lua/heddle/" .. other .. ".lua", public)
    for _, entry in ipairs(more) do entries[#entries + 1] = entry end
  end
  table.sort(entries, function(a, b) return a.name < b.name end)
  local seen, kept = {}, { head = entries.head }
  for _, entry in ipairs(entries) do
    local known = seen[entry.name]
    if not known then
      kept[#kept + 1] = entry
      seen[entry.name] = #kept
    elseif #kept[known].doc.text == 0 then
      kept[known] = entry
    end
  end
  return kept
end

local function list_lines(title, list)
  local lines = {}
  if #list > 0 then lines[1] = title end
  for _, item in ipairs(list) do lines[#lines + 1] = "  " .. item.line end
  return lines
end

local function entry_text(entry)
  local lines = { entry.name .. entry.signature }
  for _, line in ipairs(entry.doc.text) do lines[#lines + 1] = line end
  for _, line in ipairs(list_lines("Parameters:", entry.doc.params)) do lines[#lines + 1] = line end
  for _, line in ipairs(list_lines("Returns:", entry.doc.returns)) do lines[#lines + 1] = line end
  return table.concat(lines, "\n")
end

local function page(name, entries)
  local lines = { "# " .. (name == "heddle" and "heddle" or "heddle." .. name), "",
    "Made from the doc comments of the library by `make reference`.", "" }
  for _, line in ipairs(entries.head or {}) do lines[#lines + 1] = line end
  for _, entry in ipairs(entries) do
    local title = ("## `%s%s`"):format(entry.name, entry.signature)
    table.move({ "", title, "" }, 1, 3, #lines + 1, lines)
    for _, line in ipairs(entry.doc.text) do lines[#lines + 1] = line end
    for i, item in ipairs(entry.doc.params) do
      if i == 1 then lines[#lines + 1] = "" end
      local parameter, rest = item.line:match "^(%S+)%s*(.*)$"
      local kind, words = take_type(rest)
      lines[#lines + 1] = ("- parameter `%s` (`%s`)%s"):format(parameter, kind, words)
    end
    for i, item in ipairs(entry.doc.returns) do
      if i == 1 and #entry.doc.params == 0 then lines[#lines + 1] = "" end
      local kind, words = take_type(item.line)
      lines[#lines + 1] = ("- returns `%s`%s"):format(kind, words)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

local function module_source(all)
  local lines = { "-- What help(x) shows, made from the doc comments by `make reference`.",
    "-- luacheck: no max line length", "return {" }
  for _, name in ipairs(MODULES) do
    for _, entry in ipairs(all[name] or {}) do
      lines[#lines + 1] = ("  [%q] = %q,"):format(entry.name, entry_text(entry)):gsub("\\\n", "\\n")
    end
  end
  lines[#lines + 1] = "}"
  return table.concat(lines, "\n") .. "\n"
end

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
local all = {}
for _, name in ipairs(MODULES) do
  all[name] = read_module(name)
  if all[name] then put("docs/reference/" .. name .. ".md", page(name, all[name])) end
end
put("lua/heddle/reference.lua", module_source(all))
os.exit(wrong)
