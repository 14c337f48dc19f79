--- The engine of heddle.jobqueue that keeps its jobs in memory: gone with the program.
-- Stands on: nothing.

local jobqueue_memory = {}

local methods = {}
local meta = { __index = methods, __name = "heddle.jobqueue_memory" }


function jobqueue_memory.peek()
  return nil
end


---@param _ string
---@param info heddle.jobqueue.Info
---@return heddle.jobqueue.Engine
function jobqueue_memory.open(_, info)
  return setmetatable({ total = info.count, state = {}, list = {}, first = 1, last = 0 }, meta)
end


local function push(self, number)
  self.last = self.last + 1
  self.list[self.last], self.state[number] = number, "ready"
end


function methods:put(numbers)
  for _, number in ipairs(numbers) do
    if not self.state[number] then push(self, number) end
  end
end


function methods:take(most)
  local taken = {}
  while #taken < most and self.first <= self.last do
    local number = self.list[self.first]
    self.list[self.first], self.first = nil, self.first + 1
    if self.state[number] == "ready" then
      self.state[number] = "taken"
      taken[#taken + 1] = number
    end
  end
  return taken
end


function methods:ack(number, status)
  local state = self.state[number]
  if state and state ~= "ready" and state ~= "taken" then return false end
  self.state[number] = status
  return true
end


function methods:nak(numbers)
  for _, number in ipairs(numbers) do
    if self.state[number] == "taken" then push(self, number) end
  end
end


function methods.touch() end


function methods:stats()
  local stats = { total = self.total, waiting = self.total, ready = 0, taken = 0, acked = 0 }
  for _, state in pairs(self.state) do
    local key = (state == "ready" or state == "taken") and state or "acked"
    stats[key], stats.waiting = stats[key] + 1, stats.waiting - 1
  end
  return stats
end


function methods.ended()
  return {}
end


function methods.batch(_, fn)
  fn()
end


function methods.close() end


return jobqueue_memory
