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
