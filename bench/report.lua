-- The table: medians with their spread, ratios, and which targets are met.
local report = {}

local function median(list)
  local v = table.move(list, 1, #list, 1, {})
  table.sort(v)
  return v[#v // 2 + 1], v[1], v[#v]
end

-- 1234567 -> "1.23M"
local function short(x)
  if x >= 1e6 then return ("%.3gM"):format(x / 1e6) end
  if x >= 1e4 then return ("%.3gk"):format(x / 1e3) end
  return ("%.4g"):format(x)
end

local function figures(entry)
  local v = {}
  for _, x in pairs(entry.values) do v[#v + 1] = x end
  return v
end

local function describe(entry)
  local v = figures(entry)
  if #v == 0 then return entry.error or "not here" end
  local middle, low, high = median(v)
  local note = entry.failures > 0 and (", %d failed: %s"):format(entry.failures, entry.error) or ""
  return ("%s (%s..%s%s)"):format(short(middle), short(low), short(high), note)
end

local function verdict(ratio, target, less)
  if not target then return "", "" end
  local met = less and ratio <= target or not less and ratio >= target
  local off = math.abs(ratio / target - 1) * 100
  return (less and "<= %g" or ">= %g"):format(target),
    met and "yes" or ("no, %.0f %% %s"):format(off, less and "above" or "short")
end

local function row(work, ours, peer)
  local ratios = {}
  for round, a in pairs(ours.values) do
    local b = peer.values[round]
    if b then ratios[#ratios + 1] = a / b end
  end
  local name = peer.program:match("%a+") .. (peer.variant and " " .. peer.variant or "")
  local cells = { work.name, describe(ours), name, describe(peer), "", "", "" }
  if #ratios > 0 then
    local ratio = median(figures(ours)) / median(figures(peer))
    local _, low, high = median(ratios)
    cells[5] = ("%.3g (%.3g..%.3g)"):format(ratio, low, high)
    cells[6], cells[7] = verdict(ratio, peer.target, work.less)
  elseif peer.target then
    cells[6], cells[7] = verdict(0, peer.target, work.less)
    cells[7] = "not measured"
  end
  return cells
end

-- A work's own target: a rate that it reaches, or a time that it keeps within.
local function absolute_row(work, ours)
  local v = figures(ours)
  local less = work.at_most ~= nil
  local target = less and "<= " .. work.at_most .. " ms" or ">= " .. short(work.at_least) .. "/s"
  local cells = { work.name, describe(ours), "", "", "", target, "not measured" }
  if #v > 0 then
    local _, met = verdict(median(v), work.at_most or work.at_least, less)
    cells[7] = met
  end
  return cells
end

-- Adds the rows of one work to `rows`; `list` is its programs, ours first. A peer that is not on
-- this machine has a row only where it has a target.
function report.add(rows, work, list)
  local ours = list[1]
  if work.at_least or work.at_most then rows[#rows + 1] = absolute_row(work, ours) end
  for i = 2, #list do
    local peer = list[i]
    if peer.target or next(peer.values) or peer.failures > 0 then
      rows[#rows + 1] = row(work, ours, peer)
    end
  end
end

local HEAD = { "work", "ours", "peer", "theirs", "ratio", "target", "met" }

local function widths(rows)
  local w = {}
  for _, cells in ipairs(rows) do
    for i, cell in ipairs(cells) do w[i] = math.max(w[i] or 0, utf8.len(cell) or #cell) end
  end
  return w
end

local function padded(cells, w)
  local line = {}
  for i, cell in ipairs(cells) do line[i] = cell .. (" "):rep(w[i] - #cell) end
  return line
end

-- The rows as a table in plain text.
function report.text(rows)
  rows = table.move(rows, 1, #rows, 2, { HEAD })
  local w, lines = widths(rows), {}
  for n, cells in ipairs(rows) do
    lines[n] = table.concat(padded(cells, w), "  "):gsub("%s+$", "")
  end
  return table.concat(lines, "\n")
end

-- The rows as a table in Markdown.
function report.markdown(rows)
  rows = table.move(rows, 1, #rows, 2, { HEAD })
  local lines = {}
  for n, cells in ipairs(rows) do lines[n] = "| " .. table.concat(cells, " | ") .. " |" end
  table.insert(lines, 2, ("|---"):rep(#HEAD) .. "|")
  return table.concat(lines, "\n")
end

-- One line: how many targets were met.
function report.summary(rows)
  local met, missed, open = 0, 0, 0
  for _, cells in ipairs(rows) do
    if cells[7] == "yes" then met = met + 1
    elseif cells[7]:match("^no,") then missed = missed + 1
    elseif cells[7] == "not measured" then open = open + 1
    end
  end
  return ("%d targets met, %d missed, %d not measured"):format(met, missed, open)
end

return report
