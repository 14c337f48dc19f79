-- math.random in workers: a state of its own for each, following from heddle.seed.

local helper = require "spec.helper"

helper.case_limit = 25

-- Runs a script that has `draw(M, n)` -> the first random integers of n workers of M.
local function draws(seed, model, extra)
  local run = helper.script(([[
    local heddle = require "heddle"
    %s
    local M = require "heddle.%s"
    %s
    io.write(math.random(1 << 40), "\n")
    for _ = 1, 4 do
      io.write(M.start(function() return math.random(1 << 40) end):result(), "\n")
    end
  ]]):format(seed and ("heddle.seed(%d)"):format(seed) or "", model, extra or ""))
  assert.equal("", run.err)
  local list = {}
  for n in run.out:gmatch "%d+" do list[#list + 1] = tonumber(n) end
  assert.equal(5, #list)
  return list
end

local function distinct(list)
  local seen = {}
  for _, n in ipairs(list) do
    if seen[n] then return false end
    seen[n] = true
  end
  return true
end

local across = { "isolate", "process" }

describe("math.random", function()
  helper.each_model("differs from run to run and from worker to worker", function(_, model)
    local a, b = draws(nil, model), draws(nil, model)
    assert.is_true(distinct(a))
    assert.not_same(a, b)
  end)

  for _, method in ipairs { "fork", "spawn", "forkserver" } do
    it("differs among processes of the method " .. method, function()
      local extra = ('M.default_method "%s"'):format(method)
      assert.is_true(distinct(draws(nil, "process", extra)))
    end)
  end

  it("is one state for the threads and tasks of an interpreter", function()
    local run = helper.script [[
      math.randomseed(7)
      local a, b, c = math.random(1 << 40), math.random(1 << 40), math.random(1 << 40)
      math.randomseed(7)
      print(math.random(1 << 40) == a)
      local function draw() return math.random(1 << 40) end
      print(require("heddle.thread").start(draw):result() == b)
      print(require("heddle.task").start(draw):result() == c)
    ]]
    assert.equal("true\ntrue\ntrue\n", run.out)
  end)

  helper.each_model("a worker's draws leave the starter's alone", function(M)
    math.randomseed(11)
    local a = math.random(1 << 40)
    local b = math.random(1 << 40)
    math.randomseed(11)
    assert.equal(a, math.random(1 << 40))
    M.start(function() return math.random(), math.random() end):result()
    assert.equal(b, math.random(1 << 40))
  end, across)
end)

describe("heddle.seed", function()
  helper.each_model("makes every worker's state follow from n and its order", function(_, model)
    local a, b = draws(42, model), draws(42, model)
    assert.same(a, b)
    assert.is_true(distinct(a))
    assert.not_same(a, draws(43, model))
  end)

  it("gives the same whatever the start method", function()
    local fork = draws(5, "process", 'M.default_method "fork"')
    assert.same(fork, draws(5, "process", 'M.default_method "spawn"'))
    assert.same(fork, draws(5, "process", 'M.default_method "forkserver"'))
  end)

  it("counts from where it was called", function()
    local run = helper.script [[
      local heddle, isolate = require "heddle", require "heddle.isolate"
      local function number() return math.random(1 << 40) end
      local function draw() return isolate.start(number):result() end
      heddle.seed(3)
      local a, b = draw(), draw()
      heddle.seed(3)
      print(a == draw(), b == draw(), a ~= b)
    ]]
    assert.equal("true\ttrue\ttrue\n", run.out)
  end)

  it("the option --seed does it for a whole script", function()
    local code = [[
      print(math.random(1 << 40), require("heddle.isolate").start(function()
        return math.random(1 << 40)
      end):result())
    ]]
    local a = helper.script(code, { before = { "--seed=9" } })
    local b = helper.script(code, { before = { "--seed=9" } })
    assert.equal(a.out, b.out)
    assert.not_equal(a.out, helper.script(code, { before = { "--seed=10" } }).out)
  end)

  it("refuses what is no whole number", function()
    local heddle = require "heddle"
    for _, bad in ipairs { 1.5, "x", {}, 0 / 0, 1 / 0 } do
      helper.raises("heddle%.seed: n: a whole number expected.*%[bad%-argument%]$", heddle.seed,
        bad)
    end
    helper.raises("%[bad%-argument%]$", heddle.seed)
  end)
end)
