--- What the command line knows of: its commands, and the options that stand before a script or
-- command. The help and the completions are made from it.
-- Stands on: nothing.

local cli_options = {}

---@class heddle.cli_options.Command
---@field [1] string  its name
---@field [2] string  the words after it, as the help shows them
---@field [3] string  what it does
---@field described? boolean  its module has a `command` that tells of its options

cli_options.COMMANDS = {
  { "demo", "[MODEL] [options]", "the demo's service, under one model or all four",
    described = true },
  { "compare", "MIX [options]", "the same jobs under each model, and which is best",
    described = true },
  { "run", "NAME [args…]", "run a scenario" },
  { "list", "", "what scenarios and mixes there are" },
  { "top", "[PID]", "what a running heddle program does", described = true },
  { "explain", "[CODE]", "what the code in an error message means" },
  { "doctor", "", "what this machine gives, and what is missing", described = true },
  { "completion", "SHELL", "completions for bash, zsh or fish", described = true },
}

-- Each: what it is called, what its value is called ("" for none), what it does.
cli_options.OPTIONS = {
  { "-e", "CODE", "run CODE; may be given several times" },
  { "-i", "", "the REPL after the script" },
  { "-l", "MODULE", "require MODULE first and name it so globally" },
  { "--seed", "N", "make every worker's random numbers follow from N" },
  { "--queue", "FILE", "keep the jobs of the script's service in an SQLite file: the next run does "
    .. "what a killed one has left" },
  { "--trace", "FILE", "record what runs and waits when, and write it as Chrome trace events "
    .. "(FILE.json or FILE.json.gz; Perfetto and speedscope)" },
  { "--report", "FILE", "the same as one HTML page, or the lanes alone (FILE.svg)" },
  { "--timeline", "", "the same as lanes of characters, on stdout" },
  { "--live", "", "a view of what runs and waits, on stderr, while it runs" },
  { "--json", "FILE", "demo, compare: the results as JSON (- is stdout)" },
  { "--csv", "FILE", "demo, compare: the raw samples as CSV" },
  { "--markdown", "FILE", "demo, compare: the results as tables" },
  { "--quiet", "", "demo, compare: no log lines and no progress" },
  { "--no-color", "", "no colours (the variable NO_COLOR too)" },
  { "--help", "", "show this help (-h, too)" },
  { "--version", "", "show the versions of heddle and its parts" },
}

local USAGE = [[
Usage: heddle                              the REPL at a terminal, else the script on stdin
       heddle [options] FILE.lua [args…]   run a script (- is stdin)
       heddle -e CODE                      run code]]

local EXAMPLES = [[
Examples:
   heddle demo threads --jobs=8 --seed=42
   heddle -e 'print(require("heddle").cores())']]

local INDENT, WIDTH = 20, 80


-- A text in lines that fit behind an indent.
local function wrapped(text)
  local lines, line = {}, ""
  for word in text:gmatch "%S+" do
    if #line + #word + 1 > WIDTH - INDENT then
      lines[#lines + 1], line = line, ""
    end
    line = line .. (line == "" and "" or " ") .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n" .. (" "):rep(INDENT))
end


-- Filled up with blanks to so many characters.
local function padded(text, width)
  return text .. (" "):rep(width - utf8.len(text))
end


---The help of the command itself.
---@return string
function cli_options.help()
  local lines = { USAGE }
  local function add_usage(words, about)
    lines[#lines + 1] = ("       heddle %s %s"):format(padded(words, 28), about)
  end
  for _, command in ipairs(cli_options.COMMANDS) do
    add_usage((command[1] .. " " .. command[2]):gsub(" $", ""), command[3])
  end
  add_usage("COMMAND --help", "more on one command")
  lines[#lines + 1] = "\nOptions:"
  for _, option in ipairs(cli_options.OPTIONS) do
    local between = option[2] == "" and "" or option[1]:find "^%-%-" and "=" or " "
    lines[#lines + 1] = ("   %s%s"):format(padded(option[1] .. between .. option[2], INDENT - 3),
      wrapped(option[3]))
  end
  lines[#lines + 1] = "\n" .. EXAMPLES
  return table.concat(lines, "\n")
end


return cli_options
