-- What lives in the whole program, and what it waits for: heddle.ps, heddle.tree, heddle.locks.
local native = require "heddle.native.watch"

local watch = {}

---@class heddle.ps.Row
---@field model "task"|"thread"|"isolate"|"process"
---@field id integer the handle's
---@field name string
---@field pid integer of the process it lives in
---@field tid integer of its OS thread
---@field state "pending"|"running"|"blocked"
---@field waits_for? string an object's name, "sleep", "end of Thread-1" …
---@field where? string the innermost line of the user's code, "f.lua:12"
---@field since? number seconds that it has waited
---@field held_by? string who holds the lock that it waits for
---@field cycle? boolean it waits in a cycle of held locks, without time-out
---@field main? boolean a task: the function of its thread, isolate or process
---@field children? heddle.ps.Row[] in heddle.tree: what was started there

local columns = {
  "model", "id", "name", "pid", "state", "since", "where", "waits_for", "held_by", "cycle",
}
local right = { id = true, pid = true, since = true }


-- Text --------------------------------------------------------------------------------------------

local function show(row, column)
  local value = row[column]
  if column == "since" then return value and ("%.3f"):format(value) or "" end
  if column == "cycle" then return value and "cycle" or "" end
  return tostring(value ~= nil and value or ""):gsub("%c", " ")
end


