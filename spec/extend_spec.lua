-- M.extend: classes of workers, under all models.

local helper = require "spec.helper"
local heddle = require "heddle"

helper.case_limit = 15

local each = helper.each_model

local function pack_results(h) return table.pack(h:result()) end

describe("extend", function()
  each("makes a class with run", function(M)
    local Worker = M.extend "Worker"
    function Worker:init(a, b) self.a, self.b = a, b end
    function Worker:run() return self.a + self.b, "done" end
    local w = Worker(2, 3)
    assert.equal("pending", w:status())
    assert.is_false(w:alive())
    assert.equal(w, w:start { name = "adder" })
    assert.is_true(w:join())
    assert.same({ 5, "done", n = 2 }, pack_results(w))
    assert.equal("done", w:status())
  end)

  each("run can be called here", function(M)
    local Worker = M.extend "Worker"
    function Worker.run() return "here" end
    assert.equal("here", Worker():run())
  end)

  each("what run writes to self stays there in another interpreter", function(M, model)
    local Worker = M.extend "Worker"
    function Worker:run()
      self.x = 1
      return self.x
    end
    local w = Worker()
    w:start()
    assert.equal(1, w:result())
    assert.equal((model == "task" or model == "thread") and 1 or nil, w.x)
  end)

  each("a method that calls another travels", function(M)
    local Worker = M.extend "Worker"
    function Worker.help() return "helped" end
    function Worker:run() return self:help() end
    assert.equal("helped", Worker():start():result())
  end)

  each("an error in run is raised by result", function(M)
    local Worker = M.extend "Worker"
    function Worker.run() error "in run" end
    local w = Worker():start()
    helper.raises("in run", w.result, w)
    assert.equal("failed", w:status())
    assert.matches("started at", w:traceback())
  end)

  each("starting twice, or joining before the start, is misuse", function(M)
    local Worker = M.extend "Worker"
    function Worker.run() end
    local w = Worker()
    helper.raises("%[not%-started%]$", w.join, w)
    w:start()
    helper.raises("%[started%-twice%]$", w.start, w)
    assert.is_true(w:join())
  end)

  each("a field named like a handle's method is misuse", function(M)
    local Worker = M.extend "Worker"
    function Worker.run() end
    helper.raises("return it from run, or use another name", function()
      Worker.result = function() end
      Worker():start()
    end)
    local Other = M.extend "Other"
    function Other:init() self.status = "busy" end
    function Other.run() end
    helper.raises("'status'.*%[reserved%-name%]$", function() Other():start() end)
  end)

  each("one without run says so", function(M)
    local Worker = M.extend "Worker"
    helper.raises("^spec/extend_spec.lua:%d+: Worker:start: the class has no method run.*"
      .. "%[no%-run%]$", function() Worker():start() end)
  end)

  each("a method named like a handle's is refused where it is defined", function(M)
    local Worker = M.extend "Worker"
    for _, name in ipairs { "join", "cancel", "on_done", "kill", "exitcode" } do
      helper.raises("^spec/extend_spec.lua:%d+: Worker: '" .. name .. "' is the name of a handle's "
        .. "method; return it from run, or use another name %[reserved%-name%]$",
        function() Worker[name] = print end)
    end
  end)

  each("an object has the name and the id of its worker, and prints them", function(M)
    local Worker = M.extend "Worker"
    function Worker.run() end
    local w = Worker()
    assert.is_nil(w.name)
    assert.equal("Worker (pending)", tostring(w))
    w:start { name = "able" }
    assert.equal("able", w.name)
    assert.is_truthy(w.id)
    w:join()
    assert.equal("Worker able (done)", tostring(w))
    local Named = M.extend "Named"
    function Named:init() self.name = "own" end
    function Named:run() return self.name end
    assert.equal("own", Named():start():result())
  end)

  each("objects are waited for like handles", function(M)
    local Worker = M.extend "Worker"
    function Worker:init(n) self.n = n end
    function Worker:run() return self.n end
    local list = { Worker(1):start(), Worker(2):start() }
    local task = require "heddle.task"
    assert.same({ 1, 2 }, { task.gather(table.unpack(list)) })
    assert.same(list, (task.wait(list)))
  end)

  it("the same class body runs under all four models", function()
    local seen = {}
    for _, model in ipairs(helper.models) do
      local Counter = require("heddle." .. model).extend "Counter"
      function Counter:init(n) self.n, self.sum = n, 0 end
      function Counter:add(i) self.sum = self.sum + i end
      function Counter:run()
        for i = 1, self.n do self:add(i) end
        return self.sum
      end
      seen[model] = Counter(10):start():result()
    end
    assert.same({ task = 55, thread = 55, isolate = 55, process = 55 }, seen)
  end)

  each("on_done can be called before the start", function(M)
    local Worker = M.extend "Worker"
    function Worker.run() end
    local w, seen = Worker(), {}
    for i = 1, 2 do w:on_done(function(object) seen[i] = object:status() end) end
    w:start()
    helper.wait_for(function() return #seen == 2 end)
    assert.same({ "done", "done" }, seen)
  end)

  each("one that is cancelled before its start never runs", function(M)
    local Worker = M.extend "Worker"
    function Worker.run() return "ran" end
    local w, seen = Worker(), nil
    w:on_done(function(object) seen = object:status() end)
    assert.is_true(w:cancel())
    assert.equal("cancelled", w:status())
    assert.is_true(w:join())
    assert.is_true(select(2, pcall(w.result, w)) == heddle.CANCELLED)
    helper.raises("%[started%-twice%]$", w.start, w)
    helper.wait_for(function() return seen end)
    assert.equal("cancelled", seen)
  end)

  each("wrong use says what is right", function(M, model)
    local Worker = M.extend "Worker"
    function Worker.run() end
    local w = Worker()
    helper.raises("start: self: an object of a class.*got nil.*%[bad%-self%]$", w.start)
    helper.raises("join: self: an object of a class.*got table.*%[bad%-self%]$", w.join, {})
    helper.raises("Worker:start: options: a table expected, got number %[bad%-argument%]$", w.start,
      w, 5)
    helper.raises(model .. ".start: options: unknown option 'nmae'", w.start, w, { nmae = 1 })
    helper.raises("on_done: fn: a function expected, got nil %[bad%-argument%]$", w.on_done, w)
    helper.raises("cancel: options: unknown option 'hrad'", w.cancel, w, { hrad = true })
    w:start()
    helper.raises("on_done: fn: a function expected, got nil %[bad%-argument%]$", w.on_done, w)
    w:join()
  end)
end)
