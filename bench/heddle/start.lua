-- Our side of starting and joining workers of each kind.  usage: heddle start.lua WORK
package.path = (arg[0]:match("^(.*)/") or ".") .. "/?.lua;" .. package.path
local harness = require "harness"
local now = harness.now
local works = {}

local function nothing() end

local function start(w, module, options, first)
  local model = require("heddle." .. module)
  harness.rate(w, module .. ".start, join", function(n)
    local t = now()
    for _ = 1, n do model.start(options, nothing):join() end
    return now() - t
  end, first, "starts/s")
end

function works.start_thread(w) start(w, "thread", {}, 100) end
function works.start_isolate(w) start(w, "isolate", {}, 100) end
function works.start_fork(w) start(w, "process", { method = "fork" }, 20) end
function works.start_spawn(w) start(w, "process", { method = "spawn" }, 10) end
function works.start_forkserver(w) start(w, "process", { method = "forkserver" }, 10) end

harness.main(works)
