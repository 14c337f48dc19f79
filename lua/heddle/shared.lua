-- Data in shared memory: heddle.shared.
local native = require "heddle.native.shared"

---A number or boolean that every model may read, set and change in one step.
---@class heddle.value
---@field name string
---@field get fun(self: heddle.value): number|boolean
---@field set fun(self: heddle.value, v: number|boolean)
---@field add fun(self: heddle.value, d: number): number the new number; an int wraps
---@field cas fun(self: heddle.value, old: any, new: any): boolean whether it was `old`

return {
  ---@type fun(kind: "int"|"float"|"bool", init?: number|boolean): heddle.value
  value = native.value,
}
