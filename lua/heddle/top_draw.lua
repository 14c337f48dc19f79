--- The picture of `heddle top`: text of a width and height, made of what heddle.top_source found.
-- Stands on: nothing.

local top_draw = {}

local QUEUES = 3 -- at most 1/3 of the lines are queues
-- What a column is left out for when it says nothing else.
local QUIET = { ["GIL WAIT>"] = "0%", ["LOCK WAIT>"] = "0%", ["TASKS>"] = "1" }


local function width_of(text)
  return utf8.len(text) or #text
end


---The beginning of a line, "…" at its end when it was longer.
---@param text string
---@param width integer
---@return string
function top_draw.cut(text, width)
  if width_of(text) <= width then return text end
  local last = utf8.offset(text, width)
  return (last and text:sub(1, last - 1) or text:sub(1, width - 1)) .. "…"
end


local function percent(value)
  return value and ("%.0f%%"):format(100 * value) or ""
end


local function per_second(value)
  return value and ("%.1f"):format(value) or ""
end


local function seconds(value)
  if not value then return "" end
  if value >= 3600 then return ("%.1f h"):format(value / 3600) end
  return ("%.1f s"):format(value)
end


-- A share of the time now, and seconds in all.
local function waited(share, total)
  if not total then return "" end
  if total < 0.05 then return percent(share or 0) end
  return ("%s %s"):format(percent(share or 0), seconds(total))
end


local function measure(titles, rows)
  local widths = {}
  for i, title in ipairs(titles) do
    widths[i] = #title:gsub(">$", "")
    for _, row in ipairs(rows) do widths[i] = math.max(widths[i], width_of(row[i])) end
  end
  return widths
end


-- Which columns are shown: those that say something, as many as fit. `spared`: titles of those that
-- are left out first where they don't.
local function columns_shown(titles, rows, widths, width, spared)
  local shown, place, sum = {}, {}, -2
  for i, title in ipairs(titles) do
    place[title] = i
    for _, row in ipairs(rows) do
      shown[i] = shown[i] or row[i] ~= "" and not (QUIET[title] and row[i] == QUIET[title])
    end
    if shown[i] then sum = sum + widths[i] + 2 end
  end
  for _, title in ipairs(spared) do
    local i = place[title]
    if sum > width and shown[i] then shown[i], sum = false, sum - widths[i] - 2 end
  end
  return shown
end


