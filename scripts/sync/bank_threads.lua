-- Deposits and withdrawals of the same amount leave another balance, unless a lock keeps them
-- apart. A switch between reading the balance and writing it back loses what others did meanwhile.
--
-- From: roundup (Multithreading: race condition and lock)
-- Unlike Python: a short switch interval makes the loss frequent; since 3.10 CPython looks for a
-- switch only at calls and at the end of a loop, so that the same code there seldom loses.

local sync = require "heddle.sync"
local thread = require "heddle.thread"

local ROUNDS = 1000000
thread.switch_interval(1e-4)

local function run(change, rounds)
  local account = { balance = 100 }
  local function repeated(amount)
    for _ = 1, rounds do change(account, amount) end
  end
  local deposit, withdraw = thread.start(repeated, 1), thread.start(repeated, -1)
  deposit:join()
  withdraw:join()
  return account.balance
end

local function unsafe(account, amount)
  account.balance = account.balance + amount
end

local lock = sync.lock()
local function safe(account, amount)
  lock:acquire()
  account.balance = account.balance + amount
  lock:release()
end

print("initial balance: 100")
print("without a lock:  " .. run(unsafe, ROUNDS))
print("with a lock:     " .. run(safe, ROUNDS // 20))
