-- Runs scenarios for their specs: several at once, since most of them sleep.
--
--   local scenario = require("spec.scenarios").batch()
--   scenario("basic_thread", function(r) assert.matches("finished", r.out) end)
--   scenario("abba_wrong", { code = 3, err = "deadlock" }, function(r) … end)
--
-- Each line defines a case; the first case that runs starts all scenarios of its batch.

local helper = require "spec.helper"
local lfs = require "lfs"

local scenarios = {}

local AT_ONCE = 4

---The text as a list of its lines.
---@param text string
---@return string[]
function scenarios.lines(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line end
  return lines
end

---The text's lines in order of the alphabet: for scenarios that promise no order.
---@param text string
---@return string
function scenarios.sorted(text)
  local lines = scenarios.lines(text)
  table.sort(lines)
  return table.concat(lines, "\n")
end

---How often a pattern occurs.
---@param text string
---@param pattern string
---@return integer
function scenarios.count(text, pattern)
  return (select(2, text:gsub(pattern, "")))
end

---Checks that each of the ten tasks of the article's listings began, and ended after that.
---@param out string
function scenarios.check_ten_tasks(out)
  local assert = require "luassert"
  for i = 0, 9 do
    local name = "task_" .. i
    local begun = out:find("Get task: " .. name .. "%f[^%d]")
    local ended = out:find("Finish task: " .. name .. "\n")
    assert.is_true(begun ~= nil and ended ~= nil and begun < ended, name)
  end
  assert.equal(20, scenarios.count(out, " task: "))
end

-- The shell line that runs one scenario; its output, errors and status go to files of the folder.
local function shell_line(run, index, folder)
  local options, line = run.options, {}
  local stem = helper.quote(folder .. "/" .. index)
  for name, value in pairs(options.env or {}) do
    line[#line + 1] = name .. "=" .. helper.quote(value)
  end
  line[#line + 1] = ("timeout -k 2 %g"):format((options.limit or 20) * helper.slack)
  line[#line + 1] = helper.quote(helper.absolute_executable()) .. " run " .. run.name
  for _, word in ipairs(options.words or {}) do line[#line + 1] = helper.quote(word) end
  if options.stdin then helper.spit(folder .. "/" .. index .. ".in", options.stdin) end
  line[#line + 1] = "<" .. (options.stdin and stem .. ".in" or "/dev/null")
  line[#line + 1] = (">%s.out 2>%s.err; echo $? >%s.code"):format(stem, stem, stem)
  return "cd " .. helper.quote(folder) .. " && " .. table.concat(line, " ")
end

-- Runs them all, a few at a time, in a folder of their own that is gone afterwards.
local function run_all(runs)
  local folder = os.tmpname()
  os.remove(folder)
  assert(lfs.mkdir(folder))
  local lines = {}
  for i, run in ipairs(runs) do lines[i] = shell_line(run, i, folder) .. "\0" end
  helper.spit(folder .. "/lines", table.concat(lines))
  os.execute(("xargs -0 -n 1 -P %d sh -c <%s/lines"):format(AT_ONCE, helper.quote(folder)))
  for i, run in ipairs(runs) do
    local stem = folder .. "/" .. i
    local out, err = helper.slurp(stem .. ".out"), helper.slurp(stem .. ".err")
    run.result = { out = out, err = err, all = out .. err,
      code = tonumber(helper.slurp(stem .. ".code")) }
  end
  os.execute("rm -rf " .. helper.quote(folder))
end

-- What every scenario promises: its exit status, and no word on stderr that was not expected.
local function check_ending(run)
  local r, assert = run.result, require "luassert"
  assert.equal(run.options.code or 0, r.code, r.all)
  if run.options.err then
    assert.matches(run.options.err, r.err)
  else
    assert.equal("", r.err)
  end
end

---A batch: call it with a scenario's name, options (`words`, `stdin`, `env`, `limit` in seconds,
---`title`, and what is expected: `code`, `err`, a pattern) and what else to check of its result.
---@return fun(name: string, options?: table|function, check?: fun(r: table))
function scenarios.batch()
  local runs = {}
  helper.case_limit = 110
  return function(name, options, check)
    if type(options) == "function" then options, check = {}, options end
    local run = { name = name, options = options }
    runs[#runs + 1] = run
    local title = table.concat({ name, table.unpack(options.words or {}) }, " ")
    require("busted").it(options.title and title .. ": " .. options.title or title, function()
      if not run.result then run_all(runs) end
      check_ending(run)
      check(run.result)
    end)
  end
end

return scenarios
