--- `heddle completion SHELL`: completions for bash, zsh and fish, made by lua-argparse from the
-- commands' own descriptions.
-- Stands on: heddle.options, the commands' modules.

local options = require "heddle.options"
local usage = require "heddle.usage"

local completion = {}

local SHELLS = { "bash", "fish", "zsh" }

completion.command = {
  name = "heddle completion", about = "Prints completions for a shell.",
  word = { name = "SHELL", help = "bash, zsh or fish", needed = true },
  examples = "source <(heddle completion bash)\nheddle completion fish | source",
  values = {}, flags = {},
}

local DESCRIBED = { "demo", "compare", "doctor", "top", "completion" }

-- Verbs without options of their own.
local PLAIN = {
  { "run", "run a scenario" }, { "list", "what scenarios and mixes there are" },
  { "explain", "what the code of an error message means" },
}


local function described(parser, name)
  local command = require("heddle." .. name).command
  local sub = parser:command(name, command.about)
  options.describe(sub, command)
end


local function whole_parser()
  local parser = require "argparse"("heddle", "concurrency under four models")
  parser:option("-e", "run code"):argname "CODE"
  parser:option("-l", "require a module first"):argname "MODULE"
  parser:option("--seed", "make random numbers follow from N"):argname "N"
  parser:option("--trace", "write Chrome trace events"):argname "FILE"
  parser:option("--report", "write a report as HTML"):argname "FILE"
  parser:flag("-i", "the REPL after the script")
  parser:flag("--live", "show what runs and waits")
  parser:flag("--timeline", "draw who did what when")
  parser:flag("--version", "show the version")
  for _, name in ipairs(DESCRIBED) do described(parser, name) end
  for _, verb in ipairs(PLAIN) do parser:command(verb[1], verb[2]) end
  return parser
end


---The completions of one shell.
---@param shell "bash"|"zsh"|"fish"
---@return string
function completion.text(shell)
  local parser = whole_parser()
  return parser["get_" .. shell .. "_complete"](parser)
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

completion.command = completion.command

return completion
