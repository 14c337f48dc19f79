-- Pipes: two ends, each of which belongs to one task, thread, isolate or process at a time.
local native = require "heddle.native.pipe"

---One end of a pipe. It is in one interpreter at a time: handing it to an isolate or process moves
---it there. Closing it, its being collected and the death of the process that has it are the same
---to the other end: that receives what was sent, then "closed".
---@class heddle.pipe.End
---@field name string what reports call it; can be set
---Sends a copy of a message (not nil): true, or nil and "timeout" or "closed".
---@field send fun(self: heddle.pipe.End, message: any, timeout?: number): true?, string?
---Waits for a message: that, or nil and "timeout" or "closed".
---@field recv fun(self: heddle.pipe.End, timeout?: number): any, string?
---Whether `recv` would not wait: now (0, the default), or at some moment within the time-out.
---@field poll fun(self: heddle.pipe.End, timeout?: number): boolean
---Gives the end up; the other one gets "closed" after what was sent.
---@field close fun(self: heddle.pipe.End)

local pipe = {}


---A pipe between two of anything: what one end sends, the other receives, both ways, in order.
---Messages are copied, also between two tasks; there is no limit to how many are under way.
---
---    local a, b = pipe.new()
---    local h = process.start(function() b:send(b:recv() + 1) end)
---    a:send(41)
---    print(a:recv()) --> 42
---@return heddle.pipe.End a, heddle.pipe.End b
function pipe.new()
  return native.new()
end


return pipe
