-- While one thread waits for a line of input, the main one computes: waiting costs no CPU.
-- Type a line (or send one: `echo Ada | heddle run input_and_squares`).
--
-- From: roundup (I/O bound: user inputs)
-- Unlike Python: at the end of the input `heddle.input` returns nil and raises nothing.

local heddle = require "heddle"
local thread = require "heddle.thread"

local reader = thread.start({ name = "reader" }, function()
  return heddle.input "Your name, please: "
end)

local squares = {}
for n = 1, 10 do
  squares[n] = n * n
  heddle.sleep(0.01)
end
print("\nsquares meanwhile: " .. table.concat(squares, " "))

local name = reader:result()
print(name and "Hello, " .. name or "no name: the input has ended")
