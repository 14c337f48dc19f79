-- manual.lua: the manual pages heddle(1), from what the commands say of themselves, and
-- heddle-lua(3), from the doc comments; for tools/reference.lua.

local doc_comments = require "tools.doc_comments"
local cli_options = require "heddle.cli_options"
local first_sentence = doc_comments.first_sentence

local manual = {}

local VERSION, DATE, WIDTH = require("heddle")._VERSION, "2026-11-22", 78

-- A text for troff.
local function roff(text)
  text = text:gsub("\\", "\\e"):gsub("`", ""):gsub("%-", "\\-"):gsub("…", "...")
  return (text:gsub("^([.'])", "\\&%1"))
end

local function head(name, section, title)
  return ('.\\" Made by `make reference`.\n.TH %s %d %s "heddle %s" "%s"'):format(name, section,
    DATE, VERSION, title)
end

-- The page with lines of a fitting length; requests stay as they are.
local function finished(lines)
  local out = {}
  for line in (table.concat(lines, "\n") .. "\n"):gmatch "(.-)\n" do
    while #line > WIDTH and not line:find "^%." do
      local at = line:sub(1, WIDTH):match "^.*() [^.']" or #line + 1
      out[#out + 1], line = line:sub(1, at - 1), line:sub(at + 1)
    end
    out[#out + 1] = line
  end
  return table.concat(out, "\n") .. "\n"
end

-- heddle(1) --------------------------------------------------------------------------------------

local ABOUT = [[
heddle is a concurrency laboratory: the same Lua 5.4 program runs under four models (coroutines,
threads under a global interpreter lock, isolates and processes), with one set of locks and queues
that works across all of them. A script is run as
.BR lua (1)
does it, with heddle's modules to require. Without FILE it is a REPL at a terminal, else it runs the
script on standard input; a FILE of \- is standard input, too. What follows FILE is the script's.
.PP
An option's value may stand behind an equals sign or be the next word; \-\- ends the options.
Durations take units: 250ms, 2s.]]

local REST = [[
.SH EXIT STATUS
.TP
.B 0
Fine. Jobs that failed are in the report.
.TP
.B 1
The script failed, is missing or does not compile; an output can't be written; doctor: a part is
missing.
.TP
.B 2
Wrong use: one line on standard error says what was wrong, and what would be right.
.TP
.B 3
A deadlock was found; the report on standard error says who waits for what, where, and who holds it.
.TP
.B 130
Interrupted by Ctrl\-C.
.PP
A script's own
.B os.exit
gives any other.
.SH SIGNALS
.TP
.B SIGINT
Ctrl\-C stops cleanly: workers end, and what was measured is printed. A second one kills.
.TP
.B SIGQUIT
Ctrl\-\e prints what lives and what it waits for; the program goes on.
.SH ENVIRONMENT
.TP
.B NO_COLOR
No colours, if it is set and not empty.
.TP
.B LUA_PATH, LUA_CPATH, LUA_PATH_5_4, LUA_CPATH_5_4
Where modules are looked for, as by
.BR lua (1).
.TP
.B EDITOR, VISUAL
What the REPL's .editor opens.
.TP
.B TMPDIR
Where jobs that use the disk do it.
.TP
.B XDG_CONFIG_HOME, XDG_STATE_HOME
Where the REPL's files lie.
.SH FILES
.TP
.I ~/.config/heddle/rc.lua
Run at the start of the REPL.
.TP
.I ~/.local/state/heddle/history
Its history.
.SH EXAMPLES
.TP
heddle demo
The same jobs under all four models, compared.
.TP
heddle compare web_service \-\-workers=1,2,4 \-\-report=web.html
Which model is best for such jobs, and why; with a page that shows who waited for what.
.TP
heddle \-\-timeline script.lua
A script, and who did what when.
.TP
heddle explain lock\-not\-held
What that code at the end of an error message means.
.SH SEE ALSO
.BR heddle\-lua (3),
.BR heddle\-models (7),
.BR lua (1)]]

local function synopsis(lines)
  lines[#lines + 1] = ".SH SYNOPSIS\n.B heddle\n.RI [ options ]\n.RI [ FILE.lua\n.RI [ args ...]]"
  lines[#lines + 1] = ".br\n.B heddle \\-e\n.I CODE"
  for _, command in ipairs(cli_options.COMMANDS) do
    lines[#lines + 1] = ".br\n.B heddle " .. command[1]
    if command[2] ~= "" then lines[#lines + 1] = ".I " .. roff(command[2]) end
  end
end

local function add_option(lines, name, value, about)
  local equals = name:find "^%-%-" and "=" or " "
  local shown = value and value ~= "" and ('.BI "%s%s" %s'):format(roff(name), equals, value)
    or ".B " .. roff(name)
  lines[#lines + 1] = (".TP\n%s\n%s."):format(shown, roff(about:gsub("^%l", string.upper)))
end

local function add_command(lines, entry)
  lines[#lines + 1] = ".SS heddle " .. roff((entry[1] .. " " .. entry[2]):gsub(" $", ""))
  local command = entry.described and require("heddle." .. entry[1]).command
  local about = command and command.about or entry[3]:gsub("^%l", string.upper) .. "."
  lines[#lines + 1] = roff(about)
  if command and command.word then
    lines[#lines + 1] = (".TP\n.I %s\n%s."):format(command.word.name,
      roff(command.word.help:gsub("^%l", string.upper)))
  end
  for _, v in ipairs(command and command.values or {}) do
    add_option(lines, "--" .. v[1], v[2], v[3])
  end
  for _, f in ipairs(command and command.flags or {}) do
    add_option(lines, "--" .. f[1], nil, f[2])
  end
end

---The text of heddle(1).
---@return string
function manual.command()
  local lines = { head("HEDDLE", 1, "User Commands"), ".SH NAME",
    "heddle \\- run Lua programs as coroutines, threads, isolates and processes" }
  synopsis(lines)
  lines[#lines + 1] = ".SH DESCRIPTION\n" .. ABOUT .. "\n.SH OPTIONS"
  for _, option in ipairs(cli_options.OPTIONS) do add_option(lines, table.unpack(option)) end
  lines[#lines + 1] = ".SH COMMANDS\nEach has\n.BR \\-\\-help ,\ntoo."
  for _, entry in ipairs(cli_options.COMMANDS) do add_command(lines, entry) end
  lines[#lines + 1] = REST
  return finished(lines)
end

-- heddle-lua(3) ----------------------------------------------------------------------------------

local MAN_HEAD = [[
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
.I share/doc/heddle/docs/reference
Below the prefix it was installed in: the reference, a page for each module.
.TP
.I share/heddle/library
There, too: the library with its types in the notation of LuaCATS, for editors.
.SH SEE ALSO
.BR heddle (1),
.BR heddle\-models (7)]]

local function name_of(page)
  if doc_comments.GIVEN[page.module] or page.module == "heddle" then return page.module end
  return "heddle." .. page.module
end

---The text of heddle-lua(3).
---@param pages table[]  of doc_comments.read
---@return string
function manual.library(pages)
  local lines = { head("HEDDLE\\-LUA", 3, "Library Functions"), MAN_HEAD }
  for _, page in ipairs(pages) do
    lines[#lines + 1] = ".SH " .. roff(name_of(page):upper())
    lines[#lines + 1] = roff(first_sentence(page.head))
    for _, entry in ipairs(page.entries) do
      lines[#lines + 1] = (".TP\n.B %s"):format(roff(doc_comments.signature(entry)))
      lines[#lines + 1] = roff(first_sentence(entry.text))
    end
  end
  lines[#lines + 1] = MAN_TAIL
  return finished(lines)
end

return manual
