-- Waits until other programs leave the machine alone: what runs beside a benchmark is measured too.
local quiet = { patience = 60 } -- seconds of waiting that are left, in all
local LOOK = 0.2 -- seconds

-- All time and idle time of all cores since boot, in ticks.
local function ticks()
  local f <close> = assert(io.open("/proc/stat"))
  local all, idle, n = 0, 0, 0
  for x in f:read("l"):gmatch("%d+") do
    n = n + 1
    all = all + tonumber(x)
    if n == 4 or n == 5 then idle = idle + tonumber(x) end -- idle and waiting for a disk
  end
  return all, idle
end

-- Returns when the cores were idle for a moment, or the patience is at its end.
function quiet.wait()
  while quiet.patience > 0 do
    local all, idle = ticks()
    os.execute("sleep " .. LOOK)
    local all_now, idle_now = ticks()
    if idle_now - idle >= 0.9 * (all_now - all) then return end
    quiet.patience = quiet.patience - LOOK
  end
end

return quiet
