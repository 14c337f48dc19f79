local helper = require "spec.helper"
local entry = require "heddle.repl_entry"
local complete = require "heddle.repl_complete"
local pretty = require "heddle.pretty"

-- Types the steps of spec/terminal.py into the REPL and returns what the screen showed.
local function at_terminal(steps, options)
  local words = { "python3", "spec/terminal.py", tostring(20 * helper.slack), "24",
    tostring(options and options.columns or 80), helper.absolute_executable() }
  for _, word in ipairs(options and options.words or {}) do words[#words + 1] = word end
  local home = os.tmpname()
  os.remove(home)
  assert(os.execute("mkdir " .. home))
  if options and options.rc then
    assert(os.execute(("mkdir -p %s/.config/heddle"):format(home)))
    helper.spit(home .. "/.config/heddle/rc.lua", options.rc)
  end
  local result = helper.command(words, {
    stdin = table.concat(steps, "\n") .. "\n", limit = 25,
    env = { HOME = home, XDG_STATE_HOME = home .. "/state", XDG_CONFIG_HOME = home .. "/.config",
      EDITOR = options and options.editor },
  })
  result.history = helper.slurp(home .. "/state/heddle/history")
  assert(os.execute("rm -r " .. home))
  assert(result.code ~= 124, result.out)
  return result
end

local function shows(result, text)
  assert(result.out:find(text, 1, true), ("%q is not on the screen:\n%s"):format(text, result.out))
end

describe("the REPL at a terminal", function()
  it("prints values without return, and keeps locals", function()
    local r = at_terminal { "await >", "type 1 + 1\\n", "await 2\\n>", "type local x = 41\\n",
      "type function f() return x end\\n", "type x = x + 1\\n", "type f()\\n", "await 42\\n>",
      "type _ + 1\\n", "await 43\\n>", "type \\x04", "end" }
    assert.equal(0, r.code)
    shows(r, "Ctrl-D leaves")
  end)

  it("asks for more lines until a chunk is finished", function()
    local r = at_terminal { "await >", "type for i = 1, 2 do\\n", "await >>",
      "type print('line ' .. i) end\\n", "await line 2\\n>", "type \\x04", "end" }
    shows(r, ">> print")
  end)

  it("lets background tasks go on while a line is typed, and draws them above it", function()
    local r = at_terminal({ "await >",
      "type t = task.start(function() for i = 1, 3 do sleep(0.1) print('back', i) end end)\\n",
      "await end)\\n>", "type half", "await back    3", "type \\x15print('typed ' .. 1)\\n",
      "await typed 1\\n>", "type \\x04", "end" }, { columns = 120 })
    shows(r, "back    1\nback    2\nback    3\n")
  end)

  it("draws what isolates and processes print above the line, too", function()
    local r = at_terminal { "await >",
      "type p = process.start(function() print 'from a process' end)\\n",
      "await \\nfrom a process",
      "type i = isolate.start(function() print 'from an isolate' end)\\n",
      "await \\nfrom an isolate", "type p:join(), i:join()\\n", "await true    true\\n>",
      "type \\x04", "end" }
    assert.equal(0, r.code)
  end)

  it("stops the entry alone at Ctrl-C, be it computing, waiting or half typed", function()
    local r = at_terminal({ "await >", "type ticks = 0\\n", "await = 0\\n>",
      "type back = task.start(function() while true do sleep(0.01) ticks = ticks + 1 end end)\\n",
      "await end)\\n>", "type while true do end -- busy\\n", "await -- busy\\n", "type \\x03",
      "await interrupted\\n>", "type sleep(100) -- asleep\\n", "await -- asleep\\n", "type \\x03",
      "type 'awake'\\n", "await \\n\"awake\"\\n>", "type half typed", "await half typed",
      "type \\x03", "await typed^C\\n>",
      "type sleep(0.1) print(back:status(), ticks > 0)\\n", "await true\\n>",
      "type back:cancel() back:join()\\n", "await join()\\n>", "type \\x04", "end" },
      { columns = 120 })
    assert.equal(0, r.code)
  end)

  it("reports a deadlock of the entry and goes on", function()
    local r = at_terminal { "await >", "type queue.new():get()\\n", "await cancelled\\n>",
      "type 'still ' .. 'here'\\n", "await still here\"\\n>", "type \\x04", "end" }
    shows(r, "deadlock")
    assert.equal(0, r.code)
  end)

  it("completes globals, fields, methods and module names", function()
    local r = at_terminal { "await >", "type que\\t", "await queue", "type .n\\t",
      "await queue.new", "type (5)\\n", "await waiting)\\n>", "type q = _\\n",
      "await = _\\n>", "type q:maxs\\t",
      "await q:maxsize", "type ()\\n", "await 5\\n>", "type require 'heddle.iso\\t",
      "await heddle.isolate", "type \\x03", "await ^C\\n>", "type string.re\\t\\t",
      "await rep      reverse", "type \\x03", "await string.re^C\\n>",
      "type \\x04", "end" }
    assert.equal(0, r.code)
  end)

  local function steps_of(rounds)
    local steps = { "await >" }
    for i = 1, 10 do
      for line in rounds(i):gmatch "[^\n]+" do steps[#steps + 1] = line:match "^%s*(.*)$" end
    end
    return table.move({ "type \\x04", "end" }, 1, 2, #steps + 1, steps)
  end

  local NAMES = [[for i = 1, 10 do
    _G["r" .. i .. "_alpha"], _G["r" .. i .. "_beta"] = 1, 1 end]]

  it("loses no Ctrl-C that is typed while names are completed", function()
    local r = at_terminal(steps_of(function(i)
      return ([[
        type rI_\t\t\t
        await rI_alpha  rI_beta
        type \x03
        await > rI_^C\n>]]):gsub("I", i)
    end), { rc = NAMES })
    assert.equal(0, r.code)
  end)

  it("loses no Ctrl-C that is typed together with other keys", function()
    local r = at_terminal(steps_of(function(i)
      return ([[
        type rI_\t\t\x03
        await_times I ^C\n>]]):gsub("I", i)
    end), { rc = NAMES })
    assert.equal(0, r.code)
  end)

  it("loses no Ctrl-C while others print above the line", function()
    local r = at_terminal(steps_of(function(i)
      return ([[
        type half
        type \x03
        await_times I ^C
        type 'next ' .. I\n
        await "next I"\n]]):gsub("I", i)
    end), { rc = [[back = task.start({ daemon = true }, function()
      while true do print 'tick' sleep(0.001) end
    end)]] })
    assert.equal(0, r.code)
  end)

  it("stops at Ctrl-C what computes an answer's text, or a name's completion", function()
    local r = at_terminal({ "await >", "type shows\\n", "await begins to show", "type \\x03",
      "await interrupted\\n>", "type looks.a.b\\t", "await begins to look", "type \\x03",
      "await > looks.a.b^C\\n>", "type \\x04", "end" }, { rc = [[
      local function hang(what) print("begins to " .. what) while true do end end
      shows = setmetatable({}, { __tostring = function() hang "show" end })
      looks = setmetatable({}, { __index = function() hang "look" end })]] })
    assert.equal(0, r.code)
  end)

  it("takes what is typed ahead of the prompt", function()
    local r = at_terminal { "type 'ahead ' .. 1\\n", "await \"ahead 1\"\\n>",
      "type print 'waits' sleep(0.2)\\n", "await \\nwaits",
      "type 'ahead ' .. 3\\n\\x04", "await \"ahead 3\"\\n>", "end" }
    assert.equal(0, r.code)
  end)

  it("leaves at a Ctrl-D that is typed while an entry runs", function()
    local r = at_terminal { "await >", "type print 'waits' sleep(0.2)\\n", "await \\nwaits",
      "type \\x04", "end" }
    assert.equal(0, r.code)
    r = at_terminal { "await >", "type sleep(0.01)\\n\\x04", "end" }
    assert.equal(0, r.code)
  end)

  it("searches and keeps its history", function()
    local r = at_terminal { "await >", "type 'alpha ' .. 1\\n", "await alpha 1", "type 'beta'\\n",
      "await beta\"\\n>", "type \\x12alp", "await bck:alp", "type \\n",
      "await 'beta'\\n\"beta\"\\n> 'alpha ' .. 1", "type 'gamma'\\n", "await gamma\"\\n>",
      "type \\x04", "end" }
    assert.truthy(r.history:find("beta", 1, true))
  end)

  it("asks before it leaves running workers behind", function()
    local r = at_terminal { "await >", "type t = thread.start(function() sleep(100) end)\\n",
      "await end)\\n>", "type \\x04", "await [y/N]", "type n\\n", "await N] n\\n>",
      "type 'stays'\\n", "await stays\"\\n>", "type \\x04",
      "await leave? [y/N]", "type y\\n", "end" }
    assert.equal(0, r.code)
  end)

  it("shows what lives, what is held, and records", function()
    local path = os.tmpname()
    local r = at_terminal({ "await >", "type l = sync.lock()\\n", "await = sync.lock()\\n>",
      "type l:acquire()\\n", "await acquire()\\ntrue\\n>",
      "type h = task.start({ name = 'sleeper' }, sleep, 60)\\n", "await 60)\\n>",
      "type ps()\\n", "await  sleeper ", "await Entry-", "type locks()\\n",
      "await that has ended\\n>",
      "type tree()\\n", "await ├─ task sleeper", "await └─ task Entry-", "type gil()\\n",
      "await switches", "await \\n}\\n>", "type trace.on()\\n", "await trace.on()\\n>",
      "type sleep(0.01)\\n", "await sleep(0.01)\\n>", ("type trace.save('%s')\\n"):format(path),
      "await ')\\ntrue\\n>", "type h:cancel()\\n", "await cancel()\\ntrue\\n>", "type \\x04",
      "end" },
      { columns = 120 })
    local saved = helper.slurp(path)
    os.remove(path)
    assert.equal(0, r.code)
    shows(r, "held   a task of process")
    assert.matches('"traceEvents"', saved)
  end)

  it("runs the rc file first", function()
    local r = at_terminal({ "await >", "type mine\\n", "await 17\\n>", "type \\x04", "end" },
      { rc = "mine = 17" })
    assert.equal(0, r.code)
  end)

  it("runs a longer entry from an editor", function()
    local editor = os.tmpname()
    helper.spit(editor, "#!/bin/sh\necho 'edited = 1\nprint(\"edited \" .. edited)' >$1\n")
    assert(os.execute("chmod +x " .. editor))
    local r = at_terminal({ "await >", "type .editor\\n", "await edited 1\\n>", "type \\x04",
      "end" }, { editor = editor })
    os.remove(editor)
    assert.equal(0, r.code)
  end)

  it("goes on after a script with -i", function()
    local path = os.tmpname()
    helper.spit(path, "value = 5 print 'ran'")
    local r = at_terminal({ "await ran", "await >", "type value + 1\\n", "await 6\\n>",
      "type \\x04", "end" }, { words = { "-i", path } })
    os.remove(path)
    assert.equal(0, r.code)
  end)
end)

-- In a shell with job control, where `read` takes the next command.
local function in_shell(command, steps)
  local home = os.tmpname()
  os.remove(home)
  local line = { "python3", "spec/terminal.py", tostring(20 * helper.slack), "24", "80", "sh", "-m",
    "-c", command:gsub("HEDDLE", helper.absolute_executable()), nil }
  local r = helper.command(line, { stdin = table.concat(steps, "\n") .. "\n", limit = 25,
    env = { HOME = home, XDG_STATE_HOME = home, XDG_CONFIG_HOME = home } })
  os.execute("rm -rf " .. home)
  assert(r.code ~= 124, r.out)
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

describe("the REPL from a pipe", function()
  local function piped(text)
    return helper.heddle({ "-i" }, { stdin = text })
  end

  it("has no prompt and no colour", function()
    local r = piped "1 + 1\nfor i = 1, 2 do\nprint(i)\nend\n{ 1, a = { 2 } }\n"
    assert.equal("2\n1\n2\n{ 1, a = { 2 } }\n", r.out)
    assert.equal("", r.err)
    assert.equal(0, r.code)
  end)

  it("shows the source lines of an error, goes on, and ends with status 1", function()
    local r = piped "local function f()\n  error 'boom'\nend\nf()\n'next'\n"
    assert.equal('"next"\n', r.out)
    assert.truthy(r.err:find("[1]:2: boom", 1, true))
    assert.truthy(r.err:find(">    2 |   error 'boom'", 1, true))
    assert.equal(1, r.code)
  end)

  it("joins the traceback of a worker", function()
    local r = piped "h = isolate.start(function() error 'inside' end)\nh:result()\n"
    assert.truthy(r.err:find("inside", 1, true))
    assert.truthy(r.err:find("in isolate Isolate-1", 1, true))
    assert.equal(1, r.code)
  end)

  it("says what a chunk that never ends lacks", function()
    local r = piped "for i = 1, 2 do\n"
    assert.truthy(r.err:find("'end' expected", 1, true))
    assert.equal(1, r.code)
  end)

  it("tells of each frame, its caller too, and of errors that are tables", function()
    local r = piped "function f()\n  g()\nend\nf()\nerror { code = 5 }\nsrc(5)\n"
    assert.truthy(r.err:find("[2]:1: in function", 1, true))
    assert.truthy(r.err:find(">    1 | f()", 1, true))
    assert.truthy(r.err:find("\n{ code = 5 }\n", 1, true))
    assert.truthy(r.err:find("[4]:1: src: fn: a function expected, got number", 1, true))
    r = piped("local s = '" .. ("x"):rep(5000) .. "' error 'long'\n")
    assert.truthy(#r.err < 1000)
  end)

  it("takes an operator at the end of a line for an unfinished entry", function()
    local r = piped "1 +\n2\n"
    assert.equal("3\n", r.out)
    assert.equal(0, r.code)
  end)

  it("is not reached where the script is missing; its failure shows in the status", function()
    local r = helper.heddle({ "-i", "/nowhere/missing.lua" }, { stdin = "print 'reached'\n" })
    assert.equal("", r.out)
    assert.equal(1, r.code)
    r = helper.heddle({ "-i", "-e", "error 'first'" }, { stdin = "'reached'\n" })
    assert.equal('"reached"\n', r.out)
    assert.equal(1, r.code)
  end)

  it("knows its commands, and says so of others", function()
    local path = os.tmpname()
    helper.spit(path, "loaded = 3")
    local saved = os.tmpname()
    local typed = ".load %s\nloaded\n.save %s\n.bogus\n.load\n.exit\n'never'\n"
    local r = piped(typed:format(path, saved))
    assert.equal("3\n", r.out)
    assert.truthy(r.err:find("unknown command .bogus: the commands are", 1, true))
    assert.truthy(piped ".hepl\n".err:find("did you mean .help?", 1, true))
    assert.truthy(r.err:find("usage: .load FILE", 1, true))
    assert.truthy(helper.slurp(saved):find("loaded = 3", 1, true))
    os.remove(path)
    os.remove(saved)
  end)

  it("has src and time", function()
    local r = piped "function twice(x)\n  return 2 * x\nend\nsrc(twice)\ntime(twice, 4)\n"
    assert.truthy(r.out:find("  return 2 * x", 1, true))
    assert.truthy(r.out:find("s of CPU\n8\n", 1, true))
  end)
end)

describe("repl_entry", function()
  it("shares a variable between an old function and a new entry", function()
    entry.compile "local shared_one = 1; function shared_get() return shared_one end"()
    entry.compile "shared_one = 7"()
    assert.equal(7, entry.compile "shared_get()"())
    assert.equal(7, (entry.value "shared_one"))
    rawset(_G, "shared_get", nil)
  end)

  it("does not take a nested local for one of the top", function()
    entry.compile "local function outer_one() local nested_one = 3 return nested_one end"()
    assert.is_nil(entry.compile "nested_one"())
    assert.equal(3, entry.compile "outer_one()"())
  end)

  it("tells an unfinished chunk from a wrong one", function()
    local _, why = entry.compile "f("
    assert.equal("unfinished", why)
    _, why = entry.compile "x = )"
    assert.truthy(why:find "unexpected symbol")
    _, why = entry.compile "text = [[a"
    assert.equal("unfinished", why)
  end)

  it("keeps constants, and what stands before a return", function()
    entry.compile "local fixed_one <const>, fixed_two <const> = 5, {}"()
    assert.equal(5, entry.compile "fixed_one"())
    assert.equal("table", entry.compile "type(fixed_two)"())
    entry.compile "do local fixed_three <const> = 5 end"()
    assert.is_nil(entry.compile "fixed_three"())
    assert.equal(3, entry.compile "local left_one, left_two = 1, 2 return left_one + left_two"())
    assert.equal(2, entry.compile "left_two"())
    assert.equal(4, entry.compile "local function left_f() return 4 end return left_f()"())
    assert.equal(4, entry.compile "left_f()"())
    assert.equal(5, entry.compile "local left_three = 5 -- return 1"() or entry.value "left_three")
  end)

  it("takes = as return, as Lua 5.1 did", function()
    assert.equal(10, entry.compile "= 5 + 5"())
    assert.equal(10, entry.compile "=5 + 5"())
    assert.is_nil(entry.compile "== 5")
  end)

  it("wants no more lines for a string that its line ends", function()
    local _, why = entry.compile '"open'
    assert.truthy(why:find "unfinished string")
    _, why = entry.compile '"open \\'
    assert.equal("unfinished", why)
  end)

  it("keeps more locals than a function may have", function()
    for i = 1, 210 do entry.compile(("local many_%d = %d"):format(i, i))() end
    assert.equal(210, entry.compile "many_210"())
    assert.equal(150, #entry.locals())
  end)
end)

describe("repl_complete", function()
  it("finds fields behind metatables and leaves hidden names out", function()
    local object = setmetatable({ width = 1 }, { __index = { wide = 2, __wrong = 3 } })
    local list, prefix = complete.find("x = object.w", { object = object }, {})
    assert.same({ "wide", "width" }, list)
    assert.equal("w", prefix)
  end)

  it("puts spaces in at the beginning of a line, and lists names in columns", function()
    assert.equal("  ", (complete.answer("", {}, {})))
    assert.equal("  ", (complete.answer("   ", {}, {})))
    local names = {}
    for i = 1, 60 do names[("name_%02d"):format(i)] = i end
    local insert, list = complete.answer("x.name_", { x = names }, {})
    assert.equal("", insert)
    assert.truthy(list:find "^name_01 +name_%d%d[^\n]*\nname_02 +")
  end)

  it("raises nothing where a field does", function()
    local object = setmetatable({}, { __index = function() error "no" end })
    assert.same({}, (complete.find("object.a.b", { object = object }, {})))
  end)
end)

describe("help", function()
  local help = require("heddle.help").text
  local queue = require "heddle.queue"

  it("has signature, text and example of functions and methods", function()
    local text = help(queue.new)
    assert.truthy(text:find("queue.new([maxsize", 1, true))
    assert.truthy(text:find "first in, first out")
    assert.truthy(text:find "\nExample:\n    ")
    assert.equal(text, help "queue.new")
    assert.equal(text, help "heddle.queue.new")
    assert.truthy(help(queue.new().put):find("^queue:put%(item"))
  end)

  it("knows modules, objects, handles and Lua's own functions", function()
    assert.truthy(help "queue":find "Takes the next item")
    assert.equal(help "queue", help(queue.new()))
    assert.equal(help "queue", help(queue))
    local h = require("heddle.task").start(function() end)
    h:join()
    assert.truthy(help(h):find "handle:join")
    assert.truthy(help(string.format):find "string.format is Lua's own")
    assert.truthy(help(string):find "^string is Lua's own")
  end)

  it("says what it does not know, and what was meant", function()
    assert.truthy(help "lokc:acquire":find "did you mean 'lock:acquire'")
    assert.truthy(help(nil):find "^nil has no help")
    assert.truthy(help(function() end):find "src%(f%) shows it")
    assert.truthy(help():find "queue")
    assert.falsy(help():find "locks")
  end)
end)

describe("pretty", function()
  it("limits depth, items, bytes and cycles", function()
    local t = { 1 }
    t.self = t
    assert.equal("{ 1, self = <cycle to the top> }", pretty.text(t))
    assert.equal("{ { {…} } }", pretty.text({ { { 1 } } }, { depth = 2 }))
    assert.equal("{ 1, 2, … 3 more }", pretty.text({ 1, 2, 3, 4, 5 }, { items = 2 }))
    assert.equal('"aaa"… (9 bytes)', pretty.text(("a"):rep(9), { bytes = 3 }))
  end)

  it("writes keys as Lua would, in order, and lays wide tables out", function()
    assert.equal('{ [-1] = 0, [1.5] = 1, a = 3, ["end"] = 2, [true] = 4 }',
      pretty.text { [-1] = 0, [1.5] = 1, ["end"] = 2, a = 3, [true] = 4 })
    assert.equal("{\n  1,\n  b = {\n    2\n  }\n}", pretty.text({ 1, b = { 2 } }, { width = 3 }))
  end)

  it("fills lines with the items of a list", function()
    local list = {}
    for i = 1, 30 do list[i] = i end
    list.x = {}
    assert.truthy(pretty.text(list, { width = 22 }):find "^{\n  1, 2, 3, 4, 5, 6, 7,\n  8, 9")
    assert.truthy(pretty.text(list, { width = 22 }):find "30,\n  x = {}\n}$")
  end)

  it("shows strings so that terminals are safe and Lua reads them again", function()
    local text = "a\n\t\r\"\\ \27[31m \0" .. "1 \200\xed\xa0\x80 \xc2\x9b é 日本 \x7f"
    local shown = pretty.text(text)
    assert.equal(text, load("return " .. shown)())
    assert.falsy(shown:find "[%c\200]")
    assert.truthy(utf8.len(shown))
    assert.truthy(shown:find("é 日本", 1, true))
    assert.equal('"éé"… (10 bytes)', pretty.text(("é"):rep(5), { bytes = 5 }))
  end)

  it("shows a bounded part of what is huge", function()
    local function nest(depth)
      local t = {}
      for i = 1, 40 do t["k" .. i] = depth == 0 and 1 or nest(depth - 1) end
      return t
    end
    local _, lines = pretty.text(nest(2)):gsub("\n", "")
    assert.truthy(lines < 700, lines)
  end)

  it("shows what has no text of its own all the same", function()
    local function raising() error("no text", 0) end
    assert.equal("<table whose __tostring raises: no text>",
      pretty.text(setmetatable({}, { __tostring = raising })))
    assert.truthy(pretty.text { [setmetatable({}, { __tostring = raising })] = 1 })
    local object = setmetatable({ a = 1 }, { __name = "My.Class" })
    assert.equal("My.Class { a = 1 }", pretty.text(object))
    assert.truthy(pretty.text(setmetatable({}, {
      __tostring = function() require("heddle").sleep(1) end,
    })):find "can't block here")
  end)

  it("asks no metatable for fields", function()
    assert.equal("{}", pretty.text(setmetatable({}, { __index = error, __pairs = error })))
    local shown = setmetatable({}, { __tostring = function() return "shown" end })
    assert.equal("shown", pretty.text(shown))
  end)
end)
