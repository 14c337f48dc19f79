-- heddle.input: a line of standard input, while the other tasks go on.
local host = require "heddle.native.host"

---Reads a line; only the calling task waits.
---@param prompt? string written first
---@return string? line nil at the end of input
return function(prompt)
  if prompt ~= nil then io.write(prompt) end
  return host.input()
end
