-- The pipe, in and across all models.

local helper = require "spec.helper"
local isolate = require "heddle.isolate"
local pipe = require "heddle.pipe"
local process = require "heddle.process"
local queue = require "heddle.queue"
local shared = require "heddle.shared"
local task = require "heddle.task"
local thread = require "heddle.thread"

helper.case_limit = 20

local each = helper.each_model
local apart = { "isolate", "process" }

local function outcome(...) return table.pack(...) end
local closed = { nil, "closed", n = 2 }
local timeout = { nil, "timeout", n = 2 }

local blocked = helper.blocked

local function echo(p)
  while true do
    local v = p:recv()
    if v == nil then return "end" end
    p:send(v)
  end
end

describe("two ends", function()
  it("talk both ways, each in order", function()
    local a, b = pipe.new()
    for i = 1, 100 do
      assert.is_true(a:send(i))
      assert.is_true(b:send(-i))
    end
    for i = 1, 100 do
      assert.equal(i, b:recv())
      assert.equal(-i, a:recv())
    end
    assert.same(timeout, outcome(a:recv(0)))
    assert.same(timeout, outcome(b:recv(0.01)))
  end)

  it("copy what they send", function()
    local a, b = pipe.new()
    local item = { 1, { 2 } }
    a:send(item)
    local copy = b:recv()
    assert.same(item, copy)
    assert.not_equal(item, copy)
    a:send(false)
    assert.is_false(b:recv())
    local big = ("0123456789abcdef"):rep(20000)
    a:send(big)
    a:send { big, big }
    assert.equal(big, b:recv())
    assert.equal(big, b:recv()[2])
    helper.raises("can't copy item: thread", a.send, a, coroutine.create(print))
    assert.is_false(b:poll())
  end)

  it("carry locks and queues as themselves", function()
    local a, b = pipe.new()
    local q = queue.new()
    a:send { q, q }
    assert.equal(q, b:recv()[2])
  end)

  each("serve a worker", function(model)
    local a, b = pipe.new()
    local h = model.start(echo, b)
    for i = 1, 20 do
      a:send { i, tostring(i) }
      assert.same({ i, tostring(i) }, a:recv(5 * helper.slack))
    end
    a:close()
    assert.equal("end", h:result(5 * helper.slack))
  end)

  each("serve a worker that captures its end", function(model)
    local a, b = pipe.new()
    local h = model.start(function() b:send(b:recv() + 1) end)
    a:send(41)
    assert.equal(42, a:recv(5 * helper.slack))
    h:join()
  end)

  it("join two workers of any two models", function()
    for _, x in ipairs(helper.models) do
      for _, y in ipairs(helper.models) do
        local a, b = pipe.new()
        local left = require("heddle." .. x).start(function(p)
          p:send "Hello"
          return p:recv()
        end, a)
        local right = require("heddle." .. y).start(function(p)
          local got = p:recv()
          p:send "Hi"
          return got
        end, b)
        assert.same({ "Hi", "Hello" },
          { left:result(10 * helper.slack), right:result(10 * helper.slack) })
      end
    end
  end)
end)

describe("poll", function()
  it("tells whether recv would wait", function()
    local a, b = pipe.new()
    assert.is_false(a:poll())
    assert.is_false(a:poll(0))
    assert.is_false(a:poll(0.01))
    b:send(1)
    assert.is_true(a:poll())
    assert.is_true(a:poll(1))
    assert.equal(1, a:recv(0))
    assert.is_false(a:poll())
    b:send(2)
    b:close()
    assert.is_true(a:poll())
    assert.equal(2, a:recv())
    assert.is_true(a:poll())
    assert.same(closed, outcome(a:recv()))
  end)

  each("waits for a message", function(model)
    local a, b = pipe.new()
    local h = model.start(function(p)
      p:recv()
      p:send "now"
    end, b)
    local poller = blocked(task.start(function() return a:poll(10) end))
    a:send "go"
    assert.is_true(poller:result(10 * helper.slack))
    assert.equal("now", a:recv(0))
    h:join()
  end)

  it("does not take part in the line of those who receive", function()
    local a, b = pipe.new()
    local poller = blocked(task.start(function() return a:poll(5) end))
    local getter = blocked(task.start(function() return a:recv(5) end))
    b:send "x"
    assert.equal("x", getter:result(5))
    assert.is_true(poller:result(5))
  end)
end)

