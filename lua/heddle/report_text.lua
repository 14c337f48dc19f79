--- A report for people: text for a terminal, tables in Markdown.
-- Stands on: nothing.

local report_text = {}

local MOST_ERRORS = 10


-- Numbers ----------------------------------------------------------------------------------------

--- Seconds in the unit that suits them.
---@param x? number
---@return string
function report_text.seconds(x)
  if not x then return "-" end
  if x == 0 then return "0 s" end
  if x < 0.9995e-3 then return ("%.3g us"):format(x * 1e6) end
  if x < 0.9995 then return ("%.3g ms"):format(x * 1e3) end
  return ("%.2f s"):format(x)
end


--- Bytes in the unit that suits them.
---@param x? integer
---@return string
function report_text.bytes(x)
  if not x then return "-" end
  if x < 1 << 20 then return ("%.0f KiB"):format(x / 1024) end
  return ("%.1f MiB"):format(x / (1 << 20))
end


---@param x number  a share
---@return string
function report_text.percent(x)
  return ("%.0f %%"):format(100 * x)
end


--- A number of things in words: "1 job", "4 workers".
---@param n integer
---@param what string
---@return string
function report_text.count(n, what)
  return ("%d %s%s"):format(n, what, n == 1 and "" or "s")
end

local seconds, percent = report_text.seconds, report_text.percent
local count = report_text.count


-- Tables -----------------------------------------------------------------------------------------

--- Lays rows of text out in columns; the first is flush left, the others right.
---@param rows string[][]
---@return string text  without a newline at the end
function report_text.columns(rows)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, utf8.len(cell)) end
  end
  local lines = {}
  for n, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do
      local gap = (" "):rep(widths[i] - utf8.len(cell))
      cells[i] = i == 1 and cell .. gap or gap .. cell
    end
    lines[n] = "  " .. table.concat(cells, "   ")
  end
  return table.concat(lines, "\n")
end


