-- Everyone who takes two locks takes them in the same order, and nobody waits for ever.
--
-- From: simple (race conditions and other synchronization issues)
-- Unlike Python: the same there.

local sync = require "heddle.sync"
local thread = require "heddle.thread"

local accounts = {}
for i, name in ipairs { "Ann", "Ben" } do
  accounts[name] = { rank = i, balance = 100, lock = sync.lock() }
end

local function transfer(from, to, amount)
  local first, second = from, to
  if second.rank < first.rank then first, second = second, first end
  local _ <close> = first.lock:hold()
  local _ <close> = second.lock:hold()
  from.balance, to.balance = from.balance - amount, to.balance + amount
end

local function many(from, to)
  for _ = 1, 1000 do transfer(accounts[from], accounts[to], 1) end
end

local t1, t2 = thread.start(many, "Ann", "Ben"), thread.start(many, "Ben", "Ann")
t1:join()
t2:join()
print(("Ann %d, Ben %d"):format(accounts.Ann.balance, accounts.Ben.balance))
