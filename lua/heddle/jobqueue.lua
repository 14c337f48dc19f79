--- The seam behind which a service's jobs are kept: an engine with put, take, ack, nak, touch and
-- stats. There are two, in memory and in an SQLite file; a third would be a file like theirs.
--
--     local q = jobqueue.open("q.db", { seed = 1, count = 20, what = "etl", takers = 2 })
--     q:put(0, 9)                    -- these may begin now; they travel together, if they can
--     local first, last = q:take(1)  -- so taker 1 has these in hand; nil, "timeout"|"closed"
--     q:ack(first, "done")           -- true: it has ended so; false: it was acknowledged before
--     q:nak(1)                       -- gives back what taker 1 has in hand and has not ended
--     q:touch(1)                     -- taker 1 is still at it
--     q:stats()                      -- {total=, waiting=, ready=, taken=, acked=, oldest=}
--
-- Jobs are known by their number from 0; what they are follows from the seed. A job is acknowledged
-- at most once, ever. Who opened the queue is its owner; takers in other interpreters have an end
-- of their own with these six, `jobqueue.attach(q:share())`. What a taker tells reaches a file by
-- way of the owner, to whom it is an event `{queue=message}`; it hands it to `q:hear(message)`.
-- The owner's other calls:
--
--     q:ended()         -- {[number]=status}: acknowledged before this start
--     q:status(number)  -- how it was acknowledged; nil: not yet
--     q:held(taker)     -- first, last: what it has in hand; nil: nothing
--     q:at_rest(takers) -- nothing can be taken, and none of these has anything in hand
--     q:renew(number)   -- it was lost on its way to a taker that died: it may begin once more
--     q:finish()        -- nothing more is put but by takers, who end when all is done
--     q:shut()          -- takers end now
--     q:batch(fn)       -- what fn does comes about as a whole
--     q:close()
--
-- What was taken and neither acknowledged nor given back when the program died waits again at the
-- next start.
-- Stands on: heddle.jobqueue_memory, heddle.jobqueue_sqlite.

local jobqueue = {}

jobqueue.MEMORY = "memory"

---@class heddle.jobqueue.Info  what a queue's jobs are drawn from, and who takes them
---@field seed integer
---@field count integer
---@field what string  the mix's name
---@field takers integer  at most so many
---@field name? string  of the service
---@field linked? boolean  takers put jobs, too: it is open for them until all are acknowledged
---@field stays? boolean  it is open until it is shut
---@field events? table  the queue on which the owner is told; a file's takers need it

---@class heddle.jobqueue.Engine
---@field put fun(self, first: integer, last: integer)
---@field take fun(self, taker: integer, timeout: number?): integer?, integer|string
---@field ack fun(self, number: integer, status: string): boolean
---@field nak fun(self, taker: integer)
---@field touch fun(self, taker: integer)
---@field stats fun(self): table<string, number>
---@field share fun(self): table  what a taker's end is made of; it can be sent


local function engine(path)
  return require(path == jobqueue.MEMORY and "heddle.jobqueue_memory" or "heddle.jobqueue_sqlite")
end


--- What a queue that is there already was made for.
---@param path string  a file, or jobqueue.MEMORY
---@return heddle.jobqueue.Info?  nil: there is none yet; raises, without a position, what is wrong
function jobqueue.peek(path)
  return engine(path).peek(path)
end


--- Opens a queue, and makes it where there is none.
---@param path string  a file, or jobqueue.MEMORY
---@param info heddle.jobqueue.Info
---@return heddle.jobqueue.Engine  raises, without a position, what is wrong: the file is no queue,
---  is another mix's, or is in use
function jobqueue.open(path, info)
  return engine(path).open(path, info)
end


--- A taker's end, in the taker's own interpreter.
---@param shared table  what `share` gave
---@return heddle.jobqueue.Engine
function jobqueue.attach(shared)
  return require(shared.engine).attach(shared)
end


return jobqueue
