-- Pipes: heddle.pipe.
local native = require "heddle.native.pipe"

---One end of a pipe. It is in one interpreter at a time: handing it to an isolate or process moves
---it there. Closing it, its being collected and the death of the process that has it are the same
---to the other end: that receives what was sent, then "closed".
---
---send(message[, timeout]): a copy goes; true, or nil and "timeout" or "closed".
---recv([timeout]): the message, or nil and "timeout" or "closed".
---poll([timeout = 0]): whether recv would not wait: now, or at some moment within the timeout.
---@class heddle.pipe.End
---@field name string
---@field send fun(self: heddle.pipe.End, message: any, timeout?: number): true?, string?
---@field recv fun(self: heddle.pipe.End, timeout?: number): any, string?
---@field poll fun(self: heddle.pipe.End, timeout?: number): boolean
---@field close fun(self: heddle.pipe.End)

local pipe = {}


---A pipe between two of anything: what one end sends, the other receives, both ways, in order.
---Messages are copied, also between two tasks; there is no limit to how many are under way.
---
---    local a, b = pipe.new()
---    local h = process.start(function() b:send(b:recv() + 1) end)
---    a:send(41)
---    print(a:recv()) --> 42
---@return heddle.pipe.End, heddle.pipe.End
function pipe.new()
  return native.new()
end


return pipe