-- Aligned columns. A title that ends in ">" is set to the right.
local function align(titles, rows, width, spared)
  local widths = measure(titles, rows)
  local shown = columns_shown(titles, rows, widths, width, spared)
  local function line(row)
    local cells = {}
    for i, title in ipairs(titles) do
      local text = row[i]:gsub(">$", "")
      local space = (" "):rep(widths[i] - width_of(text))
      if shown[i] then cells[#cells + 1] = title:find ">$" and space .. text or text .. space end
    end
    return (table.concat(cells, "  "):gsub("%s+$", ""))
  end
  local lines = { line(titles) }
  for _, row in ipairs(rows) do lines[#lines + 1] = line(row) end
  return lines
end


-- The first lines of a table, and how many more there are.
local function add(out, lines, most)
  for i = 1, math.min(#lines, most) do out[#out + 1] = lines[i] end
  if #lines > most and most > 2 then
    out[#out] = ("… and %d more"):format(#lines - most + 1)
  end
end


local function add_up(sums, row, keys)
  for _, key in ipairs(keys) do
    if row[key] then sums[key] = (sums[key] or 0) + row[key] end
  end
end


local SUMMED = {
  "cpu", "gil_wait", "lock_wait", "gil_waited", "lock_waited", "job_rate", "jobs_done",
}


local function counts(moment)
  local n = { process = 0, thread = 0, isolate = 0, task = 0, waiting = 0, cycles = 0 }
  for _, row in ipairs(moment.rows) do
    n[row.model] = n[row.model] + 1
    if row.model == "task" and row.state == "blocked" then n.waiting = n.waiting + 1 end
    if row.cycle then n.cycles = n.cycles + 1 end
    add_up(n, row, SUMMED)
  end
  return n
end


local function plural(n, word)
  return ("%d %s%s"):format(n, word, n == 1 and "" or word:find "s$" and "es" or "s")
end


---One line about the whole program.
---@param moment heddle.top_source.Moment
---@return string
function top_draw.summary(moment)
  local n = counts(moment)
  local parts = { plural(n.process, "process") }
  if n.isolate > 0 then parts[#parts + 1] = plural(n.isolate, "isolate") end
  if n.thread > 0 then parts[#parts + 1] = plural(n.thread, "thread") end
  parts[#parts + 1] = ("%s (%d waiting)"):format(plural(n.task, "task"), n.waiting)
  if n.cpu then parts[#parts + 1] = "CPU " .. percent(n.cpu) end
  if (n.jobs_done or 0) > 0 then
    local rate = n.job_rate and (" (%s/s)"):format(per_second(n.job_rate)) or ""
    parts[#parts + 1] = plural(n.jobs_done, "job") .. " done" .. rate
  end
  if n.gil_waited then parts[#parts + 1] = "GIL wait " .. waited(n.gil_wait, n.gil_waited) end
  if n.lock_waited then parts[#parts + 1] = "lock wait " .. waited(n.lock_wait, n.lock_waited) end
  if n.cycles > 0 then parts[#parts + 1] = ("%d in a cycle of locks"):format(n.cycles) end
  return table.concat(parts, ", ")
end


-- The fullest first, then those that somebody waits for.
local function queue_lines(queues, width)
  table.sort(queues, function(a, b)
    if a.depth ~= b.depth then return a.depth > b.depth end
    if a.waiting ~= b.waiting then return a.waiting > b.waiting end
    return a.object < b.object
  end)
  local rows = {}
  for i, queue in ipairs(queues) do
    local depth = queue.maxsize > 0 and ("%d of %d"):format(queue.depth, queue.maxsize)
      or tostring(queue.depth)
    rows[i] = { queue.name:gsub("%c", " "), depth, per_second(queue.put_rate),
      per_second(queue.get_rate), queue.waiting > 0 and tostring(queue.waiting) or "",
      queue.closed and "closed" or "" }
  end
  return align({ "QUEUE", "DEPTH>", "PUT/S>", "GET/S>", "WAITING>", "" }, rows, width, { "PUT/S>" })
end


local function job_of(row)
  if not row.job then return "" end
  return (("#%d %s"):format(row.job, row.kind or ""):gsub("%c", " "):gsub(" $", ""))
end


-- `home`: the program's first process.
local function worker_line(row, home)
  local waits = row.waits_for or ""
  if row.held_by then waits = ("%s (held by %s)"):format(waits, row.held_by) end
  if row.cycle then waits = waits .. " (cycle)" end
  return { row.model, (row.name:gsub("%c", " ")), row.pid ~= home and tostring(row.pid or "") or "",
    row.state, job_of(row), (row.jobs_done or 0) > 0 and per_second(row.job_rate) or "",
    percent(row.cpu), percent(row.gil_held), waited(row.gil_wait, row.gil_waited),
    waited(row.lock_wait, row.lock_waited), row.tasks and tostring(row.tasks) or "",
    seconds(row.since), row.where or "", (waits:gsub("%c", " ")) }
end


-- Workers, then the tasks that are not a worker's own function.
local function worker_lines(all, home, width)
  local rows = {}
  for _, tasks in ipairs { false, true } do
    for _, row in ipairs(all) do
      local shown = not (row.main and row.worker)
      if shown and (row.model == "task") == tasks then rows[#rows + 1] = worker_line(row, home) end
    end
  end
  return align({ "MODEL", "NAME", "PID>", "STATE", "JOB", "JOBS/S>", "CPU>", "GIL>", "GIL WAIT>",
    "LOCK WAIT>", "TASKS>", "FOR>", "WHERE", "WAITS FOR" }, rows, width,
    { "TASKS>", "GIL>", "CPU>", "FOR>", "MODEL", "LOCK WAIT>" })
end


---The picture: the program, its queues, its workers and tasks.
---@param program {pid: integer, command: string}
---@param moment heddle.top_source.Moment
---@param width integer of the lines at most
---@param height integer how many lines at most
---@param untitled? boolean without the line that names the program
---@return string[] lines
function top_draw.picture(program, moment, width, height, untitled)
  local out = { ("heddle top: %d  %s"):format(program.pid, program.command) }
  if untitled then out[1] = nil end
  out[#out + 1] = top_draw.summary(moment)
  if #moment.queues > 0 then
    local most = height == math.huge and math.huge or math.max(2, (height - 2) // QUEUES)
    add(out, queue_lines(moment.queues, width), most)
  end
  add(out, worker_lines(moment.rows, program.pid, width), height - #out)
  for i, line in ipairs(out) do out[i] = top_draw.cut(line, width) end
  return table.move(out, 1, math.min(#out, height), 1, {})
end


return top_draw
