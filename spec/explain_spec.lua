-- heddle explain: every code that an error message can end with is explained, and its examples are
-- true.

local helper = require "spec.helper"
local lfs = require "lfs"
local task = require "heddle.task"
local explain = require "heddle.explain"
local codes = require "heddle.explain_codes"

-- What a loop makes once and keeps, for waiting on descriptors.
require("heddle.http").get "http://127.0.0.1:1/"

-- Codes without an example that raises them, and why.
local not_raised = {
  ["greenlet-exit"] = "it ends as a value",
  ["no-crypto"] = "libcrypto is here",
  ["no-curl"] = "libcurl is here",
  ["no-loop"] = "every thread here is heddle's",
  ["not-installed"] = "LuaSocket may be here",
  ["no-microhttpd"] = "libmicrohttpd is here",
  ["no-task"] = "all code here runs in a task",
  ["pool-broken"] = "in pool_spec",
  ["pool-elsewhere"] = "in pool_spec",
  ["queue-not-shared"] = "in queue_spec",
}

local function each_source(folder, fn)
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    if name:sub(1, 1) ~= "." and lfs.attributes(path, "mode") == "directory" then
      each_source(path, fn)
    elseif name:find "%.lua$" or name:find "%.[ch]$" then
      fn(path, helper.slurp(path))
    end
  end
end

-- What stands in brackets at the end of a text, and what a function that raises misuse is given.
local function find_codes(text)
  local found = {}
  for code in text:gmatch "%[(%l%l+%-[%l%-]*%l%l)%]" do found[code] = true end
  for code in text:gmatch 'misuse%s*%([^()"\']-"(%l+%-[%l%-]+)"' do found[code] = true end
  for code in text:gmatch 'code = "(%l[%l%-]+)"' do found[code] = true end
  return found
end

describe("the table of codes", function()
  it("has every code that the sources use, and none that they don't", function()
    local used = {}
    for _, folder in ipairs { "src", "lua" } do
      each_source(folder, function(path, text)
        if path:find "explain_codes" then return end
        for code in pairs(find_codes(text)) do used[code] = used[code] or path end
      end)
    end
    assert.is_truthy(used["lock-not-held"])
    assert.is_truthy(used["bad-argument"])
    for code, path in pairs(used) do
      assert(codes[code], ("%s: lua/heddle/explain_codes.lua lacks %s"):format(path, code))
    end
    for code in pairs(codes) do
      assert(used[code] or code == "cancelled" or code == "greenlet-exit",
        "explained, but used nowhere: " .. code)
    end
  end)

  it("has each code once", function()
    local seen = {}
    for code in helper.slurp("lua/heddle/explain_codes.lua"):gmatch '\ncodes%["([%l-]+)"%] =' do
      assert(not seen[code], code)
      seen[code] = true
    end
    for code in pairs(codes) do assert(seen[code], code) end
  end)

  it("tells the cause and the remedy of each", function()
    for code, row in pairs(codes) do
      assert.matches("^%u.*%.", row.means, code)
      assert.matches("^[%u`].*%.", row.remedy, code)
      assert(row.wrong or not_raised[code], code .. " has no example that raises it")
      assert(row.right or not_raised[code], code .. " has no example of how it should be")
    end
  end)
end)

-- Heddle's modules by name; `stopping` cancels a handle at the end of a block.
local function environment()
  return setmetatable({
    stopping = function(h)
      return setmetatable({ handle = h }, {
        __close = function()
          h:cancel()
          h:join()
        end,
      })
    end,
    print = function() end,
  }, {
    __index = function(_, name)
      if name == "heddle" then return require "heddle" end
      if _G[name] ~= nil then return _G[name] end
      return require("heddle." .. name)
    end,
  })
end

-- Runs an example in a task of its own, which a cancel in it is to hit.
local function run(code)
  local chunk = assert(load(code, "=example", "t", environment()))
  local h = task.start(function() return pcall(chunk) end)
  return h:result()
end

describe("the examples", function()
  for _, name in ipairs(explain.codes()) do
    local row = codes[name]
    if row.wrong then
      it("raise " .. name, function()
        local ok, err = run(row.wrong)
        assert(not ok, "nothing was raised")
        if type(err) == "string" then
          assert.equal(name, err:match "^[^\n]*":match "%[([%l%-]+)%]$", err)
        else
          assert.equal(name, err.code)
        end
      end)
    end
    if row.right then
      it("avoid " .. name, function() assert(run(row.right)) end)
    end
  end
end)

describe("heddle explain", function()
  it("CODE says what it means, with an example", function()
    for _, word in ipairs { "lock-not-held", "[lock-not-held]" } do
      local out = helper.heddle { "explain", word }
      assert.equal(0, out.code)
      assert.equal("", out.err)
      assert.matches("^lock%-not%-held\n  A lock", out.out)
      assert.matches("\nWhat to do\n  ", out.out)
      assert.matches("\nRaises it\n    sync%.lock%(%):release%(%)\n", out.out)
      for line in out.out:gmatch "[^\n]+" do assert.is_true(#line <= 80, line) end
    end
  end)

  it("alone lists all codes", function()
    local out = helper.heddle { "explain" }
    assert.equal(0, out.code)
    local listed = 0
    for line in out.out:gmatch "[^\n]+" do
      assert.is_truthy(codes[line:match "^%S+"], line)
      listed = listed + 1
    end
    assert.equal(#explain.codes(), listed)
  end)

  it("refuses an unknown code with a suggestion", function()
    local out = helper.heddle { "explain", "lock-not-hold" }
    assert.equal(2, out.code)
    assert.equal("heddle: explain: unknown code 'lock-not-hold': did you mean 'lock-not-held'?\n",
      out.err)
    assert.equal(2, helper.heddle({ "explain", "bad-time", "more" }).code)
    assert.equal(0, helper.heddle({ "explain", "--help" }).code)
  end)
end)
