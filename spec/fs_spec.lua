-- heddle.fs: files and folders in every model, failures, no task blocked by another's file.

local helper = require "spec.helper"
local heddle = require "heddle"
local fs = require "heddle.fs"
local task = require "heddle.task"
local thread = require "heddle.thread"

helper.case_limit = 20

local each = helper.each_model
local FOLDER = os.tmpname()
os.remove(FOLDER)

-- A path in the folder of these cases.
local function at(name) return FOLDER .. "/" .. name end

local function failed(wanted_message, wanted_code, got, message, code)
  assert.is_nil(got)
  assert.equal(wanted_message, message)
  assert.equal(wanted_code, code)
end

before_each(function() assert(fs.mkdir(FOLDER)) end)
after_each(function()
  for _, name in ipairs(assert(fs.list(FOLDER))) do assert(fs.remove(at(name))) end
  assert(fs.remove(FOLDER))
end)

describe("heddle.fs", function()
  each("writes, reads, lists and removes", function(M)
    local seen = M.start(function(path)
      assert(fs.write(path .. "/b", "one\0two"))
      assert(fs.append(path .. "/b", "\nthree"))
      assert(fs.append(path .. "/a", ""))
      assert(fs.mkdir(path .. "/c"))
      assert(fs.rename(path .. "/b", path .. "/d"))
      local content = assert(fs.read(path .. "/d"))
      local names = table.concat(assert(fs.list(path)), " ")
      local stat = assert(fs.stat(path .. "/d"))
      assert(fs.remove(path .. "/d"))
      assert(fs.remove(path .. "/c"))
      assert(fs.write(path .. "/a", "short"))
      return { content, names, stat.size, stat.type, fs.read(path .. "/a") }
    end, FOLDER):result()
    assert.same({ "one\0two\nthree", "a c d", 13, "file", "short" }, seen)
    assert.same({ "a" }, fs.list(FOLDER))
  end)

  it("makes true results, as io does", function()
    assert.is_true(fs.write(at "x", ""))
    assert.is_true(fs.append(at "x", ""))
    assert.is_true(fs.rename(at "x", at "y"))
    assert.equal("", fs.read(at "y"))
    assert.is_true(fs.remove(at "y"))
    assert.is_true(fs.mkdir(at "z"))
    assert.same({}, fs.list(at "z"))
  end)

  it("tells about files", function()
    fs.write(at "file", "12345")
    local before = os.time()
    local stat = fs.stat(at "file")
    assert.equal("file", stat.type)
    assert.equal(5, stat.size)
    assert.equal("integer", math.type(stat.mode))
    assert.is_true(math.abs(stat.mtime - before) < 60 * helper.slack)
    assert.equal("directory", fs.stat(FOLDER).type)
    assert.equal("character device", fs.stat("/dev/null").type)
  end)

  it("reads what has no size", function()
    assert.truthy(fs.read("/proc/self/status"):find "Name:")
    assert.equal("", fs.read "/dev/null")
  end)

  it("moves big files", function()
    local big = ("0123456789abcdef"):rep(500000)
    assert.is_true(fs.write(at "big", big))
    assert.equal(#big, fs.stat(at "big").size)
    assert.is_true(fs.read(at "big") == big)
  end)

  it("serves many tasks and threads at once", function()
    local handles = {}
    for i = 1, 40 do
      local M = i % 8 == 0 and thread or task
      handles[i] = M.start(function()
        assert(fs.write(at("f" .. i), tostring(i)))
        return assert(fs.read(at("f" .. i)))
      end)
    end
    for i, got in ipairs(task.gather(handles)) do assert.equal(tostring(i), got) end
    assert.equal(40, #fs.list(FOLDER))
  end)
end)

describe("failures", function()
  it("are nil, message, code", function()
    local none = at "none"
    local message = none .. ": No such file or directory"
    failed(message, "ENOENT", fs.read(none))
    failed(message, "ENOENT", fs.stat(none))
    failed(message, "ENOENT", fs.list(none))
    failed(message, "ENOENT", fs.remove(none))
    failed(message, "ENOENT", fs.rename(none, at "other"))
    failed(none .. "/x: No such file or directory", "ENOENT", fs.write(none .. "/x", "x"))
    failed(none .. "/x: No such file or directory", "ENOENT", fs.append(none .. "/x", "x"))
    failed(none .. "/x: No such file or directory", "ENOENT", fs.mkdir(none .. "/x"))
    failed(": No such file or directory", "ENOENT", fs.read "")
  end)

  it("of folders where files are meant, and the other way round", function()
    fs.write(at "file", "x")
    failed(FOLDER .. ": Is a directory", "EISDIR", fs.read(FOLDER))
    failed(FOLDER .. ": Is a directory", "EISDIR", fs.write(FOLDER, "x"))
    failed(at "file" .. ": Not a directory", "ENOTDIR", fs.list(at "file"))
    failed(FOLDER .. ": File exists", "EEXIST", fs.mkdir(FOLDER))
    failed(FOLDER .. ": Directory not empty", "ENOTEMPTY", fs.remove(FOLDER))
  end)

  it("of a full disk", function()
    failed("/dev/full: No space left on device", "ENOSPC", fs.write("/dev/full", "x"))
    failed("/dev/full: No space left on device", "ENOSPC", fs.append("/dev/full", ("x"):rep(1e6)))
  end)
end)

describe("a slow file", function()
  it("holds up its own task only", function()
    local fifo = at "fifo"
    assert(os.execute("mkfifo " .. fifo))
    local reader = task.start(fs.read, fifo)
    local ticks = 0
    for _ = 1, 5 do
      heddle.sleep(0.001)
      ticks = ticks + 1
    end
    assert.equal("fifo", fs.stat(fifo).type)
    assert.equal("blocked", reader:status())
    assert.is_true(fs.write(fifo, "through"))
    assert.equal("through", reader:result())
  end)

  it("is given up by a cancelled task, and ends by itself", function()
    local fifo = at "fifo"
    assert(os.execute("mkfifo " .. fifo))
    local got, why = task.timeout(0.01, fs.read, fifo)
    assert.is_nil(got)
    assert.equal("timeout", why)
    local writer = task.start(fs.write, fifo, "for nobody")
    assert.is_true(writer:result())
    local reader = task.start(fs.read, fifo)
    heddle.sleep(0.005)
    reader:cancel()
    reader:join()
    assert.equal("cancelled", reader:status())
    assert.is_true(fs.write(fifo, "for nobody"))
  end)

  it("is no deadlock", function()
    assert(os.execute("mkfifo " .. at "fifo"))
    local run = helper.script((([[
      local fs = require "heddle.fs"
      os.execute("sh -c '(sleep 0.2; echo x >FIFO) &'")
      io.write(fs.read("FIFO"))
    ]]):gsub("FIFO", at "fifo")))
    assert.equal("x\n", run.all)
    assert.equal(0, run.code)
  end)
end)

describe("bad input", function()
  local refused = helper.refused

  it("is refused by each function", function()
    for name, fn in pairs(fs) do
      refused("fs%." .. name .. ": path: a string expected, got nothing", fn)
      refused("fs%." .. name .. ": path: a string expected, got a number", fn, 5, "x")
      refused("fs%." .. name .. ": path: a string expected, got table", fn, {}, "x")
      refused("fs%." .. name .. ": path: a string without zero bytes expected", fn, "a\0b", "x")
    end
    refused("fs%.write: s: a string expected, got nothing", fs.write, at "x")
    refused("fs%.append: s: a string expected, got a number", fs.append, at "x", 5)
    refused("fs%.rename: to: a string expected, got nothing", fs.rename, at "x")
    refused("fs%.rename: to: a string without zero bytes", fs.rename, at "x", "\0")
    refused("fs%.read: can't block here", function()
      table.sort({ 1, 2 }, function() fs.read(at "x") end)
    end)
    assert.same({}, fs.list(FOLDER))
  end)
end)
