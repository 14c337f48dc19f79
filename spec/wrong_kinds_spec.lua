-- Each public function of the models, locks, queues, shared data, pools and greenlets, as the
-- reference lists it, called with wrong things: in each place a value of each wrong kind, unknown
-- options, another self, nothing. Each call says which function and which argument, what was
-- expected, and a code, at the caller's line. What is new in the reference is in here by itself.

local helper = require "spec.helper"
local heddle = require "heddle"
local greenlet = require "heddle.greenlet"
local pipe = require "heddle.pipe"
local pool = require "heddle.pool"
local process = require "heddle.process"
local queue = require "heddle.queue"
local reference = require "heddle.reference"
local shared = require "heddle.shared"
local sync = require "heddle.sync"
local task = require "heddle.task"

helper.case_limit = 30

local function nothing() end
local nan, file, thread = 0 / 0, io.stdout, coroutine.create(nothing)

-- A value of each kind; `kinds` of a parameter says which of them are right.
local values = {
  { "string", "strange" }, { "boolean", true }, { "table", {} }, { "function", nothing },
  { "userdata", file }, { "thread", thread }, { "integer", 1 }, { "number", 1.5 },
  { "nan", nan }, { "negative", -1 },
}

-- What the methods are called on.
local scope
local objects = {
  ["handle"] = true, ["process handle"] = true,
  lock = sync.lock, rlock = sync.rlock, event = sync.event,
  semaphore = sync.semaphore, barrier = function() return sync.barrier(1) end,
  condition = function()
    local condition = sync.condition()
    condition:acquire()
    return condition
  end,
  rwlock = sync.rwlock, latch = function() return sync.latch(1) end,
  guard = function() return sync.lock():hold() end,
  queue = queue.new, pipe = pipe.new, value = function() return shared.value "int" end,
  scope = function() return scope end,
  array = function() return shared.array("int", 2) end,
  pool = function() return pool.new("coroutines", 1) end,
  future = function()
    local p <close> = pool.new("coroutines", 1)
    return p:submit(nothing)
  end,
  greenlet = function() return greenlet.new(nothing) end,
}
local modules = { heddle = heddle, greenlet = greenlet, pipe = pipe, pool = pool, queue = queue,
  shared = shared, sync = sync }
for _, model in ipairs(helper.models) do modules[model] = require("heddle." .. model) end

-- What goes by another's name in messages.
local SAYS = { ["heddle.spawn"] = "start" }

-- What the reference does not say of a place: that these kinds are right there, too.
local RIGHT = {
  ["heddle.rng seed"] = "negative", ["heddle.seed n"] = "negative", ["array:add d"] = "negative",
  ["value:add d"] = "negative", ["value:set v"] = "negative", ["pool.new workers"] = "table",
  ["shared.update k"] = "negative", ["shared.array init"] = "negative",
  ["shared.value init"] = "negative", ["scope:start options"] = "function",
  ["queue.new maxsize"] = "table", ["queue.lifo maxsize"] = "table",
  ["queue.priority maxsize"] = "table",
}

-- A right value for each parameter, for the calls in which another one is wrong.
local good = {
  fn = nothing, pred = nothing, name = "name", metatable = {}, argv = { "true" }, list = {},
  queues = {}, n = 1, parties = 1, max = 1, seed = 1, seconds = 0, kind = "int", i = 1, d = 1,
  k = "key", iterable = {}, model = "coroutines", workers = 1, message = 1, item = 1,
  s = 0, x = shared.value "int",
}
-- The same for one function only.
local GOOD = { ["shared.update d"] = shared.dict() }

-- The parameters of an entry: name, types, whether it may be left out.
local function parameters(text)
  local list = {}
  local block = text:match "\nParameters:\n(.-)\nReturns:" or text:match "\nParameters:\n(.*)" or ""
  for line in block:gmatch "[^\n]+" do
    local name, rest = line:match "^  ([%w_]+%??):? (.+)$"
    if name then
      list[#list + 1] = { name = name:gsub("%?$", ""), optional = name:find "%?$" ~= nil,
        types = rest:match "^(.-)  " or rest }
    end
  end
  return list
