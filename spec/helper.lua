-- What the specs share: running the executable in a child, waiting for something to come true, the
-- four models.

local helper = {}

helper.models = { "task", "thread", "isolate", "process" }
-- of the build: release, debug, asan, tsan, stress
helper.flavour = os.getenv "HEDDLE_FLAVOUR" or "release"
-- multiplies every time limit: sanitizers are slow
helper.slack = tonumber(os.getenv "HEDDLE_SLACK" or "") or 1
-- seconds for each case of a file that sets it, where the default (--case) does not fit
helper.case_limit = nil

local function running_executable()
  if not arg then return nil end -- in a worker
  local first = 0
  while arg[first - 1] do first = first - 1 end
  return arg[first]
end

helper.executable = os.getenv "HEDDLE" or running_executable()

local ok_heddle, heddle = pcall(require, "heddle")
if not ok_heddle then heddle = nil end

---Monotonic seconds.
---@return number
function helper.now()
  if heddle and heddle.now then return heddle.now() end
  return require("system").monotime()
end

---Suspends the running task; a plain Lua as a whole.
---@param seconds number
function helper.sleep(seconds)
  if heddle and heddle.sleep then return heddle.sleep(seconds) end
  require("system").sleep(seconds)
end

---Loads heddle's modules before busted does anything with the table of loaded ones.
function helper.preload()
  for _, model in ipairs(helper.models) do pcall(require, "heddle." .. model) end
end

---A word quoted for the shell.
---@param word any
---@return string
function helper.quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

