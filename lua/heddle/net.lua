--- Connections over TCP (v4 and v6) and Unix sockets. What waits, makes only its own task wait.
--
--     local listener <close> = assert(net.listen("127.0.0.1:0"))
--     task.start(function()
--       local connection <close> = listener:accept()
--       connection:write(connection:read("l") .. "\n")
--     end)
--     local connection <close> = assert(net.connect("127.0.0.1:" .. listener.port))
--     connection:write "hello\n"
--     print(connection:read "l") --> hello
--
-- Addresses: "127.0.0.1:80", "[::1]:80", "localhost:80", "unix:/path"; ":80" listens everywhere.
-- Failures are nil, message, code ("ECONNREFUSED"); a time-out is nil, "timeout"; what is closed,
-- by this side or in order by the other one, is nil, "closed".
-- Stands on: heddle.native.net.

local heddle = require "heddle"
local native = require "heddle.native.net"

---@class heddle.net
local net = {}

---Connected; closable. Tasks of every OS thread of the interpreter may use it; it is not copied to
---another interpreter, and a forked child has it closed.
---@class heddle.net.Connection
---@field address? string  of this side
---@field peer? string  of the other side
---Reads what is there, at least a byte; with a number so many bytes, "l" a line without its
---newline, "L" with it, "a" everything to the end. What the other side sent before it ended comes
---first, be it less than asked for; "a" reads "" at the end. A time-out loses nothing: what came
---stays for the next read.
---@field read fun(self, what?: integer|"l"|"L"|"a", timeout?: number): string?, string?, string?
---Returns true when the system has taken all of it; waits while the other side does not read.
---After a time-out a part of it may have been sent.
---@field write fun(self, s: string, timeout?: number): boolean?, string?, string?
---Sends no more; reads go on.
---@field shutdown fun(self): boolean?, string?, string?
---Closes it; tasks that wait for it get nil, "closed".
---@field close fun(self): boolean

---Where connections come in; closable. A Unix socket's file goes when it is closed.
---@class heddle.net.Listener
---@field port? integer
---@field address string
---Waits for a connection: that, or nil and "timeout", "closed", or a message and a code.
---@field accept fun(self, timeout?: number): heddle.net.Connection?, string?, string?
---Listens no more; tasks that wait in `accept` get nil, "closed".
---@field close fun(self): boolean


local function misuse(text, code, ...)
  error(text:format(...) .. (" [%s]"):format(code), 3)
end


local FORM = '%s: address: "host:port", "[v6]:port" or "unix:/path" expected, got %s'

-- An address, or a host and a port to be looked up; nil: neither.
local function parse(text)
  local address = native.address(text)
  if address then return address end
  local host, port = text:match "^([%w_.-]+):(%d+)$"
  port = math.tointeger(tonumber(port))
  if host and port and port <= 65535 and not host:find "^[%d.]+$" then return nil, host, port end
end


local function shown(v)
  return type(v) == "string" and ("%q"):format(v) or type(v)
end


-- The addresses that a text stands for.
local function addresses(address, host, port, timeout)
  if address then return { address } end
  return native.resolve(host, port, timeout)
end


---Listens for connections. The listener keeps its OS thread, as a task does.
---@param address string  port 0: any free one, see `.port`
---@param options? {daemon?: boolean}  daemon: it keeps nothing
---@return heddle.net.Listener? listener, string? message, string? code
function net.listen(address, options)
  local parsed, host, port
  if type(address) == "string" then parsed, host, port = parse(address) end
  if not parsed and not host then misuse(FORM, "bad-address", "net.listen", shown(address)) end
  if options ~= nil and type(options) ~= "table" then
    misuse("net.listen: options: a table expected, got %s", "bad-argument", type(options))
  end
  for key, value in pairs(options or {}) do
    if key ~= "daemon" then
      misuse("net.listen: options: unknown option '%s' (there are: daemon)", "unknown-option",
        tostring(key))
    elseif type(value) ~= "boolean" then
      misuse("net.listen: daemon: true or false expected, got %s", "bad-option", type(value))
    end
  end
  local found, message, code = addresses(parsed, host, port)
  if not found then return nil, message, code end
  return native.listen(found[1], address, options and options.daemon)
end


---Connects to an address; a host that has several is tried at each.
---@param address string
---@param timeout? number  seconds in all
---@return heddle.net.Connection? connection, string? reason, string? code
function net.connect(address, timeout)
  local parsed, host, port
  if type(address) == "string" then parsed, host, port = parse(address) end
  if not parsed and not host then misuse(FORM, "bad-address", "net.connect", shown(address)) end
  if timeout ~= nil and not (type(timeout) == "number" and timeout >= 0) then
    misuse("net.connect: timeout: a number of seconds >= 0 expected, got %s", "bad-time",
      type(timeout) ~= "number" and type(timeout) or timeout < 0 and "a negative number" or "NaN")
  end
  local deadline = timeout and heddle.now() + timeout
  local found, message, code = addresses(parsed, host, port, timeout)
  local connection
  for _, one in ipairs(found or {}) do
    local left = deadline and math.max(deadline - heddle.now(), 0)
    connection, message, code = native.connect(one, address, left)
    if connection or message == "timeout" then break end
  end
  return connection, message, code
end


return net
