--- `heddle completion SHELL`: completions for bash, zsh and fish, made from what the commands say
-- of themselves: the same tables by which their words are read.
-- Stands on: heddle.cli_options, heddle.options, the commands' modules.

local cli_options = require "heddle.cli_options"
local options = require "heddle.options"
local usage = require "heddle.usage"

local completion = {}

local SHELLS = { "bash", "fish", "zsh" }

completion.command = {
  name = "heddle completion", about = "Prints completions for a shell.",
  word = { name = "SHELL", help = "bash, zsh or fish", needed = true },
  examples = "Examples:\n   source <(heddle completion bash)\n   heddle completion fish | source",
  values = {}, flags = {},
}


-- What may be completed --------------------------------------------------------------------------

local function scenario_names()
  local names = {}
  for i, scenario in ipairs(require("heddle.scenarios").all()) do names[i] = scenario.name end
  return names
end

-- What stands for a value, by what the help calls it or by the option's name: `words`, `files`.
local function kinds()
  local models = { "coroutines", "threads", "isolates", "processes" }
  return {
    FILE = { files = true }, MODEL = { words = models },
    MIX = { words = (require("heddle.mix_load").known()), files = true },
    M = { words = { "fork", "spawn", "forkserver" } }, SHELL = { words = SHELLS },
    models = { words = { "sequential", table.unpack(models) } },
    explain = { words = require("heddle.explain").codes() }, run = { words = scenario_names() },
  }
end


---@class heddle.completion.Option
---@field name string  with its dashes
---@field value? string  what its value is called
---@field about string
---@field kind {words: string[]?, files: boolean?}

-- An option of the tables that the commands read by.
local function option_of(known, name, value, about)
  local bare = name:gsub("^%-+", "")
  if value == "" then value = nil end
  return { name = name, value = value, about = about, kind = known[bare] or known[value] or {} }
end


local function command_of(known, entry)
  local self = { name = entry[1], about = entry[3], options = {}, kind = known[entry[1]] or {} }
  if entry.described then
    local command = require("heddle." .. entry[1]).command
    if command.word then self.kind = known[command.word.name] or {} end
    for _, v in ipairs(command.values) do
      table.insert(self.options, option_of(known, "--" .. v[1], v[2], v[3]))
    end
    for _, f in ipairs(command.flags) do
      table.insert(self.options, option_of(known, "--" .. f[1], nil, f[2]))
    end
  end
  table.insert(self.options, option_of(known, "--help", nil, "show the command's help"))
  return self
end


-- Everything: the options before a command, and the commands.
local function everything()
  local known, all = kinds(), { options = {}, commands = {} }
  for i, option in ipairs(cli_options.OPTIONS) do
    all.options[i] = option_of(known, table.unpack(option))
  end
  for i, entry in ipairs(cli_options.COMMANDS) do all.commands[i] = command_of(known, entry) end
  return all
end


local function names_of(list)
  local names = {}
  for i, entry in ipairs(list) do names[i] = entry.name end
  return names
end


-- bash -------------------------------------------------------------------------------------------

local BASH = [==[
_heddle() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= words= i
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            @VERBS@) cmd=${COMP_WORDS[i]}; break ;;
            @VALUED@)
                [[ ${COMP_WORDS[i+1]} == = ]] && i=$((i + 1))
                i=$((i + 1)) ;;
            -*) ;;
            *) return ;;
        esac
    done
    case $cmd:$prev in
@VALUES@
        *)
            if [[ $cur == -* ]]; then
                case $cmd in
@OPTIONS@
                esac
            else
                case $cmd in
@WORDS@
                esac
            fi ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _heddle heddle]==]


-- The lines for the values of a command's options.
local function add_bash_values(lines, command, list)
  for _, option in ipairs(list) do
    local words = option.kind.words and table.concat(option.kind.words, " ")
    if words then
      lines[#lines + 1] = ('        %s:%s) words="%s" ;;'):format(command, option.name, words)
    elseif option.value and not option.kind.files then -- nothing to offer, no files either
      lines[#lines + 1] = ("        %s:%s) compopt %s 2>/dev/null; return ;;"):format(command,
        option.name, "+o default +o bashdefault")
    elseif option.value then
      lines[#lines + 1] = ("        %s:%s) return ;;"):format(command, option.name)
    end
  end
end


--- The completions for bash.
---@param all {options: table[], commands: table[]}
---@return string
function completion.bash(all)
  local values, flags, words, valued = {}, {}, {}, {}
  local function add_case(list, command, text)
    if #text > 0 then
      list[#list + 1] = ('                    %s) words="%s" ;;'):format(command,
        table.concat(text, " "))
    end
  end
  for _, option in ipairs(all.options) do
    if option.value then valued[#valued + 1] = option.name end
  end
  add_bash_values(values, "", all.options)
  add_case(flags, "''", names_of(all.options))
  add_case(words, "''", names_of(all.commands))
  for _, command in ipairs(all.commands) do
    add_bash_values(values, command.name, command.options)
    add_case(flags, command.name, names_of(command.options))
    add_case(words, command.name, command.kind.words or {})
  end
  local parts = {
    VERBS = table.concat(names_of(all.commands), "|"), VALUED = table.concat(valued, "|"),
    VALUES = table.concat(values, "\n"), OPTIONS = table.concat(flags, "\n"),
    WORDS = table.concat(words, "\n"),
  }
  return (BASH:gsub("@(%u+)@", parts))
end


-- zsh --------------------------------------------------------------------------------------------

local ZSH = [==[
#compdef heddle
_heddle() {
  local context state line
  typeset -A opt_args
  local -a commands=(
@COMMANDS@
  )
  _arguments -C -S \
@OPTIONS@
    '1: :->first' '*:: :->rest' && return
  case $state in
    first) _describe command commands; _files ;;
    rest)
      case $words[1] in
@REST@
        *) _files ;;
      esac ;;
  esac
}
if [ "$funcstack[1]" = _heddle ]; then _heddle "$@"; else compdef _heddle heddle; fi]==]


