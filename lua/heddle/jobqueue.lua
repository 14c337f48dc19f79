--- The seam behind which a service's jobs are kept: an engine with put, take, ack, nak, touch and
-- stats. There are two, in memory and in an SQLite file; a third would be a file like theirs.
--
--     local q = jobqueue.open("jobs.db", { seed = 42, count = 20, what = "reference" })
--     q:put(numbers)              -- these may begin now; those that have ended stay as they are
--     local numbers = q:take(4)   -- up to so many, which are ours until we say what became of them
--     q:ack(number, "done")       -- true: it has ended so; false: it had been acknowledged before
--     q:nak(numbers)              -- given back, for somebody else
--     q:touch(numbers)            -- we are still at it
--     q:stats()                   -- {total=, waiting=, ready=, taken=, acked=}
--     q:ended()                   -- {[number]=status}: acknowledged before this start
--     q:close()
--
-- Jobs are known by their number from 0; what they are follows from the seed. A job is acknowledged
-- at most once, ever. What was taken and neither acknowledged nor given back when the program died
-- waits again at the next start.
-- Stands on: heddle.jobqueue_memory, heddle.jobqueue_sqlite.

local jobqueue = {}

jobqueue.MEMORY = "memory"

---@class heddle.jobqueue.Info  what a queue's jobs are drawn from
---@field seed integer
---@field count integer
---@field what string  the mix's name

---@class heddle.jobqueue.Engine
---@field put fun(self, numbers: integer[])
---@field take fun(self, most: integer): integer[]
---@field ack fun(self, number: integer, status: string): boolean
---@field nak fun(self, numbers: integer[])
---@field touch fun(self, numbers: integer[])
---@field stats fun(self): table<string, integer>
---@field ended fun(self): table<integer, string>
---@field batch fun(self, fn: function)  what fn does comes about as a whole
---@field close fun(self)


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


return jobqueue
