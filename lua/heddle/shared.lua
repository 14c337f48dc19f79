-- Data in shared memory, which all models read and write: numbers and booleans, arrays of them, and
-- dicts of any values.
--
--     local count = shared.value("int")
--     local a = process.start(function() count:add(1) end)
--     local b = thread.start(function() count:add(1) end)
--     a:join() b:join()
--     print(count:get()) --> 2
local native = require "heddle.native.shared"

---A number or boolean that every model may read, set and change in one step.
---@class heddle.value
---@field name string what reports call it; can be set
---What it is now.
---@field get fun(self: heddle.value): number|boolean
---Makes it `v`.
---@field set fun(self: heddle.value, v: number|boolean)
---Adds `d` in one step and returns the new number; an int wraps.
---@field add fun(self: heddle.value, d: number): number
---Takes its re-entrant lock, for changes of several steps; see `shared.lock`.
---@field lock fun(self: heddle.value, timeout?: number): heddle.guard?, string?
---Makes it `new` if it is `old`, in one step; returns whether it was.
---@field cas fun(self: heddle.value, old: any, new: any): boolean

---Numbers or booleans side by side: a[i] and #a as of a list, nil outside; writing there is misuse.
---@class heddle.array
---@field name string what reports call it; can be set
---Adds `d` to the number at `i` in one step and returns the new one.
---@field add fun(self: heddle.array, i: integer, d: number): number
---Takes its re-entrant lock, for changes of several steps; see `shared.lock`.
---@field lock fun(self: heddle.array, timeout?: number): heddle.guard?, string?

---A table that every model sees: `d[k] = v` copies in, `d[k]` copies out (so that `d[k].x = 1`
---changes a copy), nil deletes, `pairs(d)` walks a snapshot. Keys are strings, numbers, booleans.
---@class heddle.dict
---@field name string what reports call it; can be set

local shared = {
  ---A value; without `init` 0 or false.
  ---@type fun(kind: "int"|"float"|"bool", init?: number|boolean): heddle.value
  value = native.value,
  ---An array of `n` values. `init` is one for all or a list.
  ---@type fun(kind: "int"|"float"|"bool", n: integer, init?: number|boolean|table): heddle.array
  array = native.array,
  ---A dict, empty.
  ---@type fun(): heddle.dict
  dict = native.dict,
  ---Takes the re-entrant lock of a value, array or dict for the scope of a `<close>` variable.
  ---Their own operations do not take it (but `shared.update` does), so that races can be shown.
  ---@type fun(x: heddle.value|heddle.array|heddle.dict, timeout?: number): heddle.guard?, string?
  lock = native.lock,
}


local function misuse(argument, expected, got)
  local text = "shared.update: %s: %s expected, got %s [bad-argument]"
  error(text:format(argument, expected, got), 3)
end


local key_types = { string = true, number = true, boolean = true }

-- The end of an update's function, however it ends: its task may touch the dict again.
local Running = { __close = function(self) native.update_runs(self[1], false) end }

local function run_update(d, fn, old)
  local _ <close> = setmetatable({ d }, Running)
  native.update_runs(d, true)
  return (fn(old))
end


---Sets d[k] to fn(d[k]) under the dict's lock; fn may not touch d.
---@param d heddle.dict
---@param k string|number|boolean
---@param fn fun(old: any): any
---@return any value the new one
function shared.update(d, k, fn)
  if not native.is_dict(d) then misuse("d", "a shared dict", type(d)) end
  if not key_types[type(k)] or k ~= k then
    misuse("k", "a string, number or boolean", k ~= k and "NaN" or type(k))
  elseif type(fn) ~= "function" then
    misuse("fn", "a function", type(fn))
  end
  local _ <close> = native.lock(d)
  local value = run_update(d, fn, d[k])
  d[k] = value
  return value
end


return shared