---The content of a file, "" where it can't be read.
---@param path string
---@return string
function helper.slurp(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local content = file:read "a" or ""
  file:close()
  return content
end

---Writes a file.
---@param path string
---@param content string
function helper.spit(path, content)
  local file = assert(io.open(path, "wb"))
  assert(file:write(content))
  file:close()
end

-- The words before a program's that let it run for so long and no longer; `options.interrupt` in
-- seconds: with a signal then, sent by timeout in the foreground, else its group would get it, too.
local function limited(options, limit)
  local after = tonumber(options.interrupt)
  if not after then return "timeout -k 2 " .. limit end
  return ("timeout --foreground --preserve-status -s %s -k %g %g"):format(
    options.signal or "INT", limit, after)
end

-- The shell line that sends a program the signal once it has written `options.interrupt`.
local function watcher(options, files, limit)
  return ([[(n=0; until grep -qaF %s %s %s || [ $n -gt %d ]; do sleep 0.02; n=$((n+1)); done
    kill -s %s "$(cat %s)") & ]]):format(helper.quote(options.interrupt), helper.quote(files.out),
    helper.quote(files.err), limit * 50, options.signal or "INT", helper.quote(files.pid))
end

-- The shell line that runs `words` with what `options` ask for.
local function command_line(words, options, files)
  local line = {}
  for name, value in pairs(options.env or {}) do
    line[#line + 1] = name .. "=" .. helper.quote(value)
  end
  local limit = (options.limit or 20) * helper.slack
  line[#line + 1] = limited(options, limit)
  if files.pid then
    line[#line + 1] = ("sh -c 'echo $$ >\"$0\"; exec \"$@\"' %s"):format(helper.quote(files.pid))
  end
  for _, word in ipairs(words) do line[#line + 1] = helper.quote(word) end
  line[#line + 1] = "<" .. (files.input and helper.quote(files.input) or "/dev/null")
  line[#line + 1] = ">" .. helper.quote(files.out) .. " 2>" .. helper.quote(files.err)
  local program = table.concat(line, " ")
  if not files.pid then return program end
  return "{ " .. watcher(options, files, limit) .. program .. "; code=$?; wait; exit $code; }"
end

---Runs a program and waits for it.
---
---Options: `stdin` (text), `limit` (seconds, 20), `env` (a table), `interrupt` (send a signal once
---the program has written this text, or after so many seconds), `signal` (its name, "INT"), `cwd`.
---The exit code is 124 past the limit and 128 + n after signal n.
---@param words string[]  the program and its arguments
---@param options? table
---@return {code: integer, out: string, err: string, all: string, wall: number}
function helper.command(words, options)
  options = options or {}
  local files = { out = os.tmpname(), err = os.tmpname() }
  if options.stdin then
    files.input = os.tmpname()
    helper.spit(files.input, options.stdin)
  end
  if type(options.interrupt) == "string" then files.pid = os.tmpname() end
  local line = command_line(words, options, files)
  if options.cwd then line = "cd " .. helper.quote(options.cwd) .. " && " .. line end
  local begun = helper.now()
  local _, how, code = os.execute(line)
  local result = { code = how == "signal" and 128 + code or code, wall = helper.now() - begun }
  result.out, result.err = helper.slurp(files.out), helper.slurp(files.err)
  result.all = result.out .. result.err
  for _, path in pairs(files) do os.remove(path) end
  return result
end

---The first half of a shell's pipe: writes a line as soon as a file of that name is there.
---@param path string
---@param line string
---@return string
function helper.line_after(path, line)
  return ("(until [ -e %s ]; do sleep 0.02; done; echo %s) | "):format(
    helper.quote(path), helper.quote(line))
end

---The executable's absolute path, for commands run elsewhere.
---@return string
function helper.absolute_executable()
  local path = helper.executable
  if path:sub(1, 1) == "/" or not path:find "/" then return path end
  return require("lfs").currentdir() .. "/" .. path
end

---Runs the executable with the given argument words; options as for `helper.command`.
---@param words string[]
---@param options? table
---@return table result
function helper.heddle(words, options)
  return helper.command({ helper.absolute_executable(), table.unpack(words) }, options)
end

---Runs a piece of code as a script of its own in a child of the executable.
---
---Options: those of `helper.command`, and `before` (words before the file), `args` (after it).
---@param code string
---@param options? table
---@return table result  that of `helper.command`, and `path`, the file's name while it ran
function helper.script(code, options)
  options = options or {}
  local stem = os.tmpname()
  local path = stem .. ".lua"
  helper.spit(path, code)
  local words = table.move(options.before or {}, 1, #(options.before or {}), 1, {})
  words[#words + 1] = path
  for _, word in ipairs(options.args or {}) do words[#words + 1] = word end
  local result = helper.heddle(words, options)
  result.path = path
  os.remove(path)
  os.remove(stem)
  return result
end

---Waits until `predicate` returns a true value and returns it; raises when that takes too long.
---@param predicate fun(): any
---@param limit? number  seconds, 5
---@param what? string  for the message
function helper.wait_for(predicate, limit, what)
  local give_up = helper.now() + (limit or 5) * helper.slack
  while true do
    local value = predicate()
    if value then return value end
    if helper.now() > give_up then error((what or "the condition") .. " never came true", 2) end
    helper.sleep(0.002)
  end
end

---Defines one case per model: `fn(module, model)`, named "NAME [model]".
---@param name string
---@param fn fun(module: table, model: string)
---@param models? string[]  all four by default
function helper.each_model(name, fn, models)
  local it = require("busted").it
  for _, model in ipairs(models or helper.models) do
    it(("%s [%s]"):format(name, model), function() fn(require("heddle." .. model), model) end)
  end
end

helper.pool_models = { "coroutines", "threads", "isolates", "processes" }

---Defines one case per model of pools: `fn(model)`, named "NAME [model]".
---@param name string
---@param fn fun(model: string)
---@param models? string[]  all four by default
function helper.each_pool(name, fn, models)
  for _, model in ipairs(models or helper.pool_models) do
    require("busted").it(("%s [%s]"):format(name, model), function() fn(model) end)
  end
end

helper.start_methods = { "fork", "spawn", "forkserver" }

---Defines one case per start method of processes: `fn(start, method)`, named "NAME [method]";
---`start` is `process.start` by that method.
---@param name string
---@param fn fun(start: function, method: string)
function helper.each_method(name, fn)
  local process = require "heddle.process"
  for _, method in ipairs(helper.start_methods) do
    local function start(options, ...)
      if type(options) == "function" then return start({}, options, ...) end
      options.method = method
      return process.start(options, ...)
    end
    require("busted").it(("%s [%s]"):format(name, method), function() fn(start, method) end)
  end
end

---Defines one case per ordered pair of models: `fn(A, B, a, b)`, modules and names, named
---"NAME [a, b]".
---@param name string
---@param fn fun(A: table, B: table, a: string, b: string)
function helper.each_pair(name, fn)
  for _, a in ipairs(helper.models) do
    for _, b in ipairs(helper.models) do
      require("busted").it(("%s [%s, %s]"):format(name, a, b), function()
        fn(require("heddle." .. a), require("heddle." .. b), a, b)
      end)
    end
  end
end

---Starts a function in the model of that name and returns its handle.
---@param model string
function helper.start(model, ...) return require("heddle." .. model).start(...) end

---Waits until what the handle stands for waits, and returns the handle.
---@param h table
function helper.blocked(h)
  helper.wait_for(function() return h:status() == "blocked" end, 5, "blocked")
  return h
end

---The state of a process as the kernel names it: "T" while it is stopped, "Z" when it has died and
---is not reaped; nil when it is gone.
---@param pid integer|string
---@return string?
function helper.state_of(pid)
  return helper.slurp("/proc/" .. pid .. "/stat"):match "%) (%a)"
end

---Whether a process runs; one that nobody reaps, as where process 1 does not, has ended all the
---same.
---@param pid integer
---@return boolean
function helper.exists(pid)
  local state = helper.state_of(pid)
  return state ~= nil and state ~= "Z"
end

---Waits for the handle's end with a time-out that a hang would run into.
---@param h table
function helper.ended(h)
  if not h:join(10 * helper.slack) then error("it never ended", 2) end
end

---Calls `fn` and returns the error it must raise, whose text must match `pattern` (nil: any).
---@param pattern string?
---@param fn function
---@return any err
function helper.raises(pattern, fn, ...)
  local ok, err = pcall(fn, ...)
  if ok then error("no error was raised", 2) end
  if pattern and not tostring(err):find(pattern) then
    error(("the error %q does not match %q"):format(tostring(err), pattern), 2)
  end
  return err
end

---Calls `fn` with bad input: its error must begin as the pattern says and end with a code.
---@param wanted string
---@param fn function
function helper.refused(wanted, fn, ...)
  local arguments = table.pack(...)
  local err = helper.raises(nil, function() -- no tail call: the error names this line
    fn(table.unpack(arguments, 1, arguments.n))
    return nil
  end)
  local text = tostring(err):gsub("^[%./]*spec/[%l_]+%.lua:%d+: ", "")
  assert(text:find(wanted) == 1, ("%q does not begin as %q"):format(text, wanted))
  assert(text:find "%[[%l-]+%]$", "no code at the end of: " .. text)
end

return helper
