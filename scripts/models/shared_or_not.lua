-- Threads and tasks share everything; isolates and processes get copies.
-- Each model's worker changes a global, a local and a table of the main script's.
--
-- From: simple (Threading: the same memory space), roundup (each process has its memory share),
--   concepts (Multithreading, Multiprocessing)
-- Unlike Python: isolates are its subinterpreters. A global there belongs to a module, here to the
-- interpreter.

local heddle = require "heddle"

counter = 0

local function change(l)
  counter = (counter or 0) + 1
  l[#l + 1] = "an item"
  return counter, #l
end

for _, model in ipairs { "task", "thread", "isolate", "process" } do
  counter = 0
  local list = {}
  local seen, length = heddle.model(model).start(change, list):result()
  print(("%-8s there: counter %d, %d in the list;  here: counter %d, %d in the list"):format(model,
    seen, length, counter, #list))
end