local function pad(text, width, to_the_right)
  local space = (" "):rep(width - (utf8.len(text) or #text))
  return to_the_right and space .. text or text .. space
end


local function widths_of(lines)
  local widths = {}
  for _, line in ipairs(lines) do
    for i, text in ipairs(line) do
      widths[i] = math.max(widths[i] or 0, utf8.len(text) or #text)
    end
  end
  return widths
end


-- Lines of aligned columns; one that is empty throughout is left out.
local function align(lines, names)
  local widths, out = widths_of(lines), {}
  local function add(line)
    local cells = {}
    for i, text in ipairs(line) do
      if (widths[i] or 0) > 0 then
        cells[#cells + 1] = pad(text, math.max(widths[i], #names[i]), right[names[i]])
      end
    end
    out[#out + 1] = table.concat(cells, "  "):gsub("%s+$", "")
  end
  local titles = {}
  for i, name in ipairs(names) do titles[i] = name:upper() end
  add(titles)
  for _, line in ipairs(lines) do add(line) end
  return table.concat(out, "\n")
end


-- A worker's row shows its function's state already.
local function is_shown(row)
  return not (row.main and row.worker)
end


-- Tasks of one OS thread that wait for the same at the same place are alike.
local function likeness(row)
  if row.model ~= "task" then return nil end
  return table.concat({ row.tid or 0, row.state, row.where or "", row.waits_for or "" }, "\0")
end


local MANY, SHOWN = 100, 10

-- The rows to print; of many that are alike the first few, and how many more there are.
local function fold(rows)
  local alike, kept, more = {}, {}, {}
  for _, row in ipairs(rows) do
    local like = likeness(row)
    if like then alike[like] = (alike[like] or 0) + 1 end
  end
  local seen = {}
  for _, row in ipairs(rows) do
    local like = likeness(row)
    local n = like and alike[like] or 0
    if like then seen[like] = (seen[like] or 0) + 1 end
    if n <= MANY or seen[like] <= SHOWN then kept[#kept + 1] = row end
    if n > MANY and seen[like] == SHOWN then more[#kept] = n - SHOWN end
  end
  return kept, more
end


local function print_rows(rows)
  local lines, shown = {}, {}
  for _, row in ipairs(rows) do
    if is_shown(row) then shown[#shown + 1] = row end
  end
  local kept, more = fold(shown)
  for n, row in ipairs(kept) do
    local line = {}
    for i, column in ipairs(columns) do line[i] = show(row, column) end
    lines[#lines + 1] = line
    if more[n] then
      line = { "task", "", ("(%d more like this)"):format(more[n]) }
      for i = #line + 1, #columns do line[i] = "" end
      lines[#lines + 1] = line
    end
  end
  return align(lines, columns)
end


local function describe(row)
  local text = ("%s %s (%s"):format(row.model, row.name, row.state)
  if row.waits_for == "sleep" then
    text = text:gsub("blocked$", "asleep")
  elseif row.waits_for then
    text = ("%s, waits for %s"):format(text, row.waits_for)
  end
  if row.held_by then text = ("%s held by %s"):format(text, row.held_by) end
  if row.where then text = ("%s at %s"):format(text, row.where) end
  if row.since then text = ("%s for %.3f s"):format(text, row.since) end
  return text .. (row.cycle and ", cycle)" or ")")
end


local function print_branch(row, lines, lead, below)
  lines[#lines + 1] = lead .. describe(row)
  local shown = {}
  for _, child in ipairs(row.children) do
    if is_shown(child) then shown[#shown + 1] = child end
  end
  for i, child in ipairs(shown) do
    local last = i == #shown
    local lead_on, below_on = below .. (last and "└─ " or "├─ "), below .. (last and "   " or "│  ")
    print_branch(child, lines, lead_on, below_on)
  end
end


local function print_tree(roots)
  local lines = {}
  for _, root in ipairs(roots) do print_branch(root, lines, "", "") end
  return table.concat(lines, "\n")
end


local function print_locks(locks)
  local lines = {}
  for i, lock in ipairs(locks) do
    local waiters = table.concat(lock.waiters, ", ")
    lines[i] = { lock.kind, lock.name, lock.state, lock.held_by or "", waiters }
  end
  return align(lines, { "kind", "name", "state", "held_by", "waiters" })
end


local rows_meta = { __name = "heddle.ps", __tostring = print_rows }
local tree_meta = { __name = "heddle.tree", __tostring = print_tree }
local locks_meta = { __name = "heddle.locks", __tostring = print_locks }


-- What is known -----------------------------------------------------------------------------------

-- The rows of threads, isolates and processes by their OS thread's seat; of tasks by their id.
local function index(rows)
  local workers, tasks = {}, {}
  for _, row in ipairs(rows) do
    if row.model == "task" then
      tasks[row.id] = row
    elseif row.seat then
      workers[row.seat] = row
    end
  end
  return workers, tasks
end


local of_task = { "state", "waits_for", "where", "since", "object", "timed", "job", "kind" }

-- A thread, isolate or process is what its function is, as long as that runs.
local function take_state(worker, task)
  for _, key in ipairs(of_task) do
    worker[key] = task[key]
  end
  worker.task = task.id
end


-- Its function has ended: it waits for the tasks that it started.
local function wait_for_tasks(worker, busy)
  if worker.task or not worker.seat or busy == nil then return end
  worker.state = busy and "running" or "blocked"
  worker.waits_for = "its tasks"
end


-- The task in which a pool's worker runs a job: it is what that worker does; one of a pool of
-- coroutines stands by itself.
local function name_job(task, worker)
  local is_its = worker and worker.waits_for == "end of " .. task.name
  task.name = "Job-" .. task.job
  if not is_its then return end
  take_state(worker, task)
  task.main = true -- in the worker's line
end


local function join_workers(rows, workers)
  local busy = {} -- by seat: whether one of its tasks runs
  for _, row in ipairs(rows) do
    local worker = row.model == "task" and workers[row.seat]
    if worker then
      row.worker = worker.id
      busy[row.seat] = busy[row.seat] or row.state ~= "blocked"
      if row.main then take_state(worker, row) end
    end
  end
  for _, row in ipairs(rows) do
    if row.internal then name_job(row, workers[row.seat]) end
  end
  for seat, worker in pairs(workers) do
    wait_for_tasks(worker, busy[seat])
    worker.state = worker.state or "running"
  end
end


-- What others call a task: a worker's function by the worker's name.
local function name_of(task, workers)
  if not task then return nil end
  local worker = task.main and workers[task.seat]
  return worker and worker.name or task.name
end


local function holders(source)
  local by_object = {}
  for _, lock in ipairs(source.locks()) do by_object[lock.object] = lock end
  return by_object
end


local function holder_name(lock, workers, tasks)
  if not lock.holder then return nil end
  return name_of(tasks[lock.holder], workers)
    or ("a task of process %d that has ended"):format(lock.holder_pid)
end


-- Whether going from waiter to holder, from holder to waiter leads back to the row.
local function is_in_cycle(row, locks, tasks)
  local at = row
  for _ = 1, 64 do
    local lock = not at.timed and locks[at.object]
    at = lock and lock.holder and tasks[lock.holder]
    if not at then return false end
    if at == row then return true end
  end
  return false
end


local function mark(row, locks, workers, tasks)
  local lock = row.object and locks[row.object]
  if not lock then return end
  row.held_by = holder_name(lock, workers, tasks)
  local task = row.task and tasks[row.task] or row
  row.cycle = is_in_cycle(task, locks, tasks) or nil
end


local order = { process = 1, isolate = 2, thread = 3, task = 4 }

local function before(a, b)
  if a.pid ~= b.pid then return (a.pid or 0) < (b.pid or 0) end
  if a.model ~= b.model then return order[a.model] < order[b.model] end
  return a.id < b.id
end


local function collect(source)
  source = source or native
  local rows = source.rows()
  local workers, tasks = index(rows)
  join_workers(rows, workers)
  local locks = holders(source)
  for _, row in ipairs(rows) do mark(row, locks, workers, tasks) end
  table.sort(rows, before)
  return rows, workers, tasks
end


local inner = { "seat", "object", "timed", "job", "kind", "internal", "lock" }

local function strip(rows)
  for _, row in ipairs(rows) do
    for _, key in ipairs(inner) do row[key] = nil end
    if row.model ~= "task" then row.task = nil end
  end
  return rows
end


---The rows of any program, in the order of ps(), with more: a worker's row has `task`, the id of
---its function's; `job` and `kind` are those of the job that is done there, `lock` whether it waits
---for a lock.
---@param source {rows: (fun(): table[]), locks: (fun(): table[])}
---@return heddle.ps.Row[]
function watch.rows_of(source)
  return (collect(source))
end


---Every live task, thread, isolate and process of the whole program. `tostring` prints a table, in
---which a worker and its function are one line.
---```lua
---for _, row in ipairs(heddle.ps()) do print(row.name, row.waits_for) end
---```
---@return heddle.ps.Row[]
function watch.ps()
  return setmetatable(strip(collect()), rows_meta)
end


local function parent_of(row, by_id, root)
  local parent = by_id[row.model == "task" and row.worker or row.parent]
  return parent ~= row and parent or root
end


---The same as a tree: each row's `children` are what was started there. `tostring` prints it.
---@return heddle.ps.Row[] roots the program's first process
function watch.tree()
  local rows = strip(collect())
  local by_id, root = {}, nil
  for _, row in ipairs(rows) do
    row.children = {}
    if row.model ~= "task" then by_id[row.id] = row end
    if row.model == "process" and not row.parent then root = row end
  end
  for _, row in ipairs(rows) do
    if row ~= root then table.insert(parent_of(row, by_id, root).children, row) end
  end
  return setmetatable({ root }, tree_meta)
end


local function waiting_at(workers, tasks)
  local lines = native.waiters()
  table.sort(lines, function(a, b) return a.arrival < b.arrival end)
  local by_object = {}
  for _, line in ipairs(lines) do
    local list = by_object[line.object] or {}
    by_object[line.object] = list
    list[#list + 1] = name_of(tasks[line.task], workers) or ("task %d"):format(line.task)
  end
  return by_object
end


---@class heddle.locks.Row
---@field kind "lock"|"rlock"|"rwlock"|"semaphore"
---@field name string
---@field state string "held", "free" …
---@field holder? string a task's, thread's, isolate's or process's name
---@field held_by? string the same, as in the rows of ps
---@field waiters string[] names, in the order they will be served

---The program's locks, those that somebody waits for first.
---@return heddle.locks.Row[]
function watch.locks()
  local _, workers, tasks = collect()
  local waiters, locks = waiting_at(workers, tasks), native.locks()
  for _, lock in ipairs(locks) do
    lock.waiters = waiters[lock.object] or {}
    lock.held_by = holder_name(lock, workers, tasks)
  end
  table.sort(locks, function(a, b)
    if #a.waiters ~= #b.waiters then return #a.waiters > #b.waiters end
    if (a.held_by == nil) ~= (b.held_by == nil) then return a.held_by ~= nil end
    return a.object < b.object
  end)
  for _, lock in ipairs(locks) do
    lock.object, lock.holder, lock.holder_pid = nil, lock.held_by, nil
  end
  return setmetatable(locks, locks_meta)
end


---Writes `ps()` to stderr: what Ctrl-\ does.
function watch.print()
  io.stderr:write("heddle: what lives, and what it waits for\n", tostring(watch.ps()), "\n")
end


return watch
