-- Queues: first in first out, last in first out, or by priority; bounded or not; closable. The same
-- queue serves tasks, threads, isolates and processes at once. Within one interpreter an item is
-- passed by reference; once the queue has been handed to another interpreter, items are copied.
--
--     local q = queue.new(10)
--     task.start(function()
--       for i = 1, 3 do q:put(i) end
--       q:close()
--     end)
--     for item in q:items() do print(item) end --> 1 2 3
local native = require "heddle.native.queue"
local now = require("heddle.native.task").now

local queue = {}
local methods = native.methods -- of heddle.queue.Queue, below


-- Raises at the line that called this file.
local function misuse(code, text, ...)
  local level = 3
  while debug.getinfo(level, "S") and debug.getinfo(level, "S").source == "@heddle/queue.lua" do
    level = level + 1
  end
  error(text:format(...) .. " [" .. code .. "]", level)
end


local function whole(function_name, what, value, least)
  local n = type(value) == "number" and math.tointeger(value)
  if n and n >= least then return n end
  misuse("bad-argument", "%s: %s: a whole number >= %d expected, got %s", function_name, what,
    least, tostring(value))
end


local known = { shared = "boolean", name = "string" }

local function check_options(function_name, options)
  if type(options) ~= "table" then
    misuse("bad-argument", "%s: options: a table expected, got %s", function_name, type(options))
  end
  for key, value in pairs(options) do
    if not known[key] then
      misuse("unknown-option", "%s: options: unknown option '%s' (there are: name, shared)",
        function_name, tostring(key))
    elseif type(value) ~= known[key] then
      misuse("bad-option", "%s: %s: a %s expected, got %s", function_name, key, known[key],
        type(value))
    end
  end
end


local FIFO, LIFO, PRIORITY = 0, 1, 2
local NOTHING = {}

local function new(function_name, order, maxsize, options)
  if type(maxsize) == "table" and options == nil then maxsize, options = nil, maxsize end
  local limit = maxsize == nil and 0 or whole(function_name, "maxsize", maxsize, 0)
  if options ~= nil then check_options(function_name, options) end
  local q = native.new(limit, options and options.shared, order)
  if options and options.name then q.name = options.name end
  return q
end


---@class heddle.queue.Options
---@field shared? boolean its items are copies from the start
---@field name? string what reports call it

---A queue; `#q` is its size.
---@class heddle.queue.Queue
---@field name string what reports call it; can be set
---Puts an item (not nil), waiting for room: true, or nil and "timeout" or "closed".
---@field put fun(self: heddle.queue.Queue, item: any, timeout?: number): true?, string?
---Puts an item if there is room now: true, or nil and "full" or "closed".
---@field try_put fun(self: heddle.queue.Queue, item: any): true?, string?
---Takes the next item, waiting for one: the item, or nil and "timeout" or "closed".
---@field get fun(self: heddle.queue.Queue, timeout?: number): any, string?
---Takes the next item if there is one now: the item, or nil and "empty" or "closed".
---@field try_get fun(self: heddle.queue.Queue): any, string?
---Puts the items of a list, in order: how many went in and, if not all, "timeout" or "closed".
---@field put_many fun(self: heddle.queue.Queue, list: table, timeout?: number): integer, string?
---Waits for one item, then takes what there is, at most `max`: a list, or nil and "timeout" or
---"closed".
---@field get_many fun(self: heddle.queue.Queue, max: integer, timeout?: number): table?, string?
---How many items are in it.
---@field size fun(self: heddle.queue.Queue): integer
---Its limit; 0: none.
---@field maxsize fun(self: heddle.queue.Queue): integer
---Whether it holds no item.
---@field empty fun(self: heddle.queue.Queue): boolean
---Whether it is at its limit.
---@field full fun(self: heddle.queue.Queue): boolean
---Says that an item that was taken is dealt with; once too often is misuse.
---@field task_done fun(self: heddle.queue.Queue)
---Waits until every item that was put is dealt with: true, or nil, "timeout".
---@field join fun(self: heddle.queue.Queue, timeout?: number): true?, string?
---Ends it: puts get "closed"; gets drain what is left, then get "closed".
---@field close fun(self: heddle.queue.Queue)
---Iterates over the items as they are taken, until it is closed and drained.
---@field items fun(self: heddle.queue.Queue): fun(): any


---A queue: first in, first out.
---@param maxsize? integer its limit; 0 (the default): none
---@param options? heddle.queue.Options
---@return heddle.queue.Queue
function queue.new(maxsize, options)
  return new("queue.new", FIFO, maxsize, options)
end


---A stack: last in, first out.
---@param maxsize? integer its limit; 0 (the default): none
---@param options? heddle.queue.Options
---@return heddle.queue.Queue
function queue.lifo(maxsize, options)
  return new("queue.lifo", LIFO, maxsize, options)
end


---A queue whose lowest item comes out first, equals in order of arrival. Its items are numbers, or
---tables that begin with one:
---
---    local q = queue.priority()
---    q:put { 2, "later" }
---    q:put { 1, "first" }
---    local priority, job = table.unpack(q:get())
---    print(priority, job) --> 1 first
---
---The priority is read when the item is put.
---@param maxsize? integer its limit; 0 (the default): none
---@param options? heddle.queue.Options
---@return heddle.queue.Queue
function queue.priority(maxsize, options)
  return new("queue.priority", PRIORITY, maxsize, options)
end


---Waits until one of several queues, of any kind and from any model, has an item, and takes that.
---Where several have one, each is as likely; one that waits takes the first that comes. Queues that
---are closed and drained are passed over.
---
---    local jobs, control = queue.new(), queue.new()
---    control:put "stop"
---    local q, item = queue.select({ jobs, control }, 1)
---    if q == control then print(item) end --> stop
---@type fun(queues: heddle.queue.Queue[], timeout?: number): heddle.queue.Queue?, any
queue.select = native.select


local function deadline(function_name, timeout)
  if timeout == nil then return nil end
  if type(timeout) ~= "number" or timeout < 0 or timeout ~= timeout then
    misuse("bad-time", "%s: timeout: a number of seconds >= 0 expected, got %s", function_name,
      tostring(timeout))
  end
  return now() + timeout
end


local function left(limit)
  return limit and math.max(0, limit - now())
end


-- Puts the items of a list, in order; the time-out is for all of them.
function methods:put_many(list, timeout)
  native.check_items(self, list, "queue:put_many")
  local limit, n = deadline("queue:put_many", timeout), #list
  for i = 1, n do
    local ok, why = self:put(list[i], left(limit))
    if not ok then return i - 1, why end
  end
  return n
end


-- Waits for one item, then takes what there is.
function methods:get_many(max, timeout)
  native.check_items(self, NOTHING, "queue:get_many")
  max = whole("queue:get_many", "max", max, 1)
  deadline("queue:get_many", timeout)
  local first, why = self:get(timeout)
  if first == nil then return nil, why end
  local list = { first }
  while #list < max do
    local item = self:try_get()
    if item == nil then break end
    list[#list + 1] = item
  end
  return list
end


return queue
