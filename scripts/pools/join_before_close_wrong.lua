-- A pool is closed before it is joined: nobody knows what to wait for while jobs may still come.
--
-- From: article (Multiprocessing: the pool needs to be closed before it joins)
-- Unlike Python: "Pool is still running" there; `local p <close>` does both in the right order.

local pool = require "heddle.pool"

local function square(n) return n * n end

local p = pool.new("threads", 2)
local future = p:submit(square, 12)
print("join first:", pcall(p.join, p))
p:close()
print("close, then join:", pcall(p.join, p))
print("after close:", pcall(p.submit, p, square, 13))
print("the job was done all the same: " .. future:result())
