-- The command: scripts, options, verbs, and one line for each wrong use.

local helper = require "spec.helper"
local usage = require "heddle.usage"

local heddle = helper.heddle

-- One line on stderr that says so, nothing on stdout, status 2.
local function refuses(words, pattern)
  local r = heddle(words)
  assert.equal(2, r.code, r.all)
  assert.equal("", r.out)
  assert.matches("^heddle: [^\n]*\n$", r.err)
  assert.matches(pattern, r.err)
end

-- Runs `heddle` in a folder with a script of this content, called s.lua.
local function with_file(content, words, options)
  local folder = os.tmpname()
  os.remove(folder)
  os.execute("mkdir " .. folder)
  helper.spit(folder .. "/s.lua", content)
  options = options or {}
  options.cwd = folder
  local r = heddle(words, options)
  os.execute("rm -r " .. folder)
  return r
end

describe("the command", function()
  it("shows help and version", function()
    local help = heddle({ "--help" }).out
    assert.matches("^Usage: heddle ", help)
    local known = heddle({ "--nosuch" }).err:match "there are (.*)"
    for option in known:gmatch "%-%-%l[%l-]*" do
      assert.is_truthy(help:find("   " .. option, 1, true), option)
    end
    assert.equal(heddle({ "--help" }).out, heddle({ "-h" }).out)
    assert.matches("^heddle %d+%.%d+", heddle({ "--version" }).out)
    for _, verb in ipairs { "demo", "compare", "run", "list" } do
      local r = heddle { verb, "--help" }
      assert.equal(0, r.code)
      assert.matches("^Usage: heddle " .. verb, r.out)
    end
    assert.matches("Examples:\n[^\n]+\n[^\n]+\n$", heddle({ "demo", "--help" }).out)
  end)

  it("runs a script with arg as in lua", function()
    local r = with_file("print(arg[0], arg[1], arg[2], #arg, ...)", { "s.lua", "a", "--b" })
    assert.equal("s.lua\ta\t--b\t2\ta\t--b\n", r.out)
    assert.equal(0, r.code)
    assert.equal("", r.err)
  end)

  it("gives a script no globals beyond Lua's", function()
    local r = helper.script [[
      local known = { arg = true }
      local names = "_G _VERSION assert collectgarbage coroutine debug dofile error getmetatable "
        .. "io ipairs load loadfile math next os package pairs pcall print rawequal rawget rawlen "
        .. "rawset require select setmetatable string table tonumber tostring type utf8 warn xpcall"
      for name in names:gmatch "%S+" do known[name] = true end
      for name in pairs(_G) do if not known[name] then print(name) end end
    ]]
    assert.equal("", r.all)
  end)

  it("skips a script's first line when it is for the shell", function()
    assert.equal("ok\n", with_file("#!/usr/bin/env heddle\nprint 'ok'", { "s.lua" }).out)
  end)

  it("runs stdin", function()
    assert.equal("a\n", heddle({ "-", "a" }, { stdin = "print(...)" }).out)
    assert.equal("0\tnil\n", heddle({}, { stdin = "print(#arg, arg[1])" }).out)
  end)

  it("runs code, requires first, and takes -- as the end of options", function()
    assert.equal("1\n2\n", heddle({ "-e", "print(1)", "-eprint(2)" }).out)
    assert.equal("function\n", heddle({ "-e", "print(type(j.encode))", "-l", "j=heddle.json" }).out)
    assert.equal("1\n-e\n", with_file("print(...)", { "-e", "print(1)", "--", "s.lua", "-e" }).out)
  end)

  it("can be given a seed for every worker's chance", function()
    local code = [[local thread = require "heddle.thread"
      print(thread.start(function() return math.random(1 << 30) end):result())]]
    local a, b = heddle { "--seed=5", "-e", code }, heddle { "--seed", "5", "-e", code }
    assert.equal(a.out, b.out)
    assert.not_equal(a.out, heddle({ "--seed=6", "-e", code }).out)
  end)

  it("keeps the jobs of a script's service in a file", function()
    local path = os.tmpname()
    os.remove(path)
    local code = [[local r = require("heddle.service").new { model = "task", workers = 1, seed = 2,
        quiet = true, jobs = { { size = 0.001 }, { size = 0.002 } } }:run()
      print(r:totals().done, r.earlier)]]
    assert.equal("2\t0\n", heddle({ "--queue=" .. path, "-e", code }).out)
    assert.equal("0\t2\n", heddle({ "--queue", path, "-e", code }).out)
    assert.equal("2\tnil\n", heddle({ "-e", code }).out)
    for _, ending in ipairs { "", "-wal", "-shm" } do os.remove(path .. ending) end
  end)

  it("ends with status 1 and a traceback after an uncaught error", function()
    local r = with_file("local function f() error('boom') end\nf()", { "s.lua" })
    assert.equal(1, r.code)
    assert.matches("^heddle: s%.lua:1: boom\nstack traceback:\n", r.err)
    assert.matches("\n%s+s%.lua:2: in main chunk", r.err)
    assert.not_matches("cli%.lua", r.err)
    local code = "error(setmetatable({}, { __tostring = function() return 'obj' end }))"
    r = with_file(code, { "s.lua" })
    assert.equal("heddle: obj\n", r.err)
    assert.matches("error object is a table value", with_file("error({})", { "s.lua" }).err)
    assert.equal(1, r.code)
  end)

  it("ends with status 1 for a script that is missing or does not compile", function()
    local r = heddle { "no/such.lua" }
    assert.equal(1, r.code)
    assert.matches("^heddle: cannot open no/such%.lua[^\n]*\n$", r.err)
    r = with_file("x x", { "s.lua" })
    assert.equal(1, r.code)
    assert.matches("^heddle: s%.lua:1: [^\n]*\n$", r.err)
    assert.equal(1, heddle({ "-e", "x =" }).code)
    assert.equal(1, heddle({ "-l", "no_such_module", "-e", "print(1)" }).code)
  end)

  it("passes os.exit's status on", function()
    assert.equal(7, heddle({ "-e", "os.exit(7)" }).code)
    assert.equal(0, heddle({ "-e", "os.exit(true)" }).code)
  end)

  it("ends a script at Ctrl-C with status 130", function()
    local r = with_file("print 'ready' require('heddle').sleep(10)", { "s.lua" },
      { interrupt = "ready" })
    assert.equal(130, r.code)
    assert.is_true(r.wall < 5 * helper.slack)
  end)

  it("refuses what it does not know, with a suggestion", function()
    refuses({ "dmeo" }, "unknown command 'dmeo'.*did you mean 'demo'%?")
    refuses({ "xyzzy" },
      "the commands are compare, completion, demo, doctor, explain, list, run, top")
    refuses({ "--sede=1", "x.lua" }, "unknown option '%-%-sede': did you mean '%-%-seed'%?")
    refuses({ "-x" }, "unknown option '%-x'")
    refuses({ "-e" }, "%-e: a value expected")
    refuses({ "-l" }, "%-l: a value expected")
    refuses({ "--seed=x", "-e", "print(1)" }, "%-%-seed: a whole number .* got 'x'")
    refuses({ "--json=x.json", "-e", "print(1)" }, "%-%-json: only `heddle demo` and `heddle comp")
    refuses({ "--csv", "x.csv", "list" }, "%-%-csv: only `heddle demo` and")
    refuses({ "--queue" }, "%-%-queue: a value expected")
    refuses({ "--report=", "x.lua" }, "%-%-report: a value expected")
    refuses({ "--quiet=yes", "-e", "x = 1" }, "%-%-quiet: it takes no value, got 'yes'")
    refuses({ "--version=2" }, "%-%-version: it takes no value")
  end)
end)

