--- `heddle doctor`: what this machine gives a program, and which optional parts are missing.
-- Stands on: heddle, heddle.files, heddle.options.

local files = require "heddle.files"
local heddle = require "heddle"
local options = require "heddle.options"

local doctor = {}

doctor.command = {
  name = "heddle doctor", about = "What this machine gives a program, and what is missing.",
  examples = "Exit status 1 when a part is missing.", values = {}, flags = {},
}

-- Each: what for, how to find out, the Debian package.
local PARTS = {
  { "SHA-3 jobs (libcrypto)", "libcrypto.so.3", "libssl3" },
  { "the HTTP client (libcurl)", "libcurl.so.4", "libcurl4" },
  { "the HTTP server (libmicrohttpd)", "libmicrohttpd.so.12", "libmicrohttpd12" },
  { "line editing in the REPL (libedit)", "libedit.so.2", "libedit2" },
  { "jobs kept in a file (LuaSQL for SQLite)", "luasql.sqlite3", "lua-sql-sqlite3" },
  { "help and completions (lua-argparse)", "argparse", "lua-argparse" },
}


local function slurp(path) return files.slurp(path) or "" end


--- A limit of this process by its name in /proc/self/limits.
local function limit(name)
  return slurp("/proc/self/limits"):match(name .. "%s+(%S+)") or "unknown"
end


local function gib(kilobytes)
  return kilobytes and ("%.1f GiB"):format(tonumber(kilobytes) / 1048576) or "unknown"
end


-- The least that the groups around this process leave it, in bytes; nil: none limits it.
local function group_memory()
  local path, least = slurp("/proc/self/cgroup"):match "0::([^\n]*)" or "/", nil
  while path do
    local cap = tonumber(slurp("/sys/fs/cgroup" .. path .. "/memory.max"):match "^%d+")
    if cap and cap < (least or math.huge) then least = cap end
    path = path:match "^(.*)/"
  end
  return least
end


local function memory_lines(add)
  local info = slurp "/proc/meminfo"
  add("memory", ("%s, of it %s free"):format(gib(info:match "MemTotal:%s+(%d+)"),
    gib(info:match "MemAvailable:%s+(%d+)")))
  local cap = group_memory()
  add("memory of the cgroup", cap and gib(cap // 1024) or "no limit")
end


local function is_there(name)
  if not name:find "%.so" then return (pcall(require, name)) end
  return package.loadlib(name, "*") ~= nil
end


local function machine_lines(add)
  local cores, why = heddle.cores()
  add("cores", ("%s (by %s)"):format(cores, why))
  local quota = require("heddle.native.host").quota "/proc/self"
  add("CPU quota of the cgroup", quota and ("%.4g cores"):format(quota) or "none")
  add("kernel", slurp("/proc/sys/kernel/osrelease"):match "%S+" or "unknown")
  memory_lines(add)
  add("open files", limit "Max open files")
  add("processes and threads", limit "Max processes")
  add("largest address space", limit "Max address space")
end


---The findings as text.
---@return string text
---@return integer missing  how many parts are not there
function doctor.text()
  local lines, missing = {}, 0
  local function add(what, found) lines[#lines + 1] = ("%-42s %s"):format(what, found) end
  lines[1] = require("heddle.version").text() .. "\n"
  machine_lines(add)
  lines[#lines + 1] = ""
  for _, part in ipairs(PARTS) do
    local there = is_there(part[2])
    if not there then missing = missing + 1 end
    add(part[1], there and "there" or ("missing: install the Debian package " .. part[3]))
  end
  return table.concat(lines, "\n"), missing
end


---@param words string[]
---@return integer status
function doctor.main(words)
  local args, help = options.read(doctor.command, words)
  local text, missing = help, 0
  if args then text, missing = doctor.text() end
  require("heddle.usage").write(io.stdout, text)
  return missing > 0 and 1 or 0
end

return doctor
