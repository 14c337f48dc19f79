--- LuaSocket whose calls suspend the calling task only: its sockets are made non-blocking, and
--- wrapped in objects with the same methods that wait for them as tasks do.
-- Stands on: heddle.native.net, LuaSocket.
local heddle = require "heddle"
local net = require "heddle.native.net"
local sync = require "heddle.sync"
local task = require "heddle.native.task"

local monkey_socket = {}

local Socket = { __name = "socket" }

local wrap -- forward: a new wrapper around one of LuaSocket's sockets


-- The moment until which a call may wait; nil: for ever. The least of the two kinds of time-out.
local function deadline(self)
  local seconds = self.total or self.each
  if self.total and self.each then seconds = math.min(self.total, self.each) end
  return seconds and seconds >= 0 and heddle.now() + seconds or nil
end


-- Waits for the socket; false: the time is up.
local function await(self, write, limit)
  local left = limit and math.max(limit - heddle.now(), 0) or nil
  return net.wait(self.raw:getfd(), write, left)
end


function Socket:settimeout(seconds, mode)
  if mode == "t" or mode == "r" then self.total = seconds else self.each = seconds end
  return 1
end


function Socket:receive(what, prefix)
  local limit, before = deadline(self), #(prefix or "")
  while true do
    local data, why, part = self.raw:receive(what or "*l", prefix)
    if why == "closed" and #part > before and what == "*a" then return part end -- got in pieces
    if data or why ~= "timeout" then return data, why, part end
    if not await(self, false, limit) then return nil, "timeout", part end
    prefix = part
  end
end


function Socket:send(data, first, last)
  local limit = deadline(self)
  first = first or 1
  while true do
    local sent, why, done = self.raw:send(data, first, last)
    if sent or why ~= "timeout" then return sent, why, done end
    if not await(self, true, limit) then return nil, "timeout", done end
    first = done + 1
  end
end


function Socket:accept()
  local limit = deadline(self)
  while true do
    local raw, why = self.raw:accept()
    if raw then return wrap(raw) end
    if why ~= "timeout" then return nil, why end
    if not await(self, false, limit) then return nil, "timeout" end
  end
end


-- The numeric address of a host, of the wanted family if it has one; nil and why not.
local function numeric(host, family)
  local found, why = net.resolve(host, 0)
  if not found then return nil, (why:gsub("^.-: ", "")) end
  local first
  for _, address in ipairs(found) do
    local text = net.text(address)
    local ip = text:match "^%[(.*)%]:" or text:match "^(.*):"
    first = first or ip
    if (family == "inet6") == (ip:find(":", 1, true) ~= nil) then return ip end
  end
  return first
end


function Socket:connect(host, port)
  local ip, why = numeric(host, self.family)
  if not ip then return nil, why end
  local limit = deadline(self)
  local ok
  ok, why = self.raw:connect(ip, port)
  while not ok and (why == "timeout" or why == "Operation already in progress") do
    if not await(self, true, limit) then return nil, "timeout" end
    ok, why = self.raw:connect(ip, port)
    if why == "already connected" then return 1 end
  end
  return ok, why
end


-- Calls a method of a datagram socket until it need not wait any more.
local function datagram(name)
  return function(self, ...)
    local limit = deadline(self)
    while true do
      local results = table.pack(self.raw[name](self.raw, ...))
      if results[1] or results[2] ~= "timeout" then
        return table.unpack(results, 1, results.n)
      end
      if not await(self, name:find "^send" ~= nil, limit) then return nil, "timeout" end
    end
  end
end

-- Closes the socket; tasks that wait for it hear of it.
function Socket:close()
  local fd = self.raw:getfd()
  if fd >= 0 then net.closing(fd) end
  return self.raw:close()
end

local Datagram = {
  __name = "socket", settimeout = Socket.settimeout, close = Socket.close,
  receive = datagram "receive", receivefrom = datagram "receivefrom",
  send = datagram "send", sendto = datagram "sendto",
}


-- Anything else is the raw socket's own method.
local function complete(class)
  class.__index = function(self, key)
    local method = rawget(class, key)
    if method ~= nil then return method end
    method = self.raw[key]
    if type(method) ~= "function" then return method end
    return function(me, ...) return method(me.raw, ...) end
  end
  class.__tostring = function(self) return tostring(self.raw) end
  class.__close = Socket.close
end

complete(Socket)
complete(Datagram)


function wrap(raw, family, class)
  raw:settimeout(0)
  return setmetatable({ raw = raw, family = family or "inet" }, class or Socket)
end


-- Makes a constructor return wrapped sockets.
local function wrapping(make, family, class)
  return function(...)
    local raw, why = make(...)
    if not raw then return nil, why end
    return wrap(raw, family, class)
  end
end


local function connector(socket)
  return function(host, port, local_host, local_port, family)
    local client, why = (family == "inet6" and socket.tcp6 or socket.tcp4)()
    local ok
    if client and local_host then
      ok, why = client:bind(local_host, local_port or 0)
      if not ok then client = client:close() and nil end
    end
    if not client then return nil, why end
    ok, why = client:connect(host, port)
    if ok then return client end
    client:close()
    return nil, why
  end
end


-- Waits until one of the sockets is ready, a task for each; closed ones never are.
local function await_any(readers, writers, seconds)
  local event, tasks = sync.event(), {}
  for write, list in pairs { [false] = readers or {}, [true] = writers or {} } do
    for _, one in ipairs(list) do
      local fd = one:getfd()
      tasks[#tasks + 1] = fd >= 0 and task.start({ daemon = true }, function()
        net.wait(fd, write)
        event:set()
      end) or nil
    end
  end
  event:wait(seconds)
  for _, waiting in ipairs(tasks) do waiting:cancel() end
end


local function selector(select)
  return function(readers, writers, seconds)
    local read, write, why = select(readers, writers, 0)
    if #read + #write > 0 or seconds == 0 then return read, write, why end
    await_any(readers, writers, seconds and seconds >= 0 and seconds or nil)
    return select(readers, writers, 0)
  end
end


---Patches LuaSocket in this interpreter.
function monkey_socket.patch()
  local socket = require "socket"
  for name, family in pairs { tcp = "inet", tcp4 = "inet", tcp6 = "inet6" } do
    socket[name] = wrapping(socket[name], family, Socket)
  end
  for _, name in ipairs { "udp", "udp4", "udp6" } do
    socket[name] = wrapping(socket[name], nil, Datagram)
  end
  socket.connect = connector(socket)
  socket.connect4 = function(...) return socket.connect(...) end
  socket.connect6 = function(host, port, local_host, local_port)
    return socket.connect(host, port, local_host, local_port, "inet6")
  end
  socket.select = selector(socket.select)
  socket.sleep = heddle.sleep
  local toip = socket.dns.toip
  socket.dns.toip = function(host)
    local ip, why = numeric(host)
    if not ip then return nil, why end
    return ip, select(2, toip(ip))
  end
end


return monkey_socket