describe("heddle list and run", function()
  it("name the scenarios with their opening sentences", function()
    local r = heddle { "list" }
    assert.equal(0, r.code)
    assert.matches("lost_update +Threads that do [^\n]* %[simple, article%]\n", r.out)
    refuses({ "list", "all" }, "list takes no more words, got 'all'")
  end)

  it("run a scenario by its name, with the words after it", function()
    local r = heddle { "run", "basic_thread" }
    assert.equal(0, r.code, r.all)
    assert.matches("\nMain thread finished\n$", r.out)
    assert.equal(r.out, heddle({ "run", "--", "threads/basic_thread", "--" }).out)
    r = heddle { "run", "basic_thread", "--help" }
    assert.matches("^Usage: heddle run basic_thread [^\n]+\n\nThe main thread goes on", r.out)
    assert.matches("\nFrom: simple ", r.out)
  end)

  it("make a scenario's chance follow from a seed", function()
    local words = { "run", "lock_sums_times", "--seed=7" }
    local a = heddle(words)
    assert.matches("the sleeps sum up to 0%.%d+ s", a.out)
    assert.equal(a.out, heddle(words).out)
    words[3] = "--seed=8"
    assert.not_equal(a.out, heddle(words).out)
    assert.equal(a.out, heddle({ "--seed=7", "run", "lock_sums_times" }).out)
  end)

  it("refuse an unknown one", function()
    refuses({ "run" }, "the name of a scenario expected")
    refuses({ "run", "lost_updaet" }, "unknown scenario .*: did you mean 'lost_update'%?")
    refuses({ "run", "xyzzy" }, "unknown scenario 'xyzzy': heddle list names them\n$")
    refuses({ "run", "--fast", "lost_update" }, "run: it has no option '%-%-fast'")
    refuses({ "run", "lost_update", "--sede=1" }, "option '%-%-sede': did you mean '%-%-seed'")
    refuses({ "run", "lost_update", "--seed=x" }, "%-%-seed: a whole number .* got 'x'")
    refuses({ "run", "lost_update", "--seed" }, "%-%-seed: a value expected")
    refuses({ "run", "lost_update", "more" }, "run lost_update: it takes no words, got 'more'")
  end)
end)

