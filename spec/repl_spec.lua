-- The REPL, at a terminal and from a pipe.

local helper = require "spec.helper"
local terminal = require "spec.terminal"

local at_terminal, shows = terminal.repl, terminal.shows

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

  it("reports a deadlock of the entry and goes on", function()
    local r = piped "sync.event():wait()\ne = sync.event()\nok = pcall(e.wait, e)\nprint 'on'\n"
    assert.equal("on\n", r.out)
    assert.equal(2, select(2, r.err:gsub("deadlock: ", "")), r.err)
    assert.matches("Event%-1 %(%[1%]:1%) at %[1%]:1", r.err)
    assert.equal(1, r.code)
  end)

  it("ends with status 3 when workers that an entry left behind are stuck", function()
    local r = piped "thread.start(function() sync.event():wait() end)\nprint 'on'\n"
    assert.equal(3, r.code, r.err)
    assert.matches("Thread%-1 waits for Event%-1", r.err)
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
