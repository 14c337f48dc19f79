-- A spawned process gets its function with its locals and arguments, and nothing else.
-- What is global is the parent's affair: the error names what was not sent.
--
-- From: demo (Process-based concurrency: start methods), simple (picklable functions and data)
-- Unlike Python: there the child imports the main module again, and what stands under `if __name__
-- == "__main__"` is missing; here nothing runs a second time.

local process = require "heddle.process"

function is_even(n) return n % 2 == 0 end -- a global function
local function is_odd(n) return n % 2 == 1 end

local function ask_global() return is_even(7) end
local function ask_local() return is_odd(7) end

local function try(method, what, fn)
  local worker = process.start({ method = method }, fn)
  local ok, answer = pcall(worker.result, worker)
  if not ok then answer = answer:match "(global [^\n]*)" end
  print(("%-6s %-10s %s"):format(method, what, answer))
end

for _, method in ipairs { "fork", "spawn" } do
  try(method, "its local", ask_local)
  try(method, "a global", ask_global)
end
