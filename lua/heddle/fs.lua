--- Files and folders. The work is done by helper threads: only the calling task waits. Failures are
--- nil, message, code, as those of io.open: nil, "x: No such file or directory", "ENOENT".
--- A task that is cancelled while it waits leaves the operation to end by itself.
-- Stands on: heddle.native.fs.
local native = require "heddle.native.fs"

---@class heddle.fs
local fs = {}

---@class heddle.fs.Stat
---@field type "file"|"directory"|"fifo"|"socket"|"character device"|"block device"|"other"
---@field size integer
---@field mode integer  permission bits
---@field mtime number  seconds since 1970; so are atime and ctime
---@field atime number
---@field ctime number
---@field uid integer
---@field gid integer
---@field links integer
---@field device integer
---@field inode integer


---The whole content of a file.
---@type fun(path: string): string?, string?, string?
fs.read = native.read

---Makes a string the whole content of a file, which is made if need be.
---@type fun(path: string, s: string): boolean?, string?, string?
fs.write = native.write

---Adds a string to a file, which is made if need be.
---@type fun(path: string, s: string): boolean?, string?, string?
fs.append = native.append

---What is at a path; links are followed.
---@type fun(path: string): heddle.fs.Stat?, string?, string?
fs.stat = native.stat

---The names in a folder, in order.
---@type fun(path: string): string[]?, string?, string?
fs.list = native.list

---Makes a folder.
---@type fun(path: string): boolean?, string?, string?
fs.mkdir = native.mkdir

---Removes a file or an empty folder.
---@type fun(path: string): boolean?, string?, string?
fs.remove = native.remove

---Gives a file or folder another name.
---@type fun(path: string, to: string): boolean?, string?, string?
fs.rename = native.rename


return fs
