--- Makes blocking functions of Lua and of LuaSocket suspend the calling task only, in this
--- interpreter: os.execute; io.read and io.lines on standard input, io.popen; LuaSocket's sockets,
--- socket.select, socket.sleep, socket.connect and name look-ups.
-- Stands on: heddle.native.command, heddle.native.input, heddle.reader, heddle.monkey_socket.
-- luacheck: globals io os

local native = require "heddle.native.command"
local input = require "heddle.native.input"
local reader = require "heddle.reader"

local monkey = {}

local done = {} -- what has been patched


-- How a program ended, in the way of os.execute.
local function outcome(result)
  if result.code then return result.code == 0 or nil, "exit", result.code end
  return nil, "signal", result.signal
end


---Runs a command of the shell; only the calling task waits. It is killed with the task.
local function execute(line)
  if line == nil then return true end
  if type(line) ~= "string" and type(line) ~= "number" then
    error(("bad argument #1 to 'execute' (string expected, got %s)"):format(type(line)), 2)
  end
  local command <close> = assert(native.start({ "sh", "-c", tostring(line) }, nil, nil, nil, "iii"))
  return outcome(assert(command:wait()))
end


-- io.popen -------------------------------------------------------------------------------------

---What a patched io.popen returns: like a file, but its methods suspend the task only.
local Pipe = { __name = "FILE*" }
Pipe.__index = Pipe

local function check_open(pipe, level)
  if not pipe.command then error("attempt to use a closed file", (level or 1) + 2) end
end

function Pipe:read(...)
  check_open(self)
  if self.mode ~= "r" then return nil, "Bad file descriptor", 9 end
  return self.reader:read(...)
end

function Pipe:lines(...)
  check_open(self)
  return self.reader:lines(...)
end

function Pipe:write(...)
  check_open(self)
  for i = 1, select("#", ...) do
    local piece = select(i, ...)
    if type(piece) ~= "string" and type(piece) ~= "number" then
      error(("bad argument #%d to 'write' (string expected, got %s)"):format(i, type(piece)), 2)
    end
    local ok, message, code = self.stream:write(tostring(piece))
    if not ok then return nil, message, code end
  end
  return self
end

function Pipe:flush()
  check_open(self)
  return self
end

function Pipe:setvbuf()
  check_open(self)
  return true
end

function Pipe:seek()
  check_open(self)
  return nil, "Illegal seek", 29
end

function Pipe:close()
  check_open(self)
  local command <close> = self.command
  self.command = nil
  self.stream:close()
  return outcome(assert(command:wait()))
end

function Pipe:__close()
  if self.command then self:close() end
end

function Pipe:__gc()
  if not self.command then return end
  self.stream:close()
  self.command:close()
end

function Pipe:__tostring()
  return self.command and ("file (pipe %s)"):format(self.line) or "file (closed)"
end


local function popen(line, mode)
  mode = mode or "r"
  if type(line) ~= "string" then
    error(("bad argument #1 to 'popen' (string expected, got %s)"):format(type(line)), 2)
  elseif mode ~= "r" and mode ~= "w" then
    error("bad argument #2 to 'popen' (invalid mode)", 2)
  end
  local files = mode == "r" and "ipi" or "pii"
  local command = assert(native.start({ "sh", "-c", line }, nil, nil, "\0", files))
  command:patient()
  local stream = command:stream(mode == "r" and 1 or 0)
  return setmetatable({ command = command, stream = stream, mode = mode, line = line,
    reader = reader.new(function(what) return stream:read(what) end) }, Pipe)
end


-- io.read, io.lines ----------------------------------------------------------------------------

local function patch_files()
  local standard = reader.new(input.read, input.give_back)
  local files = getmetatable(io.stdin).__index
  local read, lines, kind, io_lines = files.read, files.lines, io.type, io.lines

  function files.read(file, ...)
    if file == io.stdin then return standard:read(...) end
    return read(file, ...)
  end

  function files.lines(file, ...)
    if file == io.stdin then return standard:lines(...) end
    return lines(file, ...)
  end

  function io.read(...) return files.read(io.input(), ...) end

  function io.lines(name, ...)
    if name == nil and io.input() == io.stdin then return standard:lines(...) end
    local results = table.pack(pcall(io_lines, name, ...))
    if not results[1] then error(results[2], 2) end
    return table.unpack(results, 2, results.n)
  end

  function io.type(value)
    if getmetatable(value) == Pipe then return value.command and "file" or "closed file" end
    return kind(value)
  end

  io.popen = popen
end


local patches = {
  os = function() os.execute = execute end,
  io = patch_files,
  socket = function() require("heddle.monkey_socket").patch() end,
}

local function misuse(code, text, ...)
  error("monkey.patch: " .. text:format(...) .. " [" .. code .. "]", 4)
end

local function check(what)
  if type(what) ~= "table" then
    misuse("bad-argument", "options: a table such as {os=true} expected, got %s", type(what))
  end
  for key, value in pairs(what) do
    if not patches[key] then
      misuse("unknown-option", "options: unknown option '%s' (there are: io, os, socket)",
        tostring(key))
    elseif type(value) ~= "boolean" then
      misuse("bad-option", "%s: true or false expected, got %s", key, type(value))
    end
  end
  if what.socket and not package.searchpath("socket", package.path) then
    misuse("not-installed", "socket: LuaSocket is not installed (Debian: apt install lua-socket)")
  end
end


---Patches what is named, for good; a second time does nothing. Input that Lua has read ahead before
---stays where it is: patch before anything is read.
---
---    require("heddle.monkey").patch { os = true, io = true, socket = true }
---@param what {os?: boolean, io?: boolean, socket?: boolean}
function monkey.patch(what)
  check(what)
  for key in pairs(what) do
    if what[key] and not done[key] then patches[key]() end
    done[key] = done[key] or what[key]
  end
end


return monkey
