-- Writes docs/SCENARIOS.md from the opening comments of the scenarios: `make scenarios`.

local scenarios = require "heddle.scenarios"

local HEAD = [[
# The scenarios

Each example of five texts on concurrency in Python, each claim that they make and each program that
they describe, as a script of a few lines: `heddle run NAME` runs it, `heddle run NAME --help` says
more, `heddle list` lists them, and `scripts/` holds them. Where a listing of a text is wrong or
misleads, there is the right one, and a `…_wrong` one that shows what breaks, and ends by itself.

This file is made from the scripts (`make scenarios`).

## The texts

| tag | text |
|---|---|]]

local function cell(text)
  return (text:gsub("|", "\\|"))
end

print(HEAD)
for _, text in ipairs(scenarios.texts) do print(("| %s | %s |"):format(text[1], text[2])) end
local folder
for _, s in ipairs(scenarios.all()) do
  if s.folder ~= folder then
    folder = s.folder
    print(("\n## %s\n"):format(folder))
    print "| text (example) | scenario | what it shows | what differs from Python, and why |"
    print "|---|---|---|---|"
  end
  print(("| %s | [%s](../%s) | %s | %s |"):format(cell(s.from), s.name, s.path, cell(s.sentence),
    cell(s.differs or "nothing")))
end
