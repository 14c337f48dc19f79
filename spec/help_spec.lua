-- help(x) in the REPL and in scripts.

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