end

-- Which kinds of values are right for a parameter of these types; nil: all.
local function kinds(types)
  if types == "any" or types:find "%.%.%." then return nil end
  local right = {}
  local function may(...) for _, kind in ipairs { ... } do right[kind] = true end end
  if types:find "^fun%(" then may "function" end
  if types:find "^{" then may "table" end
  for word in types:gsub("^fun%(.*", ""):gsub("^{.*", ""):gmatch "[^|]+" do
    if word == "integer" or word == "number" then may("integer", word) end
    if word == "function" or word == "boolean" or word == "table" or word == "string" then
      may(word)
    end
    if word:find "%[%]$" or word:find "Options$" then may "table" end
  end
  return right
end

-- Which kinds of values are right in a place; nil: all. Where an argument may be left out that
-- others follow, the next one's are right, too.
local function right_in(list, place)
  local p, next_one = list[place], list[place + 1]
  local right = kinds(p.types)
  if right and p.optional and next_one and not next_one.optional and next_one.name ~= "..." then
    for kind in pairs(kinds(next_one.types) or {}) do right[kind] = true end
  end
  return right
end

-- The entries of what this file knows how to make.
local function entries()
  local list = {}
  for key, text in pairs(reference) do
    local owner, mark, name = key:match "^([%l ]+)([.:])([%l_]+)$"
    if owner and text:match "^[^\n]*%(" and (mark == "." and modules or objects)[owner] then
      list[#list + 1] = { key = key, owner = owner, name = name, method = mark == ":",
        parameters = parameters(text) }
    end
  end
  table.sort(list, function(a, b) return a.key < b.key end)
  return list
end

-- What is wrong with an error; nil: nothing.
local function unclear(entry, argument, ok, err)
  if ok then return "no error was raised" end
  if type(err) ~= "string" then return "the error is no string: " .. tostring(err) end
  local call = err:match "^spec/wrong_kinds_spec%.lua:%d+: ([%w_.:]+): "
  if not call then return "begins otherwise: " .. err end
  if not call:find((SAYS[entry.key] or entry.name) .. "$") then return "another call: " .. err end
  local named = err:find(": " .. argument .. ": ", 1, true)
    or argument == "self" and err:find "expected as self"
    or argument == "options" and err:find(": fn: ", 1, true)
  if not named then
    return "names no " .. argument .. ": " .. err
  end
  if not err:find "expected" and not err:find "unknown option" then
    return "does not say what is right: " .. err
  end
  if not err:find " %[[%l-]+%]$" then return "no code: " .. err end
end

local wrong = {}

