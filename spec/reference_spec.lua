-- help(x), and the pages and texts made from the doc comments.
local helper = require "spec.helper"
local help = require "heddle.help"

-- What a loop makes once and keeps, for waiting on descriptors.
require("heddle.http").get "http://127.0.0.1:1/"

describe("the reference", function()
  it("is what the doc comments say", function()
    local r = helper.heddle { "tools/reference.lua", "--check" }
    assert.equal("", r.err)
    assert.equal(0, r.code)
  end)

  it("says something of each", function()
    local bare = {}
    for name, text in pairs(require "heddle.reference") do
      local second = text:match "^[^\n]*\n([^\n]*)"
      if name:find "^@" then second = text end -- a module's head has no signature
      if not second or second == "" or second == "Parameters:" or second == "Returns:" then
        bare[#bare + 1] = name
      end
    end
    table.sort(bare)
    assert.equal("", table.concat(bare, " "))
  end)

  -- Every function that a module shows must be in it.
  it("has every public function", function()
    local reference, missing = require "heddle.reference", {}
    local own = { ["mix.is"] = true, ["pool.finish"] = true, ["pool.stop"] = true }
    for _, name in ipairs { "task", "thread", "isolate", "process", "sync", "queue", "pipe",
      "shared", "pool", "greenlet", "loop", "net", "fs", "http", "monkey", "mix", "service",
      "report", "trace", "work" } do
      for key, value in next, (require("heddle." .. name)) do
        local entry = name .. "." .. tostring(key)
        if type(value) == "function" and not entry:find "%._" and not reference[entry]
          and not own[entry] then
          missing[#missing + 1] = entry
        end
      end
    end
    table.sort(missing)
    assert.equal("", table.concat(missing, " "))
  end)
end)

-- The definitions (LuaCATS) that editors read are the library's own doc comments; the reference
-- holds what they define. The functions in C that they tell of are those that C registers.

-- Tables of functions in C, by file and name, and what users find them under.
local PUBLIC = {
  ["io/fs_lua.c functions"] = "fs.",
  ["io/http_server_lua.c methods"] = "server:",
  ["io/net_lua.c listener_methods"] = "listener:",
  ["io/stream_lua.c methods"] = "connection:",
  ["loop/call_lua.c functions"] = "loop.",
  ["loop/greenlet_lua.c functions"] = "greenlet.",
  ["loop/greenlet_lua.c methods"] = "greenlet:",
  ["loop/task_lua.c functions"] = "task.",
  ["loop/task_lua.c methods"] = "handle:",
  ["sync/array_lua.c functions"] = "shared.",
  ["sync/array_lua.c methods"] = "array:",
  ["sync/barrier_lua.c functions"] = "sync.",
  ["sync/barrier_lua.c methods"] = "barrier:",
  ["sync/condition_lua.c functions"] = "sync.",
  ["sync/condition_lua.c methods"] = "condition:",
  ["sync/dict_lua.c functions"] = "shared.",
  ["sync/dict_lua.c methods"] = "dict:",
  ["sync/event_lua.c functions"] = "sync.",
  ["sync/event_lua.c methods"] = "event:",
  ["sync/guard_lua.c methods"] = "guard:",
  ["sync/latch_lua.c functions"] = "sync.",
  ["sync/latch_lua.c methods"] = "latch:",
  ["sync/pipe_lua.c functions"] = "pipe.",
  ["sync/pipe_lua.c methods"] = "pipe:",
  ["sync/queue_lua.c functions"] = "queue.",
  ["sync/queue_lua.c methods"] = "queue:",
  ["sync/rlock_lua.c functions"] = "sync.",
  ["sync/rlock_lua.c methods"] = "rlock:",
  ["sync/rwlock_lua.c functions"] = "sync.",
  ["sync/rwlock_lua.c methods"] = "rwlock:",
  ["sync/semaphore_lua.c functions"] = "sync.",
  ["sync/semaphore_lua.c methods"] = "semaphore:",
  ["sync/shared_lua.c functions"] = "shared.",
  ["sync/shared_lua.c methods"] = "value:",
  ["sync/sync_lua.c functions"] = "sync.",
  ["sync/sync_lua.c lock_methods"] = "lock:",
  ["worker/work_lua.c functions"] = "work.",
  ["worker/handles_lua.c methods"] = "handle:",
  ["worker/worker_lua.c per_model"] = "thread.",
}

-- Those that only the library itself calls.
local INTERNAL = {
  ["host/host_lua.c functions"] = true, ["host/keys_lua.c functions"] = true,
  ["host/modules.c natives"] = true, ["host/repl_lua.c functions"] = true,
  ["io/command_lua.c functions"] = true, ["io/command_lua.c methods"] = true,
  ["io/http_client_lua.c functions"] = true, ["io/http_server_lua.c functions"] = true,
  ["io/input_lua.c functions"] = true, ["io/net_lua.c functions"] = true,
  ["loop/call_lua.c meta"] = true, ["loop/deadline_lua.c deadline_methods"] = true,
  ["loop/deadline_lua.c functions"] = true, ["loop/deadline_lua.c shield_methods"] = true,
  ["loop/greenlet_lua.c meta"] = true, ["loop/trace_lua.c functions"] = true,
  ["sync/jobs_lua.c functions"] = true, ["sync/jobs_lua.c taker_methods"] = true,
  ["value/value_lua.c functions"] = true, ["worker/peer_lua.c methods"] = true,
  ["worker/rng_lua.c metamethods"] = true, ["worker/watch_lua.c functions"] = true,
  ["worker/worker_lua.c functions"] = true,
  -- Lua's and luv's own names
  ["loop/coroutine_lua.c coroutine_functions"] = true,
  ["loop/coroutine_lua.c debug_functions"] = true,
  ["loop/uv_lua.c ours"] = true,
}

-- Whether users see a function of such a table: what its module does not show is the library's
-- own.
local function is_shown(prefix, name)
  local module = prefix:match "^(%l+)%.$"
  return not module or require("heddle." .. module)[name] ~= nil
end

-- The tables of functions in a C source: name, list of function names.
local function registered(text)
  local tables = {}
  for name, body in text:gmatch "luaL_Reg%s+([%w_]+)%[%]%s*=%s*(%b{})" do
    local names = {}
    for key in body:gmatch '{%s*"([^"]+)"' do names[#names + 1] = key end
    tables[#tables + 1] = { name = name, names = names }
  end
  return tables
end

local function each_table(fn)
  local lfs = require "lfs"
  for room in lfs.dir "src" do
    for file in lfs.dir("src/" .. room) do
      if file:find "%.c$" then
        for _, found in ipairs(registered(helper.slurp("src/" .. room .. "/" .. file))) do
          fn(("%s/%s %s"):format(room, file, found.name), found.names)
        end
      end
    end
  end
end

-- The names of a table that no definition tells of. Handles of processes have more methods.
local function undefined(prefix, names, definitions)
  local missing = {}
  for _, name in ipairs(names) do
    local entry = prefix .. name
    local known = definitions[entry]
      or prefix == "handle:" and definitions["process handle:" .. name]
    if not known and not name:find "^__" and is_shown(prefix, name) then
      missing[#missing + 1] = entry
    end
  end
  return missing
end

-- An object for each prefix with ":", made by `fn` from the modules.
local function with_objects(fn)
  local sync, task, net = require "heddle.sync", require "heddle.task", require "heddle.net"
  local shared = require "heddle.shared"
  local listener <close> = assert(net.listen "127.0.0.1:0")
  local connection <close> = assert(net.connect("127.0.0.1:" .. listener.port))
  local timer <close> = require("heddle.loop").after(1000, print, { daemon = true })
  local server <close> = assert(require("heddle.http").serve("127.0.0.1:0", print))
  local guard <close> = sync.lock():hold()
  local pool <close> = require("heddle.pool").new("threads", 1)
  local future = pool:submit(print)
  local process = require("heddle.process").start(function() end)
  local mix = require("heddle.mix").reference(1)
  local service = require("heddle.service").new { model = "task", jobs = 0 }
  local pipe = require("heddle.pipe").new()
  local objects = {
    lock = sync.lock(), rlock = sync.rlock(), condition = sync.condition(), event = sync.event(),
    semaphore = sync.semaphore(), barrier = sync.barrier(1), rwlock = sync.rwlock(),
    latch = sync.latch(1), guard = guard, queue = require("heddle.queue").new(), pipe = pipe,
    value = shared.value "int", array = shared.array("int", 1), dict = shared.dict(),
    handle = task.current(), ["process handle"] = process, future = future, pool = pool,
    greenlet = require("heddle.greenlet").current(), timer = timer, listener = listener,
    connection = connection, server = server, mix = mix, service = service,
    report = require("heddle.report").new {},
  }
  task.scope(function(scope)
    objects.scope = scope
    fn(objects)
  end)
  process:join()
end

-- The definitions that name something which is not there.
local function unfounded(definitions, objects)
  local wrong = {}
  for entry in pairs(definitions) do
    local owner, mark, key = entry:match "^([%l ]+)([.:])([%w_]+)$"
    local there = true
    if mark == ":" then
      there = objects[owner] and type(objects[owner][key]) == "function"
    elseif mark and key:find "^%l" then
      local module = require(owner == "heddle" and owner or "heddle." .. owner)
      there = type(module[key]) == "function"
    end
    if not there then wrong[#wrong + 1] = entry end
  end
  table.sort(wrong)
  return wrong
end

describe("the definitions", function()
  it("tell of every function and method that C registers", function()
    local missing, strange, seen = {}, {}, {}
    each_table(function(where, names)
      seen[where] = true
      if PUBLIC[where] then
        local list = undefined(PUBLIC[where], names, require "heddle.reference")
        table.move(list, 1, #list, #missing + 1, missing)
      elseif not INTERNAL[where] then
        strange[#strange + 1] = where
      end
    end)
    assert.equal("", table.concat(missing, " "))
    assert.equal("", table.concat(strange, ", "), "public or internal?")
    for where in pairs(PUBLIC) do assert(seen[where], where .. ": a table that is no more") end
  end)

  it("name nothing that is not there", function()
    with_objects(function(objects)
      assert.equal("", table.concat(unfounded(require "heddle.reference", objects), " "))
    end)
  end)

  it("would be found out: a new function in C, one that is gone", function()
    local source = 'static const luaL_Reg methods[] = {\n    {"acquire", m_acquire},'
      .. ' {"steal", m_steal},\n    {"__gc", m_gc}, {NULL, NULL}};\n'
    local found = registered(source)
    assert.same({ "acquire", "steal", "__gc" }, found[1].names)
    local definitions = { ["lock:acquire"] = "x", ["lock:borrow"] = "x", ["sync.spinlock"] = "x" }
    assert.same({ "lock:steal" }, undefined("lock:", found[1].names, definitions))
    assert.same({ "sync.event" }, undefined("sync.", { "event", "not_shown" }, definitions))
    assert.same({ "lock:borrow", "sync.spinlock" },
      unfounded(definitions, { lock = require("heddle.sync").lock() }))
  end)
end)

describe("help", function()
  it("finds by name, function, module and object", function()
    assert.truthy(help.text("lock:acquire"):find "^lock:acquire%(")
    assert.truthy(help.text("heddle.task.sleep"):find "^task%.sleep%(")
    assert.truthy(help.text(require("heddle.task").sleep):find "%.sleep%(seconds%)")
    assert.truthy(help.text(require "heddle.queue"):find("queue.new", 1, true))
    assert.truthy(help.text(require("heddle.sync").lock()):find("lock:release", 1, true))
  end)

  it("suggests what may have been meant", function()
    assert.truthy(help.text("lock:aquire"):find("did you mean 'lock:acquire'?", 1, true))
  end)

  it("says of a stranger what it is", function()
    assert.truthy(help.text(function() end):find "spec/reference_spec.lua:%d+")
    assert.truthy(help.text(print):find "^print is Lua's own")
    assert.truthy(help.text(true):find "boolean")
    assert.truthy(help.text():find("queue", 1, true))
  end)
end)
