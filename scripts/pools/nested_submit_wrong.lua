-- A job that waits for another job of its own pool starves when there is no worker left for it.
-- With one worker it waits for itself; with two it is done; with `n` such jobs at once `n` starve.
--
-- From: simple (a task is assigned to an available thread from the pool)
-- Unlike Python: the same there; its documentation warns of it.

local pool = require "heddle.pool"

local function square(n) return n * n end

local function run(workers)
  local p = pool.new("threads", workers)
  local outer = p:submit(function()
    local inner = p:submit(square, 7)
    local result, why = inner:result(0.3) -- without a time-out: for ever
    inner:cancel()
    return result or why
  end)
  print(("with %d worker%s: %s"):format(workers, workers == 1 and "" or "s", outer:result()))
  p:close()
  p:join()
end

run(1)
run(2)
