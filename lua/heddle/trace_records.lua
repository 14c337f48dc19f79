--- The recorder's raw records, taken out of the rings: whose each ring was, what things are called,
-- and all events in the order of time.
-- Stands on: heddle.native.trace.

local native = require "heddle.native.trace"

local trace_records = {}

local SIZE = 32
local FORMAT = "<i8BBI2I4i8i8" -- time, kind, flags, extra, task, a, b

-- Kinds of records (enum trace_kind).
local OWNER, TASK = 1, 3 -- between them: text
trace_records.RUN, trace_records.PARK, trace_records.WAIT, trace_records.WAKE = 4, 5, 6, 7
trace_records.WANT, trace_records.HAVE, trace_records.JOB = 8, 9, 10
trace_records.DEPTH, trace_records.KILLED = 11, 12

local MODELS = { [0] = "coroutine", "thread", "isolate", "process" }
local MAIN, INTERNAL = 1, 2
local MOST_THREADS = 1 << 22 -- ids of OS threads are smaller


---@class heddle.trace_records.Thread
---@field seat integer
---@field order integer  how many workers were started before it; 0: the program's main thread
---@field pid integer
---@field tid integer  the OS thread's; made up when that one worked for another before
---@field name string

---@class heddle.trace_records.Names
---@field threads table<string, string>
---@field tasks table<integer, table>  by id: name, number, model, main, internal
---@field objects table<integer, string>  by number
---@field words table<integer, string>


local function text_at(records, at)
  return (records:sub(at + 16, at + 31):gsub("%z+$", ""))
end


local function add_text(list, id, part, text)
  list[id] = part == 0 and text or (list[id] or "") .. text
end


--- Reads one ring's names into `names`; returns the threads that wrote it, with the place of the
--- first record of each.
local function read_names(records, names)
  local owners, owner = {}, nil
  local texts = { [1] = names.task_names, [2] = names.objects, [3] = names.words }
  for at = 1, #records, SIZE do
    local kind = records:byte(at + 8)
    if kind <= TASK then
      local _, _, flags, extra, task, a, b = FORMAT:unpack(records, at)
      if kind == OWNER then
        if not owner or extra == 0 then
          owner = {
            seat = b & 0xffffffff, order = b >> 32, pid = a >> 32, tid = a & 0xffffffff, name = "",
          }
          local first = #owners == 0 and extra == 1 and 1 or at
          owners[#owners + 1] = { first = first, thread = owner }
        end
      elseif kind == TASK then
        names.tasks[task] = {
          number = a, model = MODELS[extra], main = flags & MAIN ~= 0,
          internal = flags & INTERNAL ~= 0,
        }
      elseif flags == 0 then
        local text = text_at(records, at)
        if owner then owner.name = extra == 0 and text or owner.name .. text end
      else
        add_text(texts[flags], task, extra, text_at(records, at))
      end
    end
  end
  return owners
end


local function thread_of(owners, at, place)
  while owners[place + 1] and owners[place + 1].first <= at do place = place + 1 end
  return place
end


--- Walks through one ring's records in order.
local function reader(ring, names)
  local records, place, at = ring.records, 0, 1 - SIZE
  local owners = read_names(records, names)
  local self = { threads = owners }
  function self.step()
    repeat
      at = at + SIZE
      if at > #records then
        self.time = nil
        return
      end
      self.time, self.kind, self.flags, self.extra, self.task, self.a, self.b =
        FORMAT:unpack(records, at)
      place = thread_of(owners, at, place)
    until self.kind > TASK and place > 0
    self.thread = owners[place].thread
  end
  self.step()
  return self
end


--- The readers whose time is least come first: a binary heap.
local function sift_down(heap, i)
  local item, n = heap[i], #heap
  while true do
    local child = 2 * i
    if child > n then break end
    if child < n and heap[child + 1].time < heap[child].time then child = child + 1 end
    if heap[child].time >= item.time then break end
    heap[i], i = heap[child], child
  end
  heap[i] = item
end


local function merged(readers, visit)
  local heap = {}
  for _, r in ipairs(readers) do
    if r.time then heap[#heap + 1] = r end
  end
  for i = #heap // 2, 1, -1 do sift_down(heap, i) end
  while heap[1] do
    local first = heap[1]
    visit(first)
    first.step()
    if not first.time then
      heap[1] = heap[#heap]
      heap[#heap] = nil
    end
    if heap[1] then sift_down(heap, 1) end
  end
end


--- An OS thread may work for several isolates in turn: the later ones get numbers that no OS thread
--- has, so that each has a lane of its own.
local function number_threads(threads)
  local taken = {}
  for _, thread in ipairs(threads) do
    while taken[thread.tid] do thread.tid = thread.tid + MOST_THREADS end
    taken[thread.tid] = true
  end
end


--- Takes a copy of all rings of the last recording.
---@return table taken  names, and `each(visit)`, which calls `visit(record)` with each event in the
---  order of time: time (nanoseconds), kind, flags, extra, task, a, b, thread
function trace_records.take()
  local names = { tasks = {}, task_names = {}, objects = {}, words = {} }
  local readers, lost, threads = {}, 0, {}
  for i, ring in ipairs(native.rings()) do
    readers[i] = reader(ring, names)
    lost = lost + ring.lost
    for _, owner in ipairs(readers[i].threads) do threads[#threads + 1] = owner.thread end
  end
  number_threads(threads)
  for id, name in pairs(names.task_names) do
    if names.tasks[id] then names.tasks[id].name = name end
  end
  return {
    names = names, lost = lost, threads = threads,
    each = function(visit) merged(readers, visit) end,
  }
end


return trace_records
