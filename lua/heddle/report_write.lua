--- Reports as data: JSON and CSV, written piece by piece, so that a million jobs need no more room
-- than the file's.
-- Stands on: heddle.json.

local json = require "heddle.json"

local report_write = {}

local PIECE = 65536 -- bytes that are put together before they are written
local UNITS = { time = "s", memory = "bytes", throughput = "jobs/s", cpu = "s" }


--- A function that takes text in and hands it on in larger pieces; without text it hands on the
--- rest.
local function collector(emit)
  local parts, size = {}, 0
  return function(text)
    if text then
      parts[#parts + 1], size = text, size + #text
    end
    if size >= PIECE or (not text and size > 0) then
      emit(table.concat(parts))
      parts, size = {}, 0
    end
  end
end


--- The text that a writer makes, as one string without a newline at its end.
---@param writer fun(what: any, emit: fun(text: string))
---@param what any
---@return string
function report_write.whole(writer, what)
  local parts = {}
  writer(what, function(text) parts[#parts + 1] = text end)
  return (table.concat(parts):gsub("\n$", ""))
end


-- JSON -------------------------------------------------------------------------------------------

--- Seconds of a clock that counts nanoseconds.
local function clock(x)
  if x == 0 then return "0.0" end
  local text = ("%.9f"):format(x):gsub("0+$", "")
  return text:byte(-1) == 46 and text .. "0" or text
end


local function whole(n)
  return ("%d"):format(n)
end


--- The few words that stand in every record, quoted once.
local words, known = {}, 0

local function word(text)
  local quoted = words[text]
  if quoted then return quoted end
  if known >= 1000 then words, known = {}, 0 end
  words[text], known = json.encode(text), known + 1
  return words[text]
end


--- A job's fields in order, with how each is written.
local FIELDS = {
  { "attempts", whole }, { "cpu", clock }, { "due", json.number }, { "ended", clock },
  { "error", json.encode }, { "kind", word }, { "number", whole }, { "queued", clock },
  { "size", json.number }, { "started", clock }, { "status", word }, { "worker", word },
}
for _, field in ipairs(FIELDS) do field[3] = '"' .. field[1] .. '":' end


local function job_text(job)
  local parts, n = {}, 0
  for i = 1, #FIELDS do
    local field = FIELDS[i]
    local value = job[field[1]]
    if value ~= nil then
      n = n + 1
      parts[n] = field[3] .. field[2](value)
    end
  end
  return "{" .. table.concat(parts, ",") .. "}"
end


--- All of a report but its jobs, in the layout of its JSON form.
local function head_fields(r)
  local usage = r:usage()
  return {
    version = 1, model = r.model, worker_count = r.worker_count, seed = r.seed, cores = r.cores,
    mix = r.mix, round = r.round, totals = r:totals(), kinds = r:kinds(), units = UNITS,
    workers = json.list(r:workers()), interrupted = r.interrupted or nil, startup = r.startup,
    peak_memory = r.peak_memory, usage = usage, speedup_of = r:speedup_label(),
    earlier = r.earlier,
  }
end


--- The jobs that were this run's affair, one after the other.
local function own_jobs(r)
  local i = 0
  return function()
    repeat
      i = i + 1
      local job = r.jobs[i]
      if job and job.status ~= "earlier" then return job end
    until not job
  end
end


local function emit_report(r, put)
  local fields, keys = head_fields(r), { "jobs" }
  for key in pairs(fields) do keys[#keys + 1] = key end
  table.sort(keys)
  for n, key in ipairs(keys) do
    put((n == 1 and "{" or ",") .. '"' .. key .. '":')
    if key == "jobs" then
      local sep = "["
      for job in own_jobs(r) do
        put(sep .. job_text(job))
        sep = ","
      end
      put(sep == "[" and "[]" or "]")
    else
      put(json.encode(fields[key]))
    end
  end
  put "}"
end


--- Writes one report as JSON.
---@param r heddle.report.Report
---@param emit fun(text: string)
function report_write.json(r, emit)
  local put = collector(emit)
  emit_report(r, put)
  put "\n"
  put()
end


--- Writes several runs of the same jobs as JSON.
---@param c {seed: integer, runs: heddle.report.Report[], best: string?, reason: string}
---@param emit fun(text: string)
function report_write.comparison(c, emit)
  local put = collector(emit)
  local head = {
    version = 1, seed = c.seed, best = c.best or json.null,
    best_workers = c.best_workers or json.null, reason = c.reason, answer = c.answer,
    partial = c.partial or nil, mix = c.mix, cores = c.cores,
  }
  put((json.encode(head):gsub("}$", "")))
  put ',"runs":['
  for i, r in ipairs(c.runs) do
    if i > 1 then put "," end
    emit_report(r, put)
  end
  put "]}\n"
  put()
end


-- CSV --------------------------------------------------------------------------------------------

local RUN_COLUMNS = { "model", "worker_count", "round", "seed" }
local JOB_COLUMNS = {
  { "number" }, { "kind" }, { "size" }, { "worker" }, { "status" }, { "due", "s" },
  { "queued", "s", clock }, { "started", "s", clock }, { "ended", "s", clock }, { "attempts" },
  { "cpu", "s", clock }, { "error" },
}


local function cell(value)
  if value == nil then return "" end
  if type(value) == "number" then return json.number(value) end
  value = tostring(value)
  if value:find '[,"\r\n]' then return '"' .. value:gsub('"', '""') .. '"' end
  return value
end


local function csv_head()
  local names = { "version", table.unpack(RUN_COLUMNS) }
  for _, column in ipairs(JOB_COLUMNS) do
    names[#names + 1] = column[2] and column[1] .. "_" .. column[2] or column[1]
  end
  return table.concat(names, ",") .. "\n"
end


--- Writes the raw samples of several runs, a line for each job.
---@param runs heddle.report.Report[]
---@param emit fun(text: string)
function report_write.csv(runs, emit)
  local put = collector(emit)
  put(csv_head())
  for _, r in ipairs(runs) do
    local head = { "1" }
    for i, key in ipairs(RUN_COLUMNS) do head[i + 1] = cell(r[key]) end
    head = table.concat(head, ",")
    for job in own_jobs(r) do
      local cells = { head }
      for k, column in ipairs(JOB_COLUMNS) do
        local value = job[column[1]]
        cells[k + 1] = value and column[3] and column[3](value) or cell(value)
      end
      put(table.concat(cells, ",") .. "\n")
    end
  end
  put()
end


-- Files ------------------------------------------------------------------------------------------

--- A failure of the standard library as the ones of heddle.fs: nil, message, the error's name.
---@param message string
---@param code integer  errno
---@return nil
---@return string message
---@return string code
function report_write.failure(message, code)
  return nil, message, require("heddle.native.fs").error_name(code)
end


--- Writes to a file that may be full or closed.
---@param file file*
---@param writer fun(emit: fun(text: string))
---@return true|nil ok
---@return string? message
---@return integer? code
function report_write.to_file(file, writer)
  local problem
  local ok, err = pcall(writer, function(text)
    local good, message, code = file:write(text)
    if not good then
      problem = { message, code }
      error(problem, 0)
    end
  end)
  if not ok and err ~= problem then error(err, 0) end
  if ok then
    local good, message, code = file:flush()
    if good then return true end
    problem = { message, code }
  end
  return nil, problem[1], problem[2]
end


local function endings(forms)
  local names = {}
  for name in pairs(forms) do names[#names + 1] = "." .. name end
  table.sort(names)
  return table.concat(names, ", ", 1, #names - 1) .. " or " .. names[#names]
end


--- Writes to a path in the form that its ending names.
---@param path string
---@param forms table<string, fun(emit: fun(text: string))>  by ending
---@return true|nil ok  nil, message, code when it can't be written; raises [bad-argument] at the
---  line that called the caller
---@return string? message
---@return string? code
function report_write.to_path(path, forms)
  local writer = type(path) == "string" and forms[path:match "%.(%w+)$"]
  if not writer then
    error(("report.write: path: a name ending in %s expected, got %s [bad-argument]"):format(
      endings(forms), tostring(path)), 3)
  end
  local file, message, code = io.open(path, "w")
  if not file then return report_write.failure(message, code) end
  local ok, why, number = report_write.to_file(file, writer)
  file:close()
  if ok then return true end
  return report_write.failure(("%s: %s"):format(path, why), number)
end


return report_write