--- The same rows as a table in Markdown.
---@param rows string[][]
---@return string
function report_text.markdown_table(rows)
  local lines = {}
  for n, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do cells[i] = cell:gsub("|", "\\|") end
    lines[#lines + 1] = "| " .. table.concat(cells, " | ") .. " |"
    if n == 1 then lines[2] = "|" .. ("---|"):rep(#row) end
  end
  return table.concat(lines, "\n")
end


-- A run ------------------------------------------------------------------------------------------

--- Statuses of jobs in words; those that are rare only where there are any.
---@param t heddle.report.Totals
---@return string
function report_text.statuses(t)
  local text = ("%d done, %d failed, %d left"):format(t.done, t.failed, t.left)
  if t.timeout > 0 then text = text .. (", %d timed out"):format(t.timeout) end
  if t.skipped > 0 then text = text .. (", %d skipped"):format(t.skipped) end
  return text
end


--- Heads and keys of the columns that count jobs by status; those that are rare only where there
--- are any.
---@param list heddle.report.Totals[]  all that stand in the table
---@return string[] heads
---@return string[] keys  of the totals, in the same order
function report_text.status_columns(list)
  local heads, keys = { "done", "failed", "left" }, { "done", "failed", "left" }
  for _, rare in ipairs { { "timed out", "timeout" }, { "skipped", "skipped" } } do
    local any = false
    for _, t in ipairs(list) do any = any or t[rare[2]] > 0 end
    if any then heads[#heads + 1], keys[#keys + 1] = rare[1], rare[2] end
  end
  return heads, keys
end


local function headline(r)
  return ("%s: %s, %s, seed %d%s"):format(r.model, count(#r.jobs, "job"),
    count(r.worker_count, "worker"), r.seed, r.interrupted and " (interrupted)" or "")
end


local function gil_line(gil)
  return ("waited %.2f s for it in all, %d switches, %d of them forced"):format(gil.wait,
    gil.switches, gil.forced)
end


--- The totals; an interrupted run has no speed-up, since the CPU seconds of the jobs that were in
--- hand are not known.
local function totals_text(r, t)
  local earlier = r.earlier and (", %d before this start"):format(r.earlier) or ""
  local lines = {
    "  jobs      " .. report_text.statuses(t) .. earlier,
    ("  time      %.2f s wall, %.2f s CPU%s, %.4g jobs/s"):format(t.wall, t.cpu,
      r.interrupted and " in the jobs that ended" or "", t.throughput),
  }
  if not r.interrupted then
    lines[#lines + 1] = ("  speed-up  %.2f (%s)"):format(t.speedup, r:speedup_label())
  end
  if r.gil then lines[#lines + 1] = "  GIL       " .. gil_line(r.gil) end
  return table.concat(lines, "\n")
end


local SPREAD = { "mean", "p50", "p90", "p99", "max" }

local function spread_row(name, spread)
  local row = { name }
  for i, key in ipairs(SPREAD) do row[i + 1] = seconds(spread[key]) end
  return row
end


--- Waiting, running and both together, from the moment a job was due.
local function times_rows(t)
  local rows = {
    { "time", table.unpack(SPREAD) }, spread_row("wait", t.wait), spread_row("run", t.run),
    spread_row("total", t.total),
  }
  return rows, t.run.error
end


--- Appends to a list all of another.
local function append(list, more)
  return table.move(more, 1, #more, #list + 1, list)
end


local function kinds_rows(r)
  local kinds, names = r:kinds(), {}
  for name in pairs(kinds) do names[#names + 1] = name end
  table.sort(names)
  local heads, keys = report_text.status_columns { r:totals() }
  local rows = { append({ "kind", table.unpack(heads) },
    { "wait p50", "run p50", "run p99", "total p99" }) }
  for _, name in ipairs(names) do
    local t, row = kinds[name], { name }
    for _, key in ipairs(keys) do row[#row + 1] = tostring(t[key]) end
    rows[#rows + 1] = append(row, {
      seconds(t.wait.p50), seconds(t.run.p50), seconds(t.run.p99), seconds(t.total.p99),
    })
  end
  return rows
end


local function workers_rows(r)
  local workers, locks = r:workers(), false
  for _, w in ipairs(workers) do locks = locks or w.lock_wait > 0 end
  local rows = { { "worker", "jobs", "busy" } }
  for _, w in ipairs(workers) do rows[#rows + 1] = { w.name, tostring(w.jobs), percent(w.busy) } end
  local function column(head, key)
    table.insert(rows[1], head)
    for i, w in ipairs(workers) do table.insert(rows[i + 1], ("%.2f s"):format(w[key])) end
  end
  if r.gil then column("GIL wait", "gil_wait") end
  if locks then column("lock wait", "lock_wait") end
  return rows
end


--- What failed, a line each, the first few of them.
local function errors_lines(r)
  local lines = {}
  for i = 1, #r.jobs do
    if #lines >= MOST_ERRORS then break end
    local status = r.jobs.row and r.jobs:row(i)
    local job = (not status or status == "failed" or status == "timeout") and r.jobs[i]
    if job and job.status == "timeout" then
      lines[#lines + 1] = ("  job %d timed out"):format(job.number)
    elseif job and job.error then
      lines[#lines + 1] = ("  job %d failed: %s"):format(job.number, job.error:match "^[^\n]*")
    end
  end
  for _, worker in ipairs(r.workers_seen) do
    if worker.error then
      lines[#lines + 1] = ("  %s failed: %s"):format(worker.name, worker.error)
    end
  end
  return lines
end


local function footnote(off)
  return ("more than a million samples: percentiles are exact to %.1f %%"):format(100 * off)
end


--- The report for people.
---@param r heddle.report.Report
---@return string text  lines without a newline at the end
function report_text.text(r)
  local t = r:totals()
  local parts = { headline(r), totals_text(r, t) }
  if t.run.mean then
    local rows, off = times_rows(t)
    parts[#parts + 1] = "\n" .. report_text.columns(rows)
    if off then parts[#parts + 1] = "  " .. footnote(off) end
  end
  local kinds = kinds_rows(r)
  if #kinds > 2 then parts[#parts + 1] = "\n" .. report_text.columns(kinds) end
  parts[#parts + 1] = "\n" .. report_text.columns(workers_rows(r))
  local errors = errors_lines(r)
  if #errors > 0 then parts[#parts + 1] = "\n" .. table.concat(errors, "\n") end
  return table.concat(parts, "\n")
end


--- The same in Markdown.
---@param r heddle.report.Report
---@return string
function report_text.markdown(r)
  local t = r:totals()
  local rows, off = times_rows(t)
  local parts = {
    "# " .. headline(r), "", "heddle report, version 1; " .. report_text.statuses(t) .. ".", "",
    report_text.markdown_table {
      { "wall (s)", "CPU (s)", "jobs/s", "speed-up: " .. r:speedup_label() },
      {
        ("%.6g"):format(t.wall), ("%.6g"):format(t.cpu), ("%.6g"):format(t.throughput),
        r.interrupted and "-" or ("%.3f"):format(t.speedup),
      },
    }, "", report_text.markdown_table(rows), "",
  }
  if off then table.move({ footnote(off) .. ".", "" }, 1, 2, #parts + 1, parts) end
  parts[#parts + 1] = report_text.markdown_table(kinds_rows(r)) .. "\n"
  parts[#parts + 1] = report_text.markdown_table(workers_rows(r))
  local errors = errors_lines(r)
  for i, line in ipairs(errors) do errors[i] = "-" .. line:sub(2) end
  if #errors > 0 then parts[#parts + 1] = "\n" .. table.concat(errors, "\n") end
  return table.concat(parts, "\n")
end


return report_text
