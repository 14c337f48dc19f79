-- The line that is typed at a terminal: pastes, history, keys, other programs in front of it.

local helper = require "spec.helper"
local terminal = require "spec.terminal"

local at_terminal, shows = terminal.repl, terminal.shows

-- In a shell with job control, with the executable's name for HEDDLE.
local function in_shell(command, steps)
  local home = os.tmpname()
  os.remove(home)
  local r = terminal.shell((command:gsub("HEDDLE", helper.absolute_executable())), steps,
    { env = { HOME = home, XDG_STATE_HOME = home, XDG_CONFIG_HOME = home } })
  os.execute("rm -rf " .. home)
  return r
end

describe("the REPL's line at a terminal", function()
  it("takes a paste of several lines as one entry, with its tabs", function()
    local r = at_terminal { "await >",
      "type \\x1b[200~for i = 1, 2 do\\n\\tprint('line ' .. i)\\nend\\r"
        .. "last = 'é'\\n\\n\\x1b[201~",
      "await last = 'é'", "type  print(last)\\n", "await \\nline 1\\nline 2\\né\\n>",
      "type \\x1b[A", "await_times 2 for i = 1, 2 do", "type \\n", "await_times 2 \\nline 2",
      "type \\x04", "end" }
    assert.equal(0, r.code)
    shows(r, "> for i = 1, 2 do\n        print('line ' .. i)\nend\nlast = 'é' print(last)\n")
    assert.falsy(r.out:find("~", 1, true))
  end)

  it("gives a paste up at Ctrl-C", function()
    local r = at_terminal { "await >", "type \\x1b[200~half of a paste", "type \\x03",
      "await ^C\\n>",
      "type 'next'\\n", "await \\n\"next\"\\n>", "type \\x04", "end" }
    assert.equal(0, r.code)
  end)

  it("stays whole with wide and combined characters when something is drawn above it", function()
    local wide, go = ("日本語"):rep(12), os.tmpname()
    os.remove(go)
    local waits = ("t = task.start(function() while not fs.stat '%s' do sleep(0.01) end"):format(go)
    local r = at_terminal({ "await >", "type " .. waits .. " print('背' .. '景') end)\\n",
      "await )\\n>",
      "type '" .. wide .. " e\\xcc\\x81 end'", "await end'", "run touch " .. go, "await 背景",
      "type  .. 1\\n", "await end1\"", "type \\x04", "end" }, { columns = 60 })
    os.remove(go)
    local line = "> '" .. ("日本語"):rep(9) .. "日\n本語日本語日本語 "
    shows(r, "背景\n" .. line)
    assert.equal(1, select(2, r.out:gsub("> '日", "")))
  end)

  it("follows the terminal's size", function()
    local text = ("a"):rep(30) .. "|" .. ("b"):rep(30)
    local r = at_terminal { "await >", "type '" .. text, "await b", "resize 24 40",
      "await |bbbbbb\\nbbbbb", "resize 24 90", "await |" .. ("b"):rep(30), "type '\\n",
      "await \\n\"aaa", "type \\x04", "end" }
    assert.equal(0, r.code)
  end)

  it("gives the terminal to the shell at Ctrl-Z, and takes it again", function()
    local r = in_shell("HEDDLE; echo stopped $(stty -a | grep -o ' -*icanon'); fg; echo over",
      { "await >", "type 'half", "await half", "type \\x1a", "await stopped icanon",
        "await_times 2 'half", "type  done'\\n", "await \\n\"half done\"\\n>", "type \\x04",
        "await over", "end" })
    assert.equal(0, r.code)
  end)

  it("begins at the left, whatever was written before", function()
    local r = at_terminal { "await >", "type do io.write 'xyz' end\\n", "await xyz\\n>",
      "type (io.write('abc') and 5)\\n", "await abc\\n5\\n>", "type \\x04", "end" }
    assert.equal(0, r.code)
  end)

  it("says what a half entry lacks at Ctrl-D, and goes on", function()
    local r = at_terminal { "await >", "type for i = 1, 2 do\\n", "await >>", "type \\x04",
      "await 'end' expected", "type 'still here'\\n", "await \\n\"still here\"\\n>", "type \\x04",
      "end" }
    assert.equal(0, r.code)
  end)

  it("stops an entry that swallows Ctrl-C at the second one", function()
    local computing = "while true do pcall(function() print('on' .. 'e') while true do end end) end"
    local waiting = "while true do pcall(function() print('tw' .. 'o') sleep(100) end) end"
    local r = at_terminal({ "await >", "type " .. computing .. "\\n", "await one", "type \\x03",
      "await_times 2 one", "type \\x03", "await interrupted\\n>", "type " .. waiting .. "\\n",
      "await two", "type \\x03", "await_times 2 two", "type \\x03",
      "await_times 2 interrupted\\n>", "type 'alive'\\n", "await \\n\"alive\"\\n>", "type \\x04",
      "end" }, { columns = 120 })
    assert.equal(0, r.code)
  end)

  it("lives on whatever an entry does to the globals", function()
    local r = at_terminal { "await >",
      "type print, io, table, os, require, pcall, ipairs, type = nil\\n", "type {1, 2}\\n",
      "await { 1, 2 }\\n>", "type error { code = 5 }\\n", "await { code = 5 }",
      "type (nil).x = 1\\n", "await attempt to index", "type strin\\t", "await string",
      "type \\x15.exit\\n", "end" }
    assert.truthy(r.code == 0 or r.code == 1) -- boot may miss them
  end)

  it("shows what has no text, and stops at Ctrl-C what does not end", function()
    local r = at_terminal({ "await >",
      "type setmetatable({}, { __tostring = function() error('no text', 0) end })\\n",
      "await raises: no text>\\n>",
      "type setmetatable({}, { __tostring = function() while true do end end }) -- endless\\n",
      "await endless\\n", "type \\x03", "await interrupted\\n>", "type 'alive'\\n",
      "await \\n\"alive\"\\n>", "type \\x04", "end" }, { columns = 120 })
    assert.equal(0, r.code)
  end)

  it("keeps the history and what was printed when an entry calls os.exit", function()
    local r = at_terminal { "await >", "type 'kept'\\n", "await \\n\"kept\"",
      "type print 'bye' os.exit(7)\\n",
      "end" }
    assert.equal(7, r.code)
    shows(r, "\nbye\n")
    assert.truthy(r.history:find("kept", 1, true))
  end)

  it("prints what lives at Ctrl-backslash, and goes on", function()
    local r = at_terminal { "await >", "type half", "await half", "type \\x1c", "await MODEL",
      "await > half", "type \\x15'whole'\\n", "await \\n\"whole\"\\n>", "type \\x04", "end" }
    assert.equal(0, r.code)
  end)

  it("sends a dumb terminal no control sequences", function()
    local home = os.tmpname()
    os.remove(home)
    local line = { "python3", "spec/terminal.py", tostring(20 * helper.slack), "24", "80", "env",
      "TERM=dumb", "HOME=" .. home, "sh", "-c", ("script -qc %s /dev/null | cat -v"):format(
        helper.quote(helper.absolute_executable())) }
    local r = helper.command(line, { limit = 25, stdin = table.concat({ "await >", "type 40 + 2\\n",
      "await 42", "type \\x04", "end" }, "\n") .. "\n" })
    os.execute("rm -rf " .. home)
    assert.equal(0, r.code, r.out)
    assert.falsy(r.out:find("^[", 1, true), r.out)
  end)

  it("clears the screen at Ctrl-L, and leaves at exit()", function()
    local r = at_terminal { "await >", "type 'first'\\n", "await \\n\"first\"\\n>",
      "type half\\x0c", "gone here first", "type \\x15exit\\n", "await exit() or Ctrl-D leaves",
      "type exit()\\n", "end" }
    assert.equal(0, r.code)
  end)
end)