describe("closing", function()
  it("lets the other end drain what was sent", function()
    local a, b = pipe.new()
    a:send(1)
    a:send(2)
    a:close()
    assert.same(closed, outcome(b:send(3)))
    assert.equal(1, b:recv())
    assert.equal(2, b:recv(20))
    assert.same(closed, outcome(b:recv()))
    assert.same(closed, outcome(b:recv(0)))
  end)

  it("ends this end at once, and may be done again", function()
    local a, b = pipe.new()
    b:send(1)
    a:close()
    a:close()
    assert.same(closed, outcome(a:recv()))
    assert.same(closed, outcome(a:send(1)))
    assert.is_true(a:poll())
    b:close()
  end)

  it("wakes who waits at either end", function()
    for _, which in ipairs { 1, 2 } do
      local ends = { pipe.new() }
      local all = {}
      for i = 1, 3 do
        all[i] = blocked(task.start(function() return outcome(ends[1]:recv()) end))
      end
      ends[which]:close()
      for i = 1, 3 do assert.same(closed, all[i]:result(5)) end
    end
  end)

  it("<close> closes", function()
    local a, b = pipe.new()
    do
      local own <close> = a
      own:send "last"
    end
    assert.equal("last", b:recv())
    assert.same(closed, outcome(b:recv()))
  end)

  it("an end that is collected is closed", function()
    local a, b = pipe.new()
    b:send "last"
    b = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    assert.equal("last", a:recv(20))
    assert.same(closed, outcome(a:recv(1)))
    assert.same(closed, outcome(a:send(1)))
  end)

  each("a worker that ends closes its end", function(model)
    local a, b = pipe.new()
    local h = model.start(function(p) p:send "bye" end, b)
    assert.equal("bye", a:recv(10 * helper.slack))
    assert.same(closed, outcome(a:recv(10 * helper.slack)))
    assert.is_true(h:join(10))
  end, apart)

  it("the end of a process that is killed is closed", function()
    for _, method in ipairs { "fork", "forkserver", "spawn" } do
      local a, b = pipe.new()
      local h = process.start({ method = method }, function(p)
        p:send "here"
        p:recv()
      end, b)
      assert.equal("here", a:recv(10 * helper.slack))
      h:kill()
      assert.same(closed, outcome(a:recv(10 * helper.slack)))
      assert.same(closed, outcome(a:send(1)))
      h:join()
    end
  end)

  it("so is that of one killed before it began", function()
    -- in a program of its own: what is in the hand of one killed then stays in the arena
    local result = helper.script [[
      local pipe, process = require "heddle.pipe", require "heddle.process"
      for i = 0, 20 do
        local a, b = pipe.new()
        local h = process.start({ method = "forkserver" }, function(p) p:recv() end, b)
        if i > 0 then require "heddle".sleep(0.0002 * i) end
        h:kill()
        print(a:recv(20))
        pcall(h.result, h)
      end
    ]]
    assert.equal(("nil\tclosed\n"):rep(21), result.all)
  end)

  it("an end in a message that nobody reads is closed with the queue", function()
    local a, b = pipe.new()
    local q = queue.new(0, { shared = true })
    q:put { b }
    q = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    assert.same(closed, outcome(a:recv(1)))
  end)
end)