describe("heddle demo", function()
  helper.case_limit = 60
  local SMALL = { "--jobs=2", "--seed=42", "--workers=2", "--time=100" }

  local function demo(words, options)
    local all = { "demo", table.unpack(words) }
    table.move(SMALL, 1, #SMALL, #all + 1, all)
    return heddle(all, options)
  end

  for _, model in ipairs { "coroutines", "threads", "isolates", "processes", "task", "process" } do
    it("runs the service: " .. model, function()
      local r = demo { model }
      assert.equal(0, r.code, r.all)
      assert.matches("2 done, 0 failed, 0 left\n", r.out)
      assert.matches("speed%-up  %d+%.%d+ %(the jobs' summed CPU seconds / wall%)", r.out)
      assert.matches("seed 42\n", r.out)
      assert.matches("is processing Job #0 %(type=CPUBoundJob, size=1%.1394267984578836%)\n", r.err)
    end)
  end

  it("compares the four models on the same jobs; the last line is the answer", function()
    local r = demo({ "--quiet" }, { limit = 60 })
    assert.equal(0, r.code, r.all)
    for _, model in ipairs { "coroutines", "threads", "isolates", "processes" } do
      assert.matches("\n  " .. model .. " x2 +2 +0 +0 ", r.out)
    end
    assert.matches("\n%l+ x2 ran fastest: [^\n]*\n$", r.out)
    assert.equal("", r.err)
  end)

  it("draws a seed and prints it", function()
    local r = heddle { "demo", "task", "--jobs=0" }
    assert.matches("seed %d+ %(drawn%)", r.err)
    assert.matches("seed %d+\n", r.out)
  end)

  it("takes `--x V` as `--x=V`, negative numbers and durations with a unit", function()
    local r = heddle { "demo", "--seed", "-7", "--jobs", "1", "--time", "250ms", "threads",
      "--workers", "1", "--quiet" }
    assert.equal(0, r.code, r.all)
    assert.matches("1 job, 1 worker, seed %-7\n", r.out)
    assert.equal("", r.err)
  end)

  it("writes JSON to a file and to stdout", function()
    local cjson = require "cjson"
    local path = os.tmpname()
    assert.equal(0, demo({ "isolates", "--json=" .. path }).code)
    assert.equal(2, cjson.decode(helper.slurp(path)).totals.done)
    os.remove(path)
    local r = demo { "threads", "--json=-", "--quiet" }
    assert.equal(42, cjson.decode(r.out).seed)
    assert.matches("2 done", r.err)
  end)

  it("ends cleanly at Ctrl-C with what was measured", function()
    for _, model in ipairs { "coroutines", "threads", "isolates", "processes" } do
      local r = heddle({ "demo", model, "--jobs=50", "--seed=1", "--time=60" },
        { interrupt = "is processing Job #0" })
      assert.equal(130, r.code, r.all)
      assert.matches("seed 1 %(interrupted%)\n", r.out)
      assert.matches("%d+ done, %d+ failed, %d+ left\n", r.out)
      assert.matches("job %d+ failed: interrupted\n", r.out)
      assert.not_matches("speed%-up", r.out)
      assert.is_true(r.wall < 10 * helper.slack)
    end
  end)

  -- Each of the two waits several times until the other gives the GIL up; then comes Ctrl-C.
  it("says at Ctrl-C how long each thread has waited for the GIL", function()
    local r = with_file([[
      local count = require("heddle.shared").value("int", 0)
      local root = require("heddle.process").current().pid
      return require("heddle.mix").new { jobs = 2, kinds = { a = { run = function(_, job)
        for both = 2, 12, 2 do
          count:add(1)
          while count:add(0) < both do end
        end
        if job.number == 0 then require("luv").kill(root, "sigint") end
        while true do end
      end } } }]], { "demo", "threads", "--mix=./s.lua", "--workers=2", "--time=60", "--json=-" })
    assert.equal(130, r.code, r.all)
    local workers = require("cjson").decode(r.out).workers
    assert.equal(2, #workers)
    for _, worker in ipairs(workers) do assert.is_true(worker.gil_wait > 0, r.out) end
  end)

  it("ends the comparison at Ctrl-C with the models that were measured", function()
    local r = with_file([[
      return require("heddle.mix").new { jobs = 50, kinds = { a = { run = function()
      io.stderr:write "begun"
      require("heddle").sleep(30)
    end } } }]], { "demo", "--mix=./s.lua", "--seed=1", "--time=60" }, { interrupt = "begun" })
    assert.equal(130, r.code, r.all)
    assert.matches("%(partial: interrupted%)\n", r.out)
    assert.matches("\n  coroutines x4 %(stopped%) +%d", r.out)
  end)

  it("fails when the JSON can't be written, before anything runs", function()
    local r = heddle { "demo", "threads", "--json=/nonexistent/x.json" }
    assert.equal(1, r.code)
    assert.matches("^heddle: %-%-json: can't write [^\n]*No such file[^\n]*\n$", r.err)
    assert.equal("", r.out)
  end)

  it("fails when its results can't be written", function()
    local line = helper.quote(helper.absolute_executable()) .. " %s 2>&1 >/dev/full; echo $?"
    for _, words in ipairs { "list", "--help", "demo task --jobs=0 --quiet" } do
      local r = helper.command { "sh", "-c", line:format(words) }
      assert.equal("heddle: can't write the output: No space left on device\n1\n", r.out)
    end
  end)

  it("says which of its files could not be written", function()
    for _, form in ipairs { "json", "csv", "markdown", "report", "trace" } do
      local r = heddle { "demo", "task", "--jobs=0", "--quiet", "--" .. form .. "=/dev/full" }
      assert.equal(1, r.code)
      assert.equal(("heddle: --%s: can't write /dev/full: No space left on device\n"):format(form),
        r.err)
    end
  end)

  it("refuses bad input for every flag", function()
    for word, pattern in pairs {
      ["--workers=0"] = "%-%-workers: a whole number from 1 to %d+ expected, got '0'",
      ["--workers=two"] = "got 'two'",
      ["--jobs=-1"] = "%-%-jobs: a whole number from 0 to %d+ expected, got '%-1'",
      ["--jobs=1.5"] = "got '1%.5'",
      ["--seed=x"] = "%-%-seed: a whole number of at most 64 bits expected, got 'x'",
      ["--seed=99999999999999999999"] = "64 bits",
      ["--time=soon"] = "%-%-time: a duration such as 10, 2s or 250ms expected, got 'soon'",
      ["--time=-1"] = "got '%-1'",
      ["--time=99999999999h"] = "%-%-time: at most 100 years expected",
      ["--method=frok"] = "one of fork, spawn, forkserver expected.*did you mean 'fork'%?",
      ["--sed=1"] = "unknown option '%-%-sed': did you mean '%-%-seed'%?",
      ["--full-time=3"] = "%-%-full%-time",
      ["--jobs"] = "%-%-jobs: a value expected",
      ["-x"] = "unknown option '%-x': there are %-%-help",
      thraeds = "unknown model 'thraeds': did you mean 'threads'%?",
      fibers = "unknown model 'fibers': there are coroutines, threads, isolates, processes",
    } do
      refuses({ "demo", word }, pattern)
    end
    refuses({ "demo", "threads", "tasks" }, "one model expected, got 'tasks' as well")
    refuses({ "demo", "threads", "--method=fork" }, "%-%-method: only processes .* not threads")
    refuses({ "demo", "--mix=cpu_bond" }, "unknown mix 'cpu_bond': did you mean 'cpu_bound'%?")
    refuses({ "demo", "--json=-", "--csv=-" }, "%-%-csv=%-: stdout is taken by %-%-json=%- already")
    refuses({ "demo", "--json=" }, "%-%-json: a file expected")
    refuses({ "demo", "--queue=x.db" }, "%-%-queue: the model expected whose workers do its jobs")
    refuses({ "--queue=x.db", "demo" }, "%-%-queue: the model expected whose workers do its jobs")
  end)

  it("takes -- as the end of options", function()
    refuses({ "demo", "--jobs=1", "--", "--quiet" }, "unknown model '%-%-quiet'")
    assert.equal(0, heddle({ "demo", "--jobs=0", "--quiet", "--", "threads" }).code)
  end)

  it("runs another mix", function()
    local r = heddle { "demo", "isolates", "--mix=etl", "--jobs=6", "--seed=1", "--quiet" }
    assert.equal(0, r.code, r.all)
    assert.matches("isolates: 6 jobs, 4 workers, seed 1\n", r.out)
    assert.matches("\n  extract +2 +0 +0 ", r.out)
    r = heddle { "demo", "task", "--mix=reference", "--jobs=1", "--seed=42" }
    assert.matches("Job #0 %(type=CPUBoundJob, size=1%.1394267984578836%)\n", r.err)
    assert.matches("1 job of reference", r.err)
  end)

  it("writes CSV and Markdown", function()
    local path = os.tmpname()
    local r = heddle { "demo", "threads", "--mix=io_bound", "--jobs=3", "--seed=1", "--quiet",
      "--csv=-", "--markdown=" .. path }
    assert.equal(0, r.code, r.all)
    assert.matches("^version,model,[^\n]*,started_s,[^\n]*\n1,threads,4,,1,0,query,", r.out)
    assert.matches("^# threads: 3 jobs, 4 workers, seed 1\n", helper.slurp(path))
    assert.matches("3 done", r.err)
    os.remove(path)
  end)

  it("refuses a broken mix with its file and key", function()
    local text = "return require('heddle.mix').new { kinds = { a = { cpu = 'x' } } }"
    local r = with_file(text, { "demo", "task", "--mix=s.lua" })
    assert.equal(1, r.code)
    assert.equal('heddle: s.lua: mix.new: kinds.a.cpu: a number >= 0 or a distribution expected, '
      .. 'got "x" [bad-mix]\n', r.err)
    r = with_file("x x", { "compare", "s.lua" })
    assert.equal(1, r.code)
    assert.matches("^heddle: s%.lua:1: [^\n]*\n$", r.err)
    r = heddle { "compare", "no/such.lua" }
    assert.equal(1, r.code)
    assert.equal("heddle: no/such.lua: there is no such file\n", r.err)
  end)
end)

describe("heddle.usage", function()
  it("reads durations", function()
    for text, seconds in pairs {
      ["10"] = 10, ["2s"] = 2, ["250ms"] = 0.25, ["1.5"] = 1.5, [".5s"] = 0.5, ["2m"] = 120,
      ["1h"] = 3600,
    } do
      assert.equal(seconds, usage.duration("--time", text))
    end
    for _, text in ipairs { "", ".", "s", "1 2", "1x", "nan", "inf", "0x10", "1e3" } do
      assert.is_true(usage.is_failure(helper.raises(nil, usage.duration, "--time", text)), text)
    end
  end)

  it("measures how far words are apart", function()
    assert.equal(0, usage.distance("lock", "lock"))
    assert.equal(1, usage.distance("lock", "look"))
    assert.equal(1, usage.distance("dmeo", "demo"))
    assert.equal(4, usage.distance("", "demo"))
    assert.equal(3, usage.distance("kitten", "sitting"))
  end)

  it("suggests what is near or begun, and nothing else", function()
    local models = { "coroutines", "threads", "isolates", "processes" }
    assert.equal("threads", usage.nearest("tread", models))
    assert.equal("processes", usage.nearest("proc", models))
    assert.equal("coroutines", usage.nearest("Corutines", models))
    assert.is_nil(usage.nearest("fibers", models))
    assert.is_nil(usage.nearest("x", models))
  end)
end)