local function zsh_quoted(text)
  return (text:gsub("'", "'\\''"):gsub("[%[%]:]", "\\%0"))
end


-- What completes a value: "(a b)", "_files", or nothing.
local function zsh_action(kind)
  local words = kind.words and table.concat(kind.words, " ")
  if words and kind.files then
    return ("{_alternative \"words\\:word\\:(%s)\" \"files\\:file\\:_files\"}"):format(words)
  end
  return words and ("(%s)"):format(words) or kind.files and "_files" or " "
end


local function zsh_options(list, indent)
  local lines = {}
  for i, option in ipairs(list) do
    local value = option.value and (":%s:%s"):format(option.value, zsh_action(option.kind)) or ""
    local equals = option.value and option.name:find "^%-%-" and "=" or ""
    lines[i] = ("%s'%s%s[%s]%s' \\"):format(indent, option.name, equals, zsh_quoted(option.about),
      value)
  end
  return table.concat(lines, "\n")
end


--- The same for zsh.
function completion.zsh(all)
  local commands, rest = {}, {}
  for i, command in ipairs(all.commands) do
    commands[i] = ("    '%s:%s'"):format(command.name, (command.about:gsub("'", "'\\''")))
    rest[i] = ("        %s) _arguments -S \\\n%s\n            '1: :%s' ;;"):format(command.name,
      zsh_options(command.options, "            "), zsh_action(command.kind))
  end
  local parts = {
    COMMANDS = table.concat(commands, "\n"), OPTIONS = zsh_options(all.options, "    "),
    REST = table.concat(rest, "\n"),
  }
  return (ZSH:gsub("@(%u+)@", parts))
end


-- fish -------------------------------------------------------------------------------------------

local function fish_quoted(text)
  return "'" .. text:gsub("[\\']", "\\%0") .. "'"
end


-- How fish is told what completes a value: -x takes no files, -r does.
local function fish_kind(kind, value)
  local words = kind.words and (" -a " .. fish_quoted(table.concat(kind.words, " "))) or ""
  if not value then return words end
  return (kind.files and " -r" or " -x") .. words
end


local function add_fish_options(lines, condition, list)
  for _, option in ipairs(list) do
    local letter = option.name:match "^%-(%a)$"
    lines[#lines + 1] = ("complete -c heddle -n %s %s%s -d %s"):format(condition,
      letter and "-s " .. letter or "-l " .. option.name:sub(3),
      fish_kind(option.kind, option.value), fish_quoted(option.about))
  end
end


--- The same for fish.
function completion.fish(all)
  local lines = {}
  add_fish_options(lines, "__fish_use_subcommand", all.options)
  for _, command in ipairs(all.commands) do
    lines[#lines + 1] = ("complete -c heddle -n __fish_use_subcommand -a %s -d %s"):format(
      command.name, fish_quoted(command.about))
  end
  for _, command in ipairs(all.commands) do
    local condition = ("'__fish_seen_subcommand_from %s'"):format(command.name)
    local files = command.kind.files and "" or " -f"
    lines[#lines + 1] = ("complete -c heddle -n %s%s%s"):format(condition, files,
      fish_kind(command.kind))
    add_fish_options(lines, condition, command.options)
  end
  return table.concat(lines, "\n")
end


-- ------------------------------------------------------------------------------------------------

---The completions of one shell.
---@param shell "bash"|"zsh"|"fish"
---@return string
function completion.text(shell)
  return completion[shell](everything())
end


---@param words string[]
---@return integer status
function completion.main(words)
  local args, help = options.read(completion.command, words)
  if not args then
    usage.write(io.stdout, help)
    return 0
  end
  local shell = usage.one_of("completion", args.word, SHELLS)
  usage.write(io.stdout, completion.text(shell))
  return 0
end


return completion
