-- heddle doctor, heddle completion, heddle --version.
local helper = require "spec.helper"

describe("heddle --version", function()
  it("names itself, Lua, libuv, and the libraries that it opens", function()
    local r = helper.heddle { "--version" }
    assert.equal(0, r.code)
    local own, parts, opened = r.out:match "^(.-)\n(.-)\n(.-)\n$"
    assert.truthy(own:find "^heddle %d+%.%d+%.%d+ %(Lua 5%.4%)$")
    assert.truthy(parts:find "^Lua 5%.4%.%d+, libuv %d+%.%d+%.%d+$")
    assert.truthy(opened:find("^opened on first use: OpenSSL %d+%.%d+%.%d+, libcurl %d+%.%d+%.%d+, "
      .. "libmicrohttpd %d+%.%d+%.%d+$"))
  end)

  it("says which of them are missing", function()
    local version = require "heddle.version"
    assert.is_nil(version.of_library { "x", "libnothing.so.9", "version" })
    assert.is_nil(version.of_library { "libcurl", "libcurl.so.4", "no_such_function" })
  end)
end)

describe("heddle doctor", function()
  it("says what the machine gives", function()
    local r = helper.heddle { "doctor" }
    for _, what in ipairs { "cores", "CPU quota", "memory", "open files", "libcurl", "SQLite" } do
      assert.truthy(r.out:find(what, 1, true), what)
    end
    local cores = require("heddle").cores()
    assert.truthy(r.out:find("cores%s+" .. tostring(cores):gsub("%.", "%%.") .. " "))
    assert.equal("", r.err)
  end)

  it("ends with status 1 when a part is missing, and names the package", function()
    local env = {}
    for _, name in ipairs { "LUA_PATH", "LUA_PATH_5_4", "LUA_CPATH", "LUA_CPATH_5_4" } do
      env[name] = "/nowhere/?"
    end
    local r = helper.heddle({ "doctor" }, { env = env })
    assert.equal(1, r.code)
    assert.truthy(r.out:find("missing: install the Debian package lua%-sql%-sqlite3"))
  end)

  it("takes no words", function()
    local r = helper.heddle { "doctor", "now" }
    assert.equal(2, r.code)
    assert.truthy(r.err:find "takes no words")
  end)
end)

describe("heddle completion", function()
  -- What bash offers for these words; the last one is being typed. It parts words at "=".
  local function completed(words)
    local script = ([[eval "$(%s completion bash)"
      COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
      _heddle
      printf '%%s\n' "${COMPREPLY[@]}"]]):format(helper.absolute_executable(), words)
    local r = helper.command { "bash", "-c", script }
    assert.equal("", r.err)
    return r.out
  end

  it("completes commands and their options in bash", function()
    assert.equal("doctor\n", completed "heddle do")
    assert.equal("--jobs\n", completed "heddle demo --jo")
    assert.equal("--rounds\n", completed "heddle compare --ro")
    assert.equal("--report\n", completed "heddle --rep")
  end)

  it("completes what a command takes, and values", function()
    assert.equal("isolates\n", completed "heddle demo i")
    assert.equal("cpu_bound\n", completed "heddle compare cp")
    assert.equal("threads\n", completed "heddle compare --models th")
    assert.equal("lock-not-held\nlock-not-owned\n", completed "heddle explain lock-")
    assert.equal("lost_update\nlost_update_sleeps\n", completed "heddle run lost")
    assert.equal("fork\nforkserver\n", completed "heddle demo --method fo")
    assert.equal("spawn\n", completed "heddle demo --method = s")
    assert.equal("fork\nspawn\nforkserver\n", completed "heddle demo --method =")
    assert.equal("threads\n", completed "heddle --seed = 3 demo th")
  end)

  it("leaves a file's name, and a script's words, to bash", function()
    assert.equal("\n", completed "heddle demo --json x")
    assert.equal("\n", completed "heddle script.lua --jo")
    assert.equal("\n", completed "heddle -e d")
  end)

  -- Every option of every command must be in each.
  it("knows all options in all shells", function()
    local function has_all(shell, mark)
      local text = helper.heddle({ "completion", shell }).out
      for _, verb in ipairs { "demo", "compare", "top", "doctor", "completion" } do
        local help = helper.heddle({ verb, "--help" }).out
        for option in help:gmatch "\n   [^\n]-%-%-(%l[%l-]*)" do
          assert(text:find(mark .. option, 1, true), shell .. ": " .. verb .. " --" .. option)
        end
      end
    end
    has_all("bash", "--")
    has_all("zsh", "'--")
    has_all("fish", "-l ")
  end)

  it("knows zsh and fish, too", function()
    assert.truthy(helper.heddle({ "completion", "zsh" }).out:find("#compdef heddle", 1, true))
    assert.truthy(helper.heddle({ "completion", "fish" }).out:find("complete -c heddle", 1, true))
  end)

  it("refuses other shells, and none", function()
    local r = helper.heddle { "completion", "bsh" }
    assert.equal(2, r.code)
    assert.truthy(r.err:find("did you mean 'bash'?", 1, true))
    assert.equal(2, helper.heddle({ "completion" }).code)
  end)
end)

