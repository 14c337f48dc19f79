--- What the REPL has at hand beside Lua: heddle's modules, loaded when first named, and a few words
-- to look around with.
-- Stands on: heddle, heddle.files, heddle.repl_entry, heddle.pretty.

local entry = require "heddle.repl_entry"
local files = require "heddle.files"
local heddle = require "heddle"

local tools = {}

-- What an entry does to the globals of these names stays its own.
local debug, error, ipairs, math, os, pairs, print, rawset, require = debug, error, ipairs, math,
  os, pairs, print, rawset, require
local setmetatable, table, tostring, type = setmetatable, table, tostring, type

---Names of the modules that are globals in the REPL.
tools.modules = {
  "fs", "greenlet", "http", "isolate", "loop", "mix", "monkey", "net", "pipe", "pool", "process",
  "queue", "report", "service", "shared", "sync", "task", "thread", "trace", "work",
}

local words = {}


---What a name means: its signature, text and example.
---@param ... any  a function, module, object or name
function words.help(...)
  print(require("heddle.help").text(...))
end


local function source_lines(info)
  local name = info.source:match "^=(.*)$" or info.source:match "^@(.*)$"
  local lines = name and entry.lines(name)
  if lines or not info.source:find "^@" then return lines, name end
  return files.lines(name), name
end


---Prints the source of a function.
---@param fn function
function words.src(fn)
  if type(fn) ~= "function" then
    error(("src: fn: a function expected, got %s [bad-argument]"):format(type(fn)), 2)
  end
  local info = debug.getinfo(fn, "S")
  local lines, name = source_lines(info)
  if not lines then
    local own = info.source:find "^@heddle/"
    print(info.what == "C" and "a function in C: it has no Lua source; help(f) may know it"
      or own and ("heddle's own, from %s:%d; help(f) may know it"):format(name, info.linedefined)
      or "the source is not here")
    return
  end
  print(("-- %s:%d"):format(name, info.linedefined))
  for n = math.max(1, info.linedefined), math.min(#lines, info.lastlinedefined) do
    print(lines[n])
  end
end


---Calls fn, prints how long it took, and returns what it returned.
---@param fn function
function words.time(fn, ...)
  if type(fn) ~= "function" then
    error(("time: fn: a function expected, got %s [bad-argument]"):format(type(fn)), 2)
  end
  local begun, cpu = heddle.now(), os.clock()
  local results = table.pack(fn(...))
  print(("%.6f s, of it %.6f s of CPU"):format(heddle.now() - begun, os.clock() - cpu))
  return table.unpack(results, 1, results.n)
end


---What the threads had of the GIL.
function words.gil() return require("heddle.thread").gil() end

function words.ps() return heddle.ps() end
function words.tree() return heddle.tree() end
function words.locks() return heddle.locks() end
function words.sleep(seconds) return heddle.sleep(seconds) end


---Stops the task, thread, isolate or process with this id.
---@param id integer
---@return boolean taken
function words.kill(id)
  for _, model in ipairs { "task", "thread", "isolate", "process" } do
    for _, handle in ipairs(require("heddle." .. model).list()) do
      if handle.id == id then return handle:cancel { hard = true } end
    end
  end
  error(("kill: id: no live task or worker of this process has the id %s [bad-argument]")
    :format(tostring(id)), 2)
end


---Makes the words and modules globals, each when it is first named; what the user sets goes before.
---@param globals table
---@param leave fun() ends the session
function tools.install(globals, leave)
  local known = { heddle = "heddle" }
  words.exit = setmetatable({}, {
    __call = leave, __tostring = function() return "exit() or Ctrl-D leaves" end,
  })
  words.quit = words.exit
  for _, name in ipairs(tools.modules) do known[name] = "heddle." .. name end
  setmetatable(globals, {
    __index = function(_, name)
      local value = words[name] or known[name] and require(known[name])
      if value ~= nil then rawset(globals, name, value) end
      return value
    end,
  })
end


---Names for completion: those of the modules and of the words.
---@return string[]
function tools.names()
  local names = { "heddle" }
  for _, name in ipairs(tools.modules) do names[#names + 1] = name end
  for name in pairs(words) do names[#names + 1] = name end
  return names
end


return tools
