-- A page in a headless browser, for specs.

local helper = require "spec.helper"

local browser = {}

local NAMES = { "chromium-headless-shell", "chromium" }

local function find()
  for _, name in ipairs(NAMES) do
    if os.execute("command -v " .. name .. " >/dev/null 2>&1") then return name end
  end
end

browser.program = find()

-- Runs before the page's own script: keeps what goes wrong.
local BEFORE = [[<script>
const wrong = [];
addEventListener("error", (e) => wrong.push(e.message));
addEventListener("securitypolicyviolation", (e) => wrong.push(e.violatedDirective));
</script>
]]

-- Runs after it: what `look` returns stands in the page as JSON.
local AFTER = [[<pre id="looked"></pre><script>
try { document.getElementById("looked").textContent = JSON.stringify((() => { %s })()); }
catch (e) { wrong.push(String(e)); }
document.getElementById("looked").dataset.wrong = JSON.stringify(wrong);
</script></body>]]

local ENTITIES = { lt = "<", gt = ">", amp = "&", quot = '"', nbsp = "\u{a0}" }

local function plain(text)
  return (text:gsub("&(%a+);", ENTITIES))
end

local function instrument(html, look)
  local page = html:gsub("<style>", function() return BEFORE .. "<style>" end, 1)
  local script = AFTER:format(look)
  return (page:gsub("</body>", function() return script end))
end

---Opens a page from a file and looks at it.
---@param html string
---@param look string  the body of a function in JavaScript
---@param options? string[]  of the browser
---@return any seen  what it returned
---@return table wrong  the errors there were
---@return string dom  the page as it was then
function browser.look(html, look, options)
  local folder = helper.command({ "mktemp", "-d" }).out:gsub("%s+$", "")
  local path = folder .. "/page.html"
  helper.spit(path, instrument(html, look))
  local words = {
    browser.program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--no-first-run", "--disable-crash-reporter", "--user-data-dir=" .. folder .. "/data",
    "--window-size=1280,1000", table.unpack(options or {}),
  }
  words[#words + 1] = "--dump-dom"
  words[#words + 1] = "file://" .. path
  local result = helper.command(words, { limit = 60 })
  helper.command { "rm", "-rf", folder }
  local wrong, seen = result.out:match '<pre id="looked" data%-wrong="(.-)">(.-)</pre>'
  if not wrong then error("the browser says: " .. result.err .. result.out:sub(1, 500), 2) end
  local json = require "cjson"
  return seen ~= "" and json.decode(plain(seen)) or nil, json.decode(plain(wrong)), result.out
end

return browser