-- Calls and looks at the error: the function, the argument, a code, the place in this file.
local function refused(entry, what, argument, fn, ...)
  local arguments = table.pack(...)
  local why = unclear(entry, argument, pcall(function()
    fn(table.unpack(arguments, 1, arguments.n))
    return nil
  end))
  local where = entry.key .. ", " .. what:match "^%S+"
  if why and not wrong[where] then -- one of each place will do
    wrong[where] = true
    wrong[#wrong + 1] = ("%s, %s: %s"):format(entry.key, what, why)
  end
end

-- The arguments of a call in which all are right but the one at `place`.
local function with(entry, object, place, value)
  local list = { n = 0 }
  local function add(v) list.n = list.n + 1; list[list.n] = v end
  if entry.method then add(object) end
  for i, p in ipairs(entry.parameters) do
    if i < place and p.name ~= "..." then
      local right = GOOD[entry.key .. " " .. p.name]
      add(right == nil and good[p.name] or right)
    elseif i == place then
      add(value)
    end
  end
  return table.unpack(list, 1, list.n)
end

local found = entries()

describe("the reference", function()
  it("has the functions of which these cases are", function()
    assert.is_true(#found > 150, #found)
    local owners = {}
    for _, entry in ipairs(found) do owners[entry.owner] = true end
    for owner in pairs(objects) do assert(owners[owner], owner) end
    for owner in pairs(modules) do assert(owners[owner], owner) end
  end)
end)

-- The objects whose methods an entry means: one, of handles one of each model.
local function subjects(entry, ended)
  if not entry.method then return { false } end
  if entry.owner == "handle" then return ended end
  if entry.owner == "process handle" then return { ended[4] } end
  return { objects[entry.owner]() }
end

-- Calls `fn(entry, call, object)` for each entry and object.
local function each_entry(fn)
  local ended = {}
  for i, model in ipairs(helper.models) do
    ended[i] = helper.start(model, nothing)
    ended[i]:join()
  end
  wrong = {}
  task.scope(function(s)
    scope = s
    for _, entry in ipairs(found) do
      for _, object in ipairs(subjects(entry, ended)) do
        local call = (object or modules[entry.owner])[entry.name]
        fn(entry, assert(call, entry.key), object or nil)
        if entry.owner == "guard" then object:release() end
        if entry.owner == "pool" and object then
          object:terminate()
          object:join()
        end
      end
    end
  end)
  scope = nil
  assert.equal("", table.concat(wrong, "\n"))
end

describe("wrong things", function()
  it("of each kind in each place are refused", function()
    each_entry(function(entry, call, object)
      for place, p in ipairs(entry.parameters) do
        local right = right_in(entry.parameters, place)
        for _, pair in ipairs(right and values or {}) do
          local kind, value = table.unpack(pair)
          if not right[kind] and kind ~= RIGHT[entry.key .. " " .. p.name] then
            refused(entry, p.name .. " a " .. kind, p.name, call,
              with(entry, object, place, value))
          end
        end
      end
    end)
  end)

  it("that must be given are missed", function()
    each_entry(function(entry, call, object)
      for place, p in ipairs(entry.parameters) do
        if kinds(p.types) and not p.optional then
          refused(entry, p.name .. " nil", p.name, call, with(entry, object, place, nil))
        end
      end
    end)
  end)

  it("among the options are named", function()
    each_entry(function(entry, call, object)
      for place, p in ipairs(entry.parameters) do
        if p.name == "options" then
          local more = entry.owner == "scope" or not entry.method and
            (p.types:find "start%.Options" and true)
          local arguments = table.pack(with(entry, object, place, { strange = 1 }))
          if more then
            arguments.n = arguments.n + 1
            arguments[arguments.n] = nothing
          end
          refused(entry, "an unknown option", "options", call,
            table.unpack(arguments, 1, arguments.n))
        end
      end
    end)
  end)

  it("for a self are refused", function()
    each_entry(function(entry, call)
      if not entry.method then return end
      refused(entry, "no self", "self", call)
      for _, pair in ipairs(values) do
        refused(entry, "a " .. pair[1] .. " for self", "self", call, pair[2])
      end
      local other = entry.owner == "event" and sync.lock() or sync.event()
      refused(entry, "another object for self", "self", call, other)
    end)
  end)

  it("for a metamethod that is called by hand do no harm", function()
    local started = task.start(nothing)
    for _, object in ipairs { sync.lock(), queue.new(), started, helper.start("thread", nothing),
      helper.start("process", nothing), shared.dict(), shared.array("int", 1) } do
      for _, metamethod in pairs(getmetatable(object)) do
        for _, pair in ipairs(values) do
          if type(metamethod) == "function" then pcall(metamethod, pair[2], "name", pair[2]) end
        end
      end
      assert.is_string(tostring(object))
      if object.join then object:join() end
    end
  end)

  it("are no reason to end: afterwards all goes on", function()
    local q = queue.new()
    local h = process.start(function() q:put(1) end)
    assert.equal(1, q:get(10 * helper.slack))
    h:join()
  end)
end)
