-- A process can be told something by a signal, and ends by one that it does not handle.
--
-- From: article (Queue and Pipe: queue, pipe, and signal)
-- Unlike Python: a handler runs as a task, not between two bytecodes of the main thread.

local loop = require "heddle.loop"
local process = require "heddle.process"
local sync = require "heddle.sync"

local ready, told = sync.event(), sync.event()

local child = process.start(function()
  local handler = loop.on_signal("SIGUSR1", function()
    print "child: got SIGUSR1"
    told:set()
  end)
  ready:set()
  told:wait()
  handler:stop()
  print "child: waits for the end"
  ready:set()
  sync.event():wait(60)
end)

ready:wait()
ready:clear()
print "parent: sends SIGUSR1"
child:kill "SIGUSR1"
ready:wait()
print "parent: sends SIGTERM"
child:terminate()
local _, why = pcall(child.result, child)
print(("parent: %s, exit code %d"):format(why:match "[^\n]*", child:exitcode()))
