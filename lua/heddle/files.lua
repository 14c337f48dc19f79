--- Looks into files by one plain read, which no task waits for: the command, its parts, the REPL.
-- Stands on: Lua's own io.

local open = io.open -- what a script does to io is its own

local files = {}


--- Whether there is something that can be opened.
---@param path string
---@return boolean
function files.exists(path)
  local file <close> = open(path, "rb")
  return file ~= nil
end


--- A file's content.
---@param path string
---@return string?  nil where it can't be read
function files.slurp(path)
  local file <close> = open(path, "rb")
  return file and file:read "a"
end


--- A file's lines.
---@param path string
---@return string[]?  nil where it can't be opened
function files.lines(path)
  local file <close> = open(path, "r")
  if not file then return nil end
  local lines = {}
  for line in file:lines() do lines[#lines + 1] = line end
  return lines
end


return files
