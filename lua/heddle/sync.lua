-- Locks and what stands on them: heddle.sync.
local native = require "heddle.native.sync"

---@class heddle.event
---@field name string
---@field set fun(self: heddle.event) everyone who waits goes on, and so does who comes later
---@field clear fun(self: heddle.event) who comes later waits
---@field is_set fun(self: heddle.event): boolean
---@field wait fun(self: heddle.event, timeout?: number): true?, string? true | nil, "timeout"

---@class heddle.latch
---@field name string
---@field count_down fun(self: heddle.latch, k?: integer) goes down by k (1), at most to 0
---@field count fun(self: heddle.latch): integer steps left
---@field wait fun(self: heddle.latch, timeout?: number): true?, string? true | nil, "timeout"

return {
  lock = native.lock,
  event = native.event, ---@type fun(): heddle.event
  latch = native.latch, ---@type fun(n: integer): heddle.latch
}
