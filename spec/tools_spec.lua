-- heddle doctor, heddle completion, heddle --version.
local helper = require "spec.helper"

describe("heddle --version", function()
  it("names itself, Lua and libuv", function()
    local r = helper.heddle { "--version" }
    assert.equal(0, r.code)
    local own, parts = r.out:match "^(.-)\n(.-)\n$"
    assert.truthy(own:find "^heddle %d+%.%d+%.%d+ %(Lua 5%.4%)$")
    assert.truthy(parts:find "^Lua 5%.4%.%d+, libuv %d+%.%d+%.%d+$")
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
  local function completed(words)
    local script = ([[eval "$(%s completion bash)"
      COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
      _heddle
      printf '%%s\n' "${COMPREPLY[@]}"]]):format(helper.absolute_executable(), words)
    return helper.command { "bash", "-c", script }.out
  end

  it("completes commands and their options in bash", function()
    local commands = completed "heddle do"
    assert.truthy(commands:find("doctor", 1, true))
    assert.falsy(commands:find("demo", 1, true))
    local flags = completed "heddle demo --jo"
    assert.equal("--jobs\n", flags)
    assert.truthy(completed("heddle compare --ro"):find("--rounds", 1, true))
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
  it("puts everything in place, and make uninstall takes all of it away", function()
    local folder = os.tmpname()
    os.remove(folder)
    local function make(target)
      local words = { "make", "-s", target, "PREFIX=/usr", "DESTDIR=" .. folder }
      local r = helper.command(words, { limit = 60 })
      assert(r.code == 0, r.all)
    end
    make "install"
    for _, path in ipairs { "bin/heddle", "share/man/man1/heddle.1", "share/man/man3/heddle-lua.3",
      "share/man/man7/heddle-models.7", "share/bash-completion/completions/heddle",
      "share/zsh/site-functions/_heddle", "share/fish/vendor_completions.d/heddle.fish",
      "share/heddle/library/heddle/queue.lua", "share/doc/heddle/README.md" } do
      assert(helper.slurp(folder .. "/usr/" .. path) ~= "", path .. " is not there")
    end
    local stock = helper.command { "lua5.4", folder .. "/usr/share/lua/5.4/heddle.lua" }
    assert.truthy(stock.err:find("run the script by `heddle FILE.lua`", 1, true))
    make "uninstall"
    local left = helper.command { "find", folder, "-type", "f" }
    assert.equal("", left.out)
    assert(os.execute("rm -r " .. folder))
  end)
end)

describe("the manual pages", function()
  it("name every command and exit status", function()
    local page = helper.slurp "man/heddle.1"
    for _, word in ipairs { "demo", "compare", "run, list", "top", "doctor", "explain",
      "completion", "EXIT STATUS" } do
      assert(page:find(word, 1, true), word)
    end
  end)
end)
