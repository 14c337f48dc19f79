-- An error that nobody asked for is shown at the latest when the pool is joined.
-- One future's error is read; the other's is not, and comes out on stderr, once.
--
-- From: article (Pool.join: a synchronization point that can report some exceptions)
-- Unlike Python: there an error that nobody reads is lost, in spite of what the text hopes for.

local pool = require "heddle.pool"

local function may_fail(n)
  if n % 2 == 0 then error("job " .. n .. " has failed", 0) end
  return n
end

local p = pool.new("processes", 2)
local futures = {}
for n = 1, 4 do futures[n] = p:submit(may_fail, n) end

local ok, why = pcall(futures[2].result, futures[2])
print("job 2, asked for:", ok, why:match "[^\n]*")
p:close()
print("join:", p:join())
print "see stderr for job 4"
