--- Errors with the source lines of each frame, for the REPL.
-- Stands on: heddle.repl_entry, heddle.files.

local entry = require "heddle.repl_entry"
local files = require "heddle.files"

local repl_error = {}

local math, table, tonumber = math, table, tonumber -- what an entry does to them stays its
local LONGEST = 160 -- bytes shown of a line
local AROUND = 1 -- lines shown before and after the one a frame stands at


local function lines_of(path)
  return entry.lines(path) or files.lines(path)
end


local function cut(line)
  if #line <= LONGEST then return line end
  local last = LONGEST
  while line:find("^[\x80-\xbf]", last + 1) do last = last - 1 end
  return line:sub(1, last) .. "…"
end


local function is_library(path)
  return path:find "^heddle/" or path:find "^%[C%]" or path == "?"
end


--- The lines around a place, the one it is at marked.
local function excerpt(path, line)
  local lines = not is_library(path) and lines_of(path)
  if not lines or not lines[line] then return nil end
  local shown = {}
  for n = math.max(1, line - AROUND), math.min(#lines, line + AROUND) do
    shown[#shown + 1] = ("      %s %4d | %s"):format(n == line and ">" or " ", n, cut(lines[n]))
  end
  return table.concat(shown, "\n")
end


---A traceback with the source lines of its frames; frames of heddle's own library are left out.
---@param text string
---@return string
function repl_error.with_sources(text)
  local out, traced = {}, false
  for line in (text .. "\n"):gmatch "(.-)\n" do
    traced = traced or line:find "^stack traceback:" ~= nil
    local path, number = line:match "^%s+(.-):(%d+): in "
    local library = traced and (line:find "^%s+%[C%]: in " or path and is_library(path)
      or line:find "^%s+%(%.%.%.tail calls%.%.%.%)" or line:find "started at heddle/")
    if not library then out[#out + 1] = line end
    if path then out[#out + 1] = excerpt(path, tonumber(number)) end
  end
  if out[#out]:find "^stack traceback:" then out[#out] = nil end
  return table.concat(out, "\n")
end


return repl_error
