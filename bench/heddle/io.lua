-- Our side of the works on input and output. The client is the C one for every server.
-- usage: heddle io.lua WORK
package.path = (arg[0]:match("^(.*)/") or ".") .. "/?.lua;" .. package.path
local harness = require "harness"
local heddle = require "heddle"
local net = require "heddle.net"
local task = require "heddle.task"

local function echo(connection)
  local read, write = connection.read, connection.write
  while true do
    local data = read(connection)
    if not data then break end
    write(connection, data)
  end
  connection:close()
end

local works = {}

function works.tcp_echo(work)
  local listener = assert(net.listen("127.0.0.1:0"))
  task.start({ daemon = true }, function()
    for connection in function() return listener:accept() end do task.start(echo, connection) end
  end)
  local values = {}
  for i = 1, harness.reps do
    local result = assert(heddle.run_command { "build/bench/c", "echo_client",
      tostring(listener.port), tostring(harness.seconds) })
    values[i] = assert(tonumber(result.stdout), result.stderr)
  end
  listener:close()
  harness.report(work, "tasks", values, "round trips/s")
end

harness.main(works)
