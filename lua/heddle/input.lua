-- heddle.input: a line of standard input, while the other tasks go on.
local native = require "heddle.native.input"

---Reads a line; only the calling task waits. Several tasks that ask get a line each.
---@param prompt? string written first
---@return string? line nil at the end of input
return function(prompt)
  if prompt ~= nil then
    if type(prompt) ~= "string" then
      error(("input: prompt: a string expected, got %s [bad-argument]"):format(type(prompt)), 2)
    end
    io.write(prompt)
  end
  return native.read()
end
