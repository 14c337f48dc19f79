-- Judges one trial from its ledgers alone (chaos/worker.lua says what is in them):
--
--   heddle chaos/judge.lua FOLDER
--
-- Prints one line, `put=N got=N hand=N kills=N` and the faults, `hung=N lost=N doubled=N torn=N
-- order=N lock=N other=N`, and a line for each of these before it; the exit status is 1 when there
-- was one. `hand`: items that were in the hand of a killed consumer.

local folder = arg[1]
local faults = { hung = 0, lost = 0, doubled = 0, torn = 0, order = 0, lock = 0, other = 0 }
local killed, kills = {}, 0

local function fault(kind, text, ...)
  faults[kind] = faults[kind] + 1
  if faults[kind] <= 10 then print(("  %s: %s"):format(kind, text:format(...))) end
end

local function lines_of(name)
  local list, file = {}, io.open(folder .. "/" .. name)
  if not file then return list end
  for line in file:lines() do list[#list + 1] = line end
  file:close()
  return list
end

local function names()
  local list = {}
  for name in require("lfs").dir(folder) do list[#list + 1] = name end
  table.sort(list)
  return list
end

local function read_deaths(line)
  local who, code, why = line:match "^D (%d+) (%S+) (.*)$"
  if not who then return end
  if code ~= "-9" then fault("other", "exitcode of the killed %s is %s", who, code) end
  if not why:find("worker died: signal 9", 1, true) then
    fault("other", "result of the killed %s: %s", who, why)
  end
end

local function read_kills()
  local ended = false
  for _, line in ipairs(lines_of "kills") do
    local who = line:match "^K (%d+)"
    if who then
      killed[tonumber(who)] = true
      kills = kills + 1
    elseif line:find "^HUNG" then
      fault("hung", "%s", line)
    elseif line:find "^F" then
      fault("other", "a worker failed: %s", line)
    elseif line:find "^end" then
      ended = true
      if not line:find "^end 0 true" then fault("other", "left behind: %s", line) end
    end
    read_deaths(line)
  end
  if not ended and faults.hung == 0 then fault("hung", "the trial did not come to its end") end
end

-- items[who][n]: "P" may be in, "p" is in, "X" is not; then the consumer that took it.
local items, put = {}, 0

local function read_puts(name)
  local who = tonumber(name:match "%d+")
  local mine = {}
  items[who] = mine
  for _, line in ipairs(lines_of(name)) do
    local kind, n = line:match "^([PpX]) (%d+)$"
    if kind then mine[tonumber(n)] = kind end
    if kind == "p" then put = put + 1 end
    if line == "E" then mine.ended = true end
  end
  if not mine.ended and not killed[who] then fault("other", "producer %d has no end", who) end
end

local got, taken, in_hand = 0, {}, 0

local function take(consumer, who, n, last)
  got = got + 1
  local state = items[who] and items[who][n]
  local key = who .. ":" .. n
  if taken[key] then fault("doubled", "item %s by %d and %d", key, taken[key], consumer) end
  taken[key] = consumer
  if not state then
    fault("other", "item %s was never made", key)
  elseif state == "X" then
    fault("doubled", "item %s was taken, though its put had failed", key)
  end
  if last[who] and n <= last[who] then
    fault("order", "consumer %d took %s after %d:%d", consumer, key, who, last[who])
  end
  last[who] = n
end

local function read_gets(name)
  local consumer = tonumber(name:match "%d+")
  local last, waiting, ended = {}, false, false
  for _, line in ipairs(lines_of(name)) do
    local kind, who, n = line:match "^([GT]) (%d+) (%d+)$"
    if kind == "T" then fault("torn", "item %s:%s by %d", who, n, consumer) end
    if kind then take(consumer, tonumber(who), tonumber(n), last) end
    waiting = line == "g"
    ended = ended or line == "E"
  end
  if killed[consumer] and waiting then in_hand = in_hand + 1 end
  if not ended and not killed[consumer] then fault("other", "consumer %d has no end", consumer) end
end

local function count_lost()
  local missing = {}
  for who, mine in pairs(items) do
    for n, state in pairs(mine) do
      local key = who .. ":" .. n
      if state == "p" and not taken[key] then missing[#missing + 1] = key end
    end
  end
  if #missing > in_hand then
    faults.lost = #missing - in_hand
    print(("  lost: %d items are missing, at most %d were in a dead hand: %s"):format(#missing,
      in_hand, table.concat(missing, " ", 1, math.min(#missing, 10))))
  end
  return math.min(#missing, in_hand)
end

-- One holder at a time; a new one after a dead one is told so.
local function read_lock()
  local holder, last
  for i, line in ipairs(lines_of "lock") do
    local kind, who = line:match "^([ABR]) (%d+)$"
    who = tonumber(who)
    if kind == "R" then
      if holder ~= who then fault("lock", "line %d: %s releases, held by %s", i, who, holder) end
      holder, last = nil, who
    else
      local dead = holder and killed[holder]
      if holder and not dead then fault("lock", "line %d: %s and %s hold it", i, holder, who) end
      if dead and kind == "A" then
        fault("lock", "line %d: %s was not told of %s", i, who, holder)
      end
      if kind == "B" and kills == 0 then fault("lock", "line %d: abandoned, by whom?", i) end
      holder = who
    end
  end
  return last
end

read_kills()
for _, name in ipairs(names()) do
  if name:find "^put%." then read_puts(name) end
end
for _, name in ipairs(names()) do
  if name:find "^get%." then read_gets(name) end
end
if faults.hung == 0 then
  in_hand = count_lost()
  read_lock()
end

local line, bad = { ("put=%d got=%d hand=%d kills=%d"):format(put, got, in_hand, kills) }, false
for _, kind in ipairs { "hung", "lost", "doubled", "torn", "order", "lock", "other" } do
  line[#line + 1] = ("%s=%d"):format(kind, faults[kind])
  bad = bad or faults[kind] > 0
end
print(table.concat(line, " "))
os.exit(bad and 1 or 0)
