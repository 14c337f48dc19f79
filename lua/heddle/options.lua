--- Reading the words after a command: options with and without a value, and the words between
-- them. A wrong word ends the command with one line that says what would be right.
-- Stands on: heddle.usage; lua-argparse for the help.

local usage = require "heddle.usage"

local options = {}

---@class heddle.options.Command
---@field name string  "heddle demo"
---@field about string  what it does
---@field examples string
---@field word? {name: string, help: string, needed: boolean?}  the one word it takes
---@field values table[]  options with a value: `{name, what the value is called, help, read}`; read
---  turns the text into what it means
---@field flags table[]  options without: `{name, help}`
---@field refused? table<string, string>  options of other commands, and why it has not got them


local function option_names(command)
  local names = { "help" }
  for _, value in ipairs(command.values) do names[#names + 1] = value[1] end
  for _, flag in ipairs(command.flags) do names[#names + 1] = flag[1] end
  return names
end


local function find(list, name)
  for _, entry in ipairs(list) do
    if entry[1] == name then return entry end
  end
end


--- Reads an option and its value, which stands behind "=" or is the next word.
---@return integer i  where its last word stands
local function read_option(command, args, words, i)
  local name, equals, text = words[i]:match "^%-%-?([^=]*)(=?)(.*)$"
  local value = find(command.values, name)
  if value then
    if equals == "" then
      text, i = words[i + 1], i + 1
      if text == nil then usage.fail("--%s: a value expected after it", name) end
    end
    args[name:gsub("-", "_")] = value[4](text)
  elseif find(command.flags, name) and equals == "" then
    args[name:gsub("-", "_")] = true
  elseif find(command.flags, name) then
    usage.fail("--%s: it takes no value, got '%s'", name, text)
  elseif command.refused and command.refused[name] then
    usage.fail("--%s: %s", name, command.refused[name])
  else
    usage.unknown("unknown option", words[i]:match "^[^=]*", option_names(command), "--")
  end
  return i
end


local function read_word(command, args, word)
  local what = command.word
  if not what then usage.fail("%s takes no words, got '%s'", command.name, word) end
  if args.word then
    usage.fail("one %s expected, got '%s' as well", what.name:lower(), word)
  end
  args.word = word
end


--- Tells a parser of lua-argparse the word and the options of a command.
---@param parser table
---@param command heddle.options.Command
function options.describe(parser, command)
  local word = command.word
  if word then parser:argument(word.name:lower(), word.help):argname(word.name):args "?" end
  for _, value in ipairs(command.values) do
    parser:option("--" .. value[1], value[3]):argname(value[2])
  end
  for _, flag in ipairs(command.flags) do parser:flag("--" .. flag[1], flag[2]) end
end


--- The help, as lua-argparse lays it out.
---@param command heddle.options.Command
---@return string
function options.help(command)
  local parser = require "argparse"(command.name, command.about, command.examples)
  parser:add_help(false)
  parser:flag("-h --help", "show this help")
  options.describe(parser, command)
  return parser:get_help()
end


--- Reads the words after a command.
---@param command heddle.options.Command
---@param words string[]
---@return table? args  the options' values by their names, with "_" for "-", and `word`; nil when
---  help was asked for
---@return string? help
function options.read(command, words)
  local args, i, ended, help = {}, 1, false, false
  while i <= #words do
    local word = words[i]
    if ended or not word:match "^%-." then
      read_word(command, args, word)
    elseif word == "--" then
      ended = true
    elseif word == "-h" or word == "--help" then
      help = true
    else
      i = read_option(command, args, words, i)
    end
    i = i + 1
  end
  if help then return nil, options.help(command) end
  if command.word and command.word.needed and not args.word then
    usage.fail("%s: %s expected", command.name:match "%S+$", command.word.help)
  end
  return args
end


--- A reader of whole numbers from `least` to `most`.
---@param name string
---@param least integer
---@param most integer
---@return fun(text: string): integer
function options.whole(name, least, most)
  return function(text) return usage.whole("--" .. name, text, least, most) end
end


--- A reader of durations.
---@param name string
---@return fun(text: string): number
function options.duration(name)
  return function(text) return usage.duration("--" .. name, text) end
end


--- A reader of one word out of several.
---@param name string
---@param known string[]
---@return fun(text: string): string
function options.one_of(name, known)
  return function(text) return usage.one_of("--" .. name, text, known) end
end


--- A reader of a text that must not be empty.
---@param name string
---@return fun(text: string): string
function options.text(name)
  return function(text)
    if text == "" then usage.fail("--%s: a file expected, got nothing", name) end
    return text
  end
end


--- A reader of a list whose words are parted by commas.
---@param name string
---@param read fun(text: string): any  of one word
---@return fun(text: string): any[]
function options.list(name, read)
  return function(text)
    local list = {}
    for word in (text .. ","):gmatch "%s*(.-)%s*," do
      if word == "" then
        usage.fail("--%s: words parted by commas expected, got '%s'", name, text)
      end
      list[#list + 1] = read(word)
    end
    return list
  end
end


return options