describe("make install", function()
  local folder

  local function make(target)
    local words = { "make", "-s", target, "PREFIX=/usr", "DESTDIR=" .. folder }
    local r = helper.command(words, { limit = 60 })
    assert(r.code == 0, r.all)
  end

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
  end)

  after_each(function() assert(os.execute("rm -r " .. folder)) end)

  it("puts everything in place, and make uninstall takes all of it away", function()
    make "install"
    for _, path in ipairs { "bin/heddle", "share/man/man1/heddle.1", "share/man/man3/heddle-lua.3",
      "share/man/man7/heddle-models.7", "share/bash-completion/completions/heddle",
      "share/zsh/site-functions/_heddle", "share/fish/vendor_completions.d/heddle.fish",
      "share/heddle/library/heddle/queue.lua", "share/doc/heddle/README.md",
      "share/doc/heddle/docs/reference/queue.md", "share/doc/heddle/docs/demo.svg",
      "share/doc/heddle/scripts/threads/lost_update.lua" } do
      assert(helper.slurp(folder .. "/usr/" .. path) ~= "", path .. " is not there")
    end
    local r = helper.command({ folder .. "/usr/bin/heddle", "-e", "print(6 * 7)" }, { cwd = "/" })
    assert.equal("42\n", r.all)
    make "uninstall"
    local left = helper.command { "find", folder .. "/usr", "-mindepth", "1", "-printf", "%P\n" }
    for line in left.out:gmatch "[^\n]+" do
      assert.truthy(line == "bin" or line == "share", line)
    end
  end)

  -- In plain Lua every module says in one sentence what it needs.
  it("leaves modules for plain Lua that say what needs the host", function()
    make "install"
    local env = { LUA_PATH = folder .. "/usr/share/lua/5.4/?.lua" }
    for _, name in ipairs { "heddle", "heddle.queue", "heddle.task", "heddle.pool" } do
      local r = helper.command({ "lua5.4", "-e", ("require %q"):format(name) }, { env = env })
      assert.equal(1, r.code)
      assert.equal("lua5.4: heddle's modules live in its own executable, not in plain Lua: "
        .. "run the script by `heddle FILE.lua`", r.err:match "^[^\n]*")
    end
    -- heddle itself has its own, wherever they lie
    local r = helper.heddle({ "-e", "print(require('heddle.queue').new():size())" }, { env = env })
    assert.equal("0\n", r.all)
  end)
end)

describe("the Debian source package", function()
  it("needs what the build installs", function()
    local wanted = helper.slurp("tools/deps.sh"):match "\n    build%)\n.-'END'\n(.-)END"
    local control = helper.slurp "debian/control"
    local needed = control:match "\nBuild%-Depends: (.-)\n%u"
    for package in wanted:gmatch "([%w.-]+) [^\n]*\n" do
      assert(needed:find(package, 1, true), package .. " is no build dependency")
    end
    local recommended = control:match "\nRecommends: ([^\n]*)"
    for _, package in ipairs { "libssl3", "libcurl4", "libmicrohttpd12", "libedit2",
      "lua-sql-sqlite3" } do
      assert(recommended:find(package, 1, true), package)
    end
  end)
end)

describe("the manual pages", function()
  local function plain(path) return (helper.slurp(path):gsub("\\%-", "-"):gsub("\\e", "\\")) end

  it("name every command, option, exit status and variable", function()
    local page = plain "man/heddle.1"
    local seen = 0
    for _, verb in ipairs { "", "demo", "compare", "run", "list", "top", "explain", "doctor",
      "completion" } do
      assert(page:find("\n.SS heddle " .. verb, 1, true) or verb == "", verb)
      local words = verb == "" and { "--help" } or { verb, "--help" }
      for option in helper.heddle(words).out:gmatch "\n   (%-%-?%l[%l-]*)" do
        seen = seen + 1
        assert(page:find('\n%.BI? "?' .. option:gsub("%-", "%%-") .. '["=\n ]')
          or option == "-h" or option == "--help", verb .. " " .. option)
      end
    end
    assert.truthy(seen > 40)
    for _, status in ipairs { "0", "1", "2", "3", "130" } do
      assert.truthy(page:find("\n.B " .. status .. "\n", 1, true), status)
    end
    for _, name in ipairs { "NO_COLOR", "LUA_PATH", "TMPDIR", "XDG_STATE_HOME", "EDITOR" } do
      assert.truthy(page:find(name, 1, true), name)
    end
  end)

  it("name every function of the library", function()
    local page = plain "man/heddle-lua.3"
    for name, text in pairs(require "heddle.reference") do
      local signature = text:match "^[^\n]*"
      local told = page:find("\n.B " .. signature .. "\n", 1, true)
      assert(told or name:find "^@" or not signature:find "%(", name)
    end
  end)

  it("are of this version, and without faults that groff would name", function()
    local version = require("heddle")._VERSION:gsub("%.", "%%.")
    for _, path in ipairs { "man/heddle.1", "man/heddle-lua.3", "man/heddle-models.7" } do
      assert.truthy(helper.slurp(path):find("heddle " .. version), path)
    end
    assert.truthy(helper.slurp("debian/changelog"):find("^heddle %(" .. version .. "%)"))
    if not helper.command({ "sh", "-c", "command -v groff" }).out:find "groff" then return end
    for _, path in ipairs { "man/heddle.1", "man/heddle-lua.3", "man/heddle-models.7" } do
      local r = helper.command { "groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-z", path }
      assert.equal("", r.all)
    end
  end)
end)
