-- One print comes out whole, whoever prints at the same time; two prints may be parted.
-- Four threads and two processes log 200 lines each; every line of the log arrives untorn.
--
-- From: demo (Thread-based concurrency: the logging module is thread-safe)
-- Unlike Python: this holds for `print` and `io.write` themselves, across processes too; Python's
-- `print` writes the text and the newline separately.

local process = require "heddle.process"
local thread = require "heddle.thread"

local LINES = 200

local function log(name)
  local text = name:rep(60)
  for i = 1, LINES do print(("%s %3d %s"):format(name, i, text)) end
end

local workers = {}
for _, name in ipairs { "p", "q" } do workers[#workers + 1] = process.start(log, name) end
for _, name in ipairs { "a", "b", "c", "d" } do workers[#workers + 1] = thread.start(log, name) end
for _, w in ipairs(workers) do w:join() end
