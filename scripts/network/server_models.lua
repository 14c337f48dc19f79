-- A server can give each client a thread, or a task, which is lighter; the handler is the same.
-- Forty clients at once send ten lines each and get them back.
--
-- From: roundup (asyncio: handles each client as a separate thread and uses coroutines to lighten
-- it)
-- Unlike Python: there a handler for threads blocks and one for asyncio awaits: two functions.

local heddle = require "heddle"
local net = require "heddle.net"
local task = require "heddle.task"

local CLIENTS, LINES = 40, 10

local function handle(client)
  for _ = 1, LINES do client:write(client:read "l" .. "\n") end
  client:close()
end

local function ask(port, number)
  local c <close> = assert(net.connect("127.0.0.1:" .. port, 5))
  local answers = 0
  for i = 1, LINES do
    local line = ("line %d of client %d"):format(i, number)
    c:write(line .. "\n")
    if c:read "l" == line then answers = answers + 1 end
  end
  return answers
end

for _, model in ipairs { "task", "thread" } do
  local M, listener = heddle.model(model), assert(net.listen "127.0.0.1:0")
  task.start(function()
    for _ = 1, CLIENTS do M.start(handle, listener:accept()) end
  end)
  local began, clients, answers = heddle.now(), {}, 0
  for i = 1, CLIENTS do clients[i] = task.start(ask, listener.port, i) end
  for _, n in ipairs(task.gather(clients)) do answers = answers + n end
  print(("a %-6s per client: %d answers in %.0f ms"):format(model, answers,
    (heddle.now() - began) * 1e3))
  listener:close()
end
