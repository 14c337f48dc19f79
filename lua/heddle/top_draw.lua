--- The picture of `heddle top`: text of a width and height, made of what heddle.top_source found.
-- Stands on: nothing.

local top_draw = {}

local QUEUES = 3 -- at most 1/3 of the lines are queues


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


-- Aligned columns. A title that ends in ">" is set to the right; a column that is empty throughout
-- is left out.
local function align(titles, rows)
  local widths, used = {}, {}
  for i, title in ipairs(titles) do
    widths[i] = #title:gsub(">$", "")
    for _, row in ipairs(rows) do
      widths[i] = math.max(widths[i], width_of(row[i]))
      used[i] = used[i] or row[i] ~= ""
    end
  end
  local function line(row)
    local cells = {}
    for i, title in ipairs(titles) do
      local text = row[i]:gsub(">$", "")
      local space = (" "):rep(widths[i] - width_of(text))
      if used[i] then cells[#cells + 1] = title:find ">$" and space .. text or text .. space end
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
  if #lines > most and most > 0 then
    out[#out] = ("… and %d more"):format(#lines - most + 1)
  end
end


local function counts(moment)
  local n = { process = 0, thread = 0, isolate = 0, task = 0, waiting = 0, cycles = 0 }
  local cpu, wait
  for _, row in ipairs(moment.rows) do
    n[row.model] = n[row.model] + 1
    if row.model == "task" and row.state == "blocked" then n.waiting = n.waiting + 1 end
    if row.cycle then n.cycles = n.cycles + 1 end
    if row.cpu then cpu = (cpu or 0) + row.cpu end
    if row.gil_wait then wait = (wait or 0) + row.gil_wait end
  end
  return n, cpu, wait
end


local function plural(n, word)
  return ("%d %s%s"):format(n, word, n == 1 and "" or word:find "s$" and "es" or "s")
end


---One line about the whole program.
---@param moment heddle.top_source.Moment
---@return string
function top_draw.summary(moment)
  local n, cpu, wait = counts(moment)
  local parts = { plural(n.process, "process") }
  if n.isolate > 0 then parts[#parts + 1] = plural(n.isolate, "isolate") end
  if n.thread > 0 then parts[#parts + 1] = plural(n.thread, "thread") end
  parts[#parts + 1] = ("%s (%d waiting)"):format(plural(n.task, "task"), n.waiting)
  if cpu then parts[#parts + 1] = "CPU " .. percent(cpu) end
  if wait then parts[#parts + 1] = "waiting for the GIL " .. percent(wait) end
  if n.cycles > 0 then parts[#parts + 1] = ("%d in a cycle of locks"):format(n.cycles) end
  return table.concat(parts, ", ")
end


-- Those that somebody waits for first, then the fullest.
local function queue_lines(queues)
  table.sort(queues, function(a, b)
    if a.waiting ~= b.waiting then return a.waiting > b.waiting end
    if a.depth ~= b.depth then return a.depth > b.depth end
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
  return align({ "QUEUE", "DEPTH>", "PUT/S>", "GET/S>", "WAITING>", "" }, rows)
end


local function worker_line(row)
  local waits = row.waits_for or ""
  if row.held_by then waits = ("%s (held by %s)"):format(waits, row.held_by) end
  if row.cycle then waits = waits .. " (cycle)" end
  return { row.model, (row.name:gsub("%c", " ")), tostring(row.pid or ""), percent(row.cpu),
    percent(row.gil_held), percent(row.gil_wait), row.tasks and tostring(row.tasks) or "",
    row.state, seconds(row.since), row.where or "", (waits:gsub("%c", " ")) }
end


-- Workers, then the tasks that are not a worker's own function.
local function worker_lines(all)
  local rows = {}
  for _, tasks in ipairs { false, true } do
    for _, row in ipairs(all) do
      local shown = not (row.main and row.worker)
      if shown and (row.model == "task") == tasks then rows[#rows + 1] = worker_line(row) end
    end
  end
  return align({ "MODEL", "NAME", "PID>", "CPU>", "GIL>", "GIL WAIT>", "TASKS>", "STATE", "FOR>",
    "WHERE", "WAITS FOR" }, rows)
end


---The picture: the program, its queues, its workers and tasks.
---@param program {pid: integer, command: string}
---@param moment heddle.top_source.Moment
---@param width integer of the lines at most
---@param height integer how many lines at most
---@return string[] lines
function top_draw.picture(program, moment, width, height)
  local out = { ("heddle top: %d  %s"):format(program.pid, program.command),
    top_draw.summary(moment) }
  if #moment.queues > 0 then
    local most = height == math.huge and math.huge or math.max(2, (height - 2) // QUEUES)
    add(out, queue_lines(moment.queues), most)
  end
  add(out, worker_lines(moment.rows), height - #out)
  for i, line in ipairs(out) do out[i] = top_draw.cut(line, width) end
  return table.move(out, 1, math.min(#out, height), 1, {})
end


return top_draw
