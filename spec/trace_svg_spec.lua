-- Timelines as a still picture: --report=FILE.svg.
local helper = require "spec.helper"
local trace_svg = require "heddle.trace_svg"

-- A lane of a timeline made by hand: state, from, till; nanoseconds.
local function lane(name, slices)
  local self = { name = name, main = true, thread = {}, n = #slices, state = {}, at = {}, till = {},
    what = {}, holder = {}, waker = {} }
  for i, slice in ipairs(slices) do
    self.state[i], self.at[i], self.till[i] = slice[1], slice[2], slice[3]
  end
  return self
end

local function timeline(to, lanes)
  return { from = 0, to = to, lost = 0, lanes = lanes, by_task = {}, jobs = {}, kills = {} }
end

local SECOND = 1000000000

describe("a still picture", function()
  it("draws each state where it was, on one scale for all runs", function()
    local text = trace_svg.render {
      { model = "threads", workers = 2, timeline = timeline(2 * SECOND, {
        lane("a <b>", { { 1, 0, SECOND }, { 2, SECOND, 2 * SECOND } }) }) },
      { model = "isolates", workers = 2, timeline = timeline(SECOND, {
        lane("c", { { 3, 0, SECOND } }) }) },
    }
    assert.truthy(text:find("a &lt;b&gt;", 1, true))
    assert.truthy(text:find("threads, 2 workers: 2 s", 1, true))
    assert.truthy(text:find('stroke="#0072b2" stroke-width="13" d="M0 0h360"', 1, true))
    assert.truthy(text:find('stroke="#e69f00" stroke-width="7" d="M360 0h360"', 1, true))
    assert.truthy(text:find('stroke="#b3478f" stroke-width="13" d="M0 0h360"', 1, true))
    assert.truthy(text:find(">50 %<", 1, true))
    for _, state in ipairs(require("heddle.timeline").STATES) do
      assert.truthy(text:find(">" .. state .. "<", 1, true), state)
    end
  end)

  it("is what --report writes to a file ending in .svg, well formed", function()
    local path = os.tmpname() .. ".svg"
    local code = [[
      local thread = require "heddle.thread"
      local h = thread.start({ name = "sleeper" }, require("heddle").sleep, 0.05)
      h:join()]]
    local r = helper.script(code, { before = { "--report=" .. path } })
    assert(r.code == 0, r.all)
    local read = helper.command { "python3", "-c", "import sys, xml.dom.minidom\n"
      .. "print(xml.dom.minidom.parse(sys.argv[1]).documentElement.tagName)", path }
    local text = helper.slurp(path)
    os.remove(path)
    os.remove((path:gsub("%.svg$", "")))
    assert.equal("svg\n", read.out)
    assert.truthy(text:find(">sleeper<", 1, true))
    assert.truthy(text:find('stroke="#00875f"', 1, true)) -- it slept
  end)

  it("in the documents is one that heddle made, and small", function()
    local text = helper.slurp "docs/demo.svg"
    assert.equal("<svg", text:sub(1, 4))
    assert.truthy(#text < 150000)
    for _, model in ipairs { "coroutines", "threads", "isolates", "processes" } do
      assert.truthy(text:find(model .. ", 4 workers: ", 1, true), model)
    end
  end)
end)
