-- Data in shared memory: heddle.shared.
local native = require "heddle.native.shared"

---A number or boolean that every model may read, set and change in one step.
---@class heddle.value
---@field name string
---@field get fun(self: heddle.value): number|boolean
---@field set fun(self: heddle.value, v: number|boolean)
---@field add fun(self: heddle.value, d: number): number the new number; an int wraps
---@field lock fun(self: heddle.value, timeout?: number): heddle.guard?, string?
---@field cas fun(self: heddle.value, old: any, new: any): boolean whether it was `old`

---Numbers or booleans side by side: a[i] and #a as of a list, nil outside; writing there is misuse.
---@class heddle.array
---@field name string
---@field add fun(self: heddle.array, i: integer, d: number): number the new number, in one step
---@field lock fun(self: heddle.array, timeout?: number): heddle.guard?, string?

---A table that every model sees: values are copied in and out; pairs walks a snapshot.
---@class heddle.dict

local shared = {
  ---@type fun(kind: "int"|"float"|"bool", init?: number|boolean): heddle.value
  value = native.value,
  ---@type fun(kind: "int"|"float"|"bool", n: integer, init?: number|boolean|table): heddle.array
  array = native.array,
  dict = native.dict, ---@type fun(): heddle.dict
  ---Takes the re-entrant lock of a value, array or dict, which their own operations do not take.
  ---@type fun(x: heddle.value|heddle.array|heddle.dict, timeout?: number): heddle.guard?, string?
  lock = native.lock,
}


---Sets d[k] to fn(d[k]) under the dict's lock; fn may not touch d.
---@param d heddle.dict
---@param k string|number|boolean
---@param fn fun(old: any): any
---@return any value the new one
function shared.update(d, k, fn)
  if not native.is_dict(d) then
    error(("shared.update: d: a shared dict expected, got %s [bad-argument]"):format(type(d)), 2)
  elseif type(fn) ~= "function" then
    error(("shared.update: fn: a function expected, got %s [bad-argument]"):format(type(fn)), 2)
  end
  local _ <close> = native.lock(d)
  local value = fn(d[k])
  d[k] = value
  return value
end


return shared
