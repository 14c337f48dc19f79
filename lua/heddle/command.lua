--- Other programs: heddle.run_command, and what a patched os.execute and io.popen stand on.
-- Stands on: heddle.native.command.
local native = require "heddle.native.command"

local command = {}

local KNOWN = { stdin = "string", timeout = "number", cwd = "string", env = "table" }


local function misuse(level, code, text, ...)
  error("run_command: " .. text:format(...) .. " [" .. code .. "]", level + 2)
end


-- A string that C can take.
local function check_word(word, what)
  if type(word) ~= "string" then
    misuse(3, "bad-argument", "%s: a string expected, got %s", what, type(word))
  elseif word:find "%z" then
    misuse(3, "bad-argument", "%s: a string without zero bytes expected", what)
  end
end


local function check_argv(argv)
  if type(argv) ~= "table" then
    misuse(2, "bad-argument", 'argv: a list of strings such as {"ls", "-l"} expected, got %s',
      type(argv))
  end
  if #argv == 0 then
    misuse(2, "bad-argument", "argv: the name of a program expected, got no word")
  end
  for i, word in ipairs(argv) do check_word(word, "argv[" .. i .. "]") end
end


local function check_options(options)
  if options == nil then return {} end
  if type(options) ~= "table" then
    misuse(2, "bad-argument", "options: a table expected, got %s", type(options))
  end
  for key, value in pairs(options) do
    local wanted = KNOWN[key]
    if not wanted then
      misuse(2, "unknown-option",
        "options: unknown option '%s' (there are: cwd, env, stdin, timeout)", tostring(key))
    elseif type(value) ~= wanted then
      misuse(2, "bad-option", "%s: a %s expected, got %s", key, wanted, type(value))
    end
  end
  local timeout = options.timeout
  if timeout and not (timeout >= 0) then
    misuse(2, "bad-time", "timeout: a number of seconds >= 0 expected, got %s",
      timeout < 0 and "a negative number" or "NaN")
  end
  if options.cwd then check_word(options.cwd, "cwd") end
  return options
end


-- The environment as a list of NAME=value; nil: ours.
local function environment(env)
  if not env then return nil end
  local list = {}
  for name, value in pairs(env) do
    check_word(name, "env: a name")
    if name == "" or name:find "=" then
      misuse(2, "bad-option", "env: a name without '=' expected, got %q", name)
    end
    check_word(value, "env." .. name)
    list[#list + 1] = name .. "=" .. value
  end
  return list
end


---Runs a program to its end; only the calling task waits. Its standard input is `stdin`, or empty.
---It leads a process group of its own: when the time is up, or the task is cancelled, the whole
---group is killed.
---
---    local result = assert(heddle.run_command({ "sort", "-n" }, { stdin = "3\n1\n2\n" }))
---    print(result.code, result.stdout)
---@param argv string[]  the program, looked up in PATH, and its arguments
---@param options? {stdin?: string, timeout?: number, cwd?: string, env?: table<string, string>}
---env is the whole environment; without it the program gets ours
---@return {code?: integer, signal?: integer, stdout: string, stderr: string}? result  signal: the
---number of the one it died from; then code is nil
---@return string? reason  "timeout", or a message, when the program could not be started
---@return string? code  "ENOENT"
function command.run(argv, options)
  check_argv(argv)
  options = check_options(options)
  local running <close>, message, code = native.start(argv, environment(options.env), options.cwd,
    options.stdin, "ppp", true)
  if not running then return nil, message, code end
  local result, why = running:wait(options.timeout)
  return result, why
end


return command