describe("handing an end over", function()
  local function raises_moved(name, ...)
    helper.raises(name .. ".*handed to another interpreter.*%[pipe%-moved%]$", ...)
  end

  each("moves it there", function(model)
    local a, b = pipe.new()
    local h = model.start(function(p) return p:recv() end, b)
    raises_moved("pipe:send", b.send, b, 1)
    raises_moved("pipe:recv", b.recv, b)
    raises_moved("pipe:recv", b.recv, b, 0)
    raises_moved("pipe:poll", b.poll, b)
    b:close() -- as a parent does with what its child has now: the end there stays open
    raises_moved("pipe:send", b.send, b, 1)
    raises_moved("pipe", model.start, function() end, b)
    b = nil -- luacheck: ignore 311
    collectgarbage()
    a:send "still there"
    assert.equal("still there", h:result(10 * helper.slack))
  end, apart)

  it("a task or thread shares it", function()
    local a, b = pipe.new()
    thread.start(function() b:send(1) end):join()
    b:send(2)
    assert.same({ 1, 2 }, { a:recv(), a:recv() })
  end)

  each("and back", function(model)
    local a, b = pipe.new()
    local h = model.start(function(p)
      p:send(1)
      return p
    end, b)
    local back = h:result(10 * helper.slack)
    assert.equal(b, back)
    back:send(2)
    assert.same({ 1, 2 }, { a:recv(), a:recv() })
    b:close()
  end, apart)

  it("through a queue, an isolate and a process", function()
    local a, b = pipe.new()
    local q = queue.new(0, { shared = true })
    local h = isolate.start(function(from)
      local p = from:get()
      local ok, why = pcall(function()
        local inner = require("heddle.process").start(function(own) return own:recv() end, p)
        return inner:result(10)
      end)
      return ok, why
    end, q)
    q:put(b)
    a:send "far"
    local ok, got = h:result(10 * helper.slack)
    assert.same({ true, "far" }, { ok, got })
  end)

  it("what was sent before goes along", function()
    local a, b = pipe.new()
    a:send(1)
    a:send(2)
    local h = process.start(function(p) return p:recv(), p:recv() end, b)
    assert.same({ 1, 2 }, { h:result(10 * helper.slack) })
  end)

  it("twice in one message is once", function()
    local a, b = pipe.new()
    local h = process.start(function(list)
      list[1]:send(list[1] == list.again)
    end, { b, again = b })
    assert.is_true(a:recv(10 * helper.slack))
    h:join()
  end)

  it("a message that could not be sent leaves it here", function()
    local a, b = pipe.new()
    helper.raises("can't copy", process.start, function() end, b, io.stdout)
    b:send(1)
    local q = queue.new(1, { shared = true })
    q:put(1)
    assert.same(timeout, outcome(q:put(b, 0)))
    b:send(2)
    assert.same(timeout, outcome(q:put({ b }, 0.01)))
    helper.wait_for(function() -- the message is collected
      collectgarbage()
      return (pcall(b.send, b, 3))
    end)
    q:close()
    assert.same(closed, outcome(q:put(b)))
    b:send(4)
    assert.same({ 1, 2, 3, 4 }, { a:recv(), a:recv(), a:recv(), a:recv() })
  end)

  it("an end in a put that waited in vain is here again at once", function()
    local a, b = pipe.new()
    local q = queue.new(1, { shared = true })
    q:put("full")
    local function is_here()
      b:send(1)
      assert.equal(1, a:recv(0))
    end
    for _, item in ipairs { b, { b, ("x"):rep(10000) } } do
      assert.same(timeout, outcome(q:put(item, 0.001)))
      is_here()
      assert.same({ nil, "full", n = 2 }, outcome(q:try_put(item)))
      is_here()
      local h = blocked(task.start(function() q:put(item) end))
      h:cancel()
      h:join()
      is_here()
    end
    local h = blocked(task.start(function() return q:put { b } end))
    q:close()
    assert.same(closed, outcome(h:result(5)))
    is_here()
    local c, d = pipe.new()
    d:close()
    assert.same(closed, outcome(c:send { b, ("x"):rep(10000) }))
    is_here()
  end)

  it("an end at which a task waits stays", function()
    local a, b = pipe.new()
    local h = blocked(task.start(function() return b:recv() end))
    helper.raises("waits at.*%[pipe%-busy%]$", process.start, function() end, b)
    a:send(1)
    assert.equal(1, h:result(5))
  end)

  it("a closed one stays", function()
    local _, b = pipe.new()
    b:close()
    helper.raises("closed end.*%[pipe%-closed%]$", process.start, function() end, b)
  end)

  it("an end in a shared dict goes to who reads it", function()
    local a, b = pipe.new()
    local d = shared.dict()
    d.pipe = b
    raises_moved("pipe:send", b.send, b, 1)
    local h = process.start(function(own) own.pipe:send "from the dict" end, d)
    assert.equal("from the dict", a:recv(10 * helper.slack))
    h:join()
    d.pipe = nil
  end)

  it("a forked process may use what it inherited", function()
    local result = helper.script([[
      local process, pipe = require "heddle.process", require "heddle.pipe"
      inherited, kept = require "heddle.pipe".new()
      local h = process.start({ method = "fork" }, function()
        _G.kept:send "from the child"
        _G.kept:close()
        return pcall(_G.kept.send, _G.kept, 1)
      end)
      print(inherited:recv(5), h:result(5))
      kept:send "from the parent"
      print(inherited:recv(5))
    ]])
    assert.equal("from the child\ttrue\tnil\tclosed\nfrom the parent\n", result.all)
  end)
end)

describe("waiting at a pipe", function()
  it("can be cancelled and loses nothing", function()
    local a, b = pipe.new()
    local first = blocked(task.start(function() return a:recv() end))
    local second = blocked(task.start(function() return a:recv() end))
    first:cancel()
    b:send "x"
    assert.equal("x", second:result(5))
    first:join()
    assert.equal("cancelled", first:status())
  end)

  it("is seen by the deadlock check", function()
    local result = helper.script([[
      local a, b = require "heddle.pipe".new()
      a.name = "mine"
      print(a:recv(), b)
    ]])
    assert.equal(3, result.code)
    assert.matches("waits for mine at", result.err)
  end)
end)

describe("misuse", function()
  it("is named", function()
    local a, b = pipe.new()
    helper.raises("pipe:send: message: any value but nil .* nothing %[nil%-item%]$", a.send, a)
    helper.raises("got nil %[nil%-item%]$", a.send, a, nil)
    helper.raises("pipe:send: timeout: ", a.send, a, 1, -1)
    helper.raises("pipe:recv: timeout: ", a.recv, a, 0 / 0)
    helper.raises("pipe:poll: timeout: ", a.poll, a, "x")
    helper.raises("pipe:recv: self: a pipe expected, got table", a.recv, {})
    helper.raises("field 'other' can't be set", function() a.other = 1 end)
    assert.is_false(b:poll())
  end)

  it("a name and a text", function()
    local a, b = pipe.new()
    assert.matches("^Pipe%-%d+ %(pipe_spec.lua:%d+%)$", a.name)
    a.name = "left"
    b:send(1)
    assert.equal("pipe left (1 messages, 0 waiting)", tostring(a))
    b:close()
    assert.equal("pipe left (1 messages, closed, 0 waiting)", tostring(a))
  end)
end)
