-- Runs programs at a pseudo-terminal and types into it; spec/terminal.py says how the steps are
-- written.

local helper = require "spec.helper"

local terminal = {}

---Runs a program at a terminal of its own.
---@param words string[]  the program and its arguments
---@param steps string[]
---@param options? {columns?: integer, env?: table}  80 columns
---@return table result  that of `helper.command`; `out` is what the screen showed
function terminal.run(words, steps, options)
  options = options or {}
  local line = { "python3", "spec/terminal.py", tostring(20 * helper.slack), "24",
    tostring(options.columns or 80), table.unpack(words) }
  local result = helper.command(line,
    { stdin = table.concat(steps, "\n") .. "\n", limit = 25, env = options.env })
  assert(result.code ~= 124, result.out)
  return result
end

---Runs a command in a shell with job control, whose `read` takes what is typed next.
---@param command string
---@param steps string[]
---@param options? table  as for `terminal.run`
---@return table result
function terminal.shell(command, steps, options)
  return terminal.run({ "sh", "-m", "-c", command }, steps, options)
end

---Types into the REPL, in a home of its own.
---
---Options: `words` (its arguments), `columns`, `rc` (the file it reads first), `editor`.
---@param steps string[]
---@param options? table
---@return table result  also `history`, what it has kept of the lines
function terminal.repl(steps, options)
  options = options or {}
  local home = os.tmpname()
  os.remove(home)
  assert(os.execute("mkdir " .. home))
  if options.rc then
    assert(os.execute(("mkdir -p %s/.config/heddle"):format(home)))
    helper.spit(home .. "/.config/heddle/rc.lua", options.rc)
  end
  local words = { helper.absolute_executable(), table.unpack(options.words or {}) }
  local result = terminal.run(words, steps, { columns = options.columns, env = { HOME = home,
    XDG_STATE_HOME = home .. "/state", XDG_CONFIG_HOME = home .. "/.config",
    EDITOR = options.editor } })
  result.history = helper.slurp(home .. "/state/heddle/history")
  assert(os.execute("rm -r " .. home))
  return result
end

---Fails unless the screen showed the text.
---@param result table
---@param text string
function terminal.shows(result, text)
  assert(result.out:find(text, 1, true), ("%q is not on the screen:\n%s"):format(text, result.out))
end

return terminal
