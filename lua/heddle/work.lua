--- The job kernels: work whose cost is known.
-- Each of them holds the GIL while it computes, as a C function does, and can't be preempted;
-- with `release=true` it gives the GIL up meanwhile and other threads of its interpreter run.
-- Stands on: heddle.native.work (SHA3-512 is OpenSSL's, opened on first use).

local native = require "heddle.native.work"

---@class heddle.work
local work = {}

---@class heddle.work.Options
---@field release? boolean  give the GIL up meanwhile (default false)

--- The SHA3-512 of a string, 64 bytes: one round of the demo's jobs is `sha3_512("")`.
---@type fun(s: string): string
work.sha3_512 = native.sha3_512

--- Computes SHA3-512 of the empty string `rounds` times in one call.
---@type fun(rounds: integer, options?: heddle.work.Options)
work.sha3 = native.sha3

--- Uses `seconds` of CPU time of its OS thread, however long that takes.
---@type fun(seconds: number, options?: heddle.work.Options)
work.spin = native.spin

--- Writes `bytes` bytes to a temporary file and reads them back; it has no name and is gone
--- afterwards. The GIL is given up meanwhile.
---@type fun(bytes: integer)
work.disk = native.disk

--- Allocates `bytes` bytes of this interpreter's memory and writes to each page of them; they are
--- given back when the result is collected.
---@type fun(bytes: integer, options?: heddle.work.Options): userdata
work.memory = native.memory


return work
