-- What a process holds at a moment, and what was left since then: tasks, workers, child processes,
-- file descriptors, OS threads, shared objects, and files of ours in /dev/shm and /tmp.

local helper = require "spec.helper"
local lfs = require "lfs"

local leaks = {}

local SETTLE = 2 -- seconds that what is ending may take to be gone
local BELLS_KEPT = 16 -- by one OS thread
local BELL_FLAGS = "02104001" -- opened by its path: write-only, non-blocking, close on exec

local function names_in(folder)
  local ok, iterator, state = pcall(lfs.dir, folder)
  if not ok then return function() end end
  return function()
    local name
    repeat name = iterator(state) until name ~= "." and name ~= ".."
    return name
  end
end

-- The live tasks and workers, by identity.
local function handles()
  local found = {}
  for _, model in ipairs(helper.models) do
    local ok, module = pcall(require, "heddle." .. model)
    for _, handle in ipairs(ok and module.list and module.list() or {}) do
      found[model .. " " .. tostring(handle.id)] = handle
    end
  end
  return found
end

-- Is it the write end of another process's bell? An OS thread keeps those of the last few it rang.
local function is_bell(name, target)
  local flags = helper.slurp("/proc/self/fdinfo/" .. name):match "flags:%s*(%d+)"
  return target:find "^pipe:" and flags == BELL_FLAGS
end

local function add_descriptors(held)
  local bells = 0
  for name in names_in "/proc/self/fd" do
    local target = lfs.symlinkattributes("/proc/self/fd/" .. name, "target")
    local described = ("fd %s -> %s"):format(name, target)
    if target and is_bell(name, target) then
      bells = bells + 1
      if bells > BELLS_KEPT then held["bell " .. bells] = described .. " (a bell)" end
    elseif target and not target:find "/proc/%d+/fd$" then
      held[described] = described
    end
  end
end

-- Name, state and process group of a process.
local function describe_process(pid)
  return helper.slurp("/proc/" .. pid .. "/stat"):match "%((.*)%) (%a) %d+ (%d+)"
end

-- A dead process of another group was no worker of this one: it lost its parent in a program that a
-- spec ran, and heddle's root takes in such orphans.
local function add_children(held)
  local _, _, our_group = describe_process "self"
  for thread in names_in "/proc/self/task" do
    for pid in helper.slurp("/proc/self/task/" .. thread .. "/children"):gmatch "%d+" do
      local name, state, group = describe_process(pid)
      if name and not (state == "Z" and group ~= our_group) then
        held["pid " .. pid] = ("process %s (%s, state %s)"):format(pid, name, state)
      end
    end
  end
end

local function add_threads(held)
  for id in names_in "/proc/self/task" do
    local name = helper.slurp("/proc/self/task/" .. id .. "/comm"):gsub("%s", "")
    held["thread " .. id] = ("OS thread %s (%s)"):format(id, name)
  end
end

local function add_files(held)
  for _, folder in ipairs { "/dev/shm", "/tmp" } do
    for name in names_in(folder) do
      if name:find "^heddle" then held[folder .. "/" .. name] = folder .. "/" .. name end
    end
  end
end

local function objects()
  local ok, sync = pcall(require, "heddle.native.sync")
  return ok and sync.objects and sync.objects() or 0
end

---What this process holds now.
---@return table snapshot  names by identity in `held`, the number of shared objects in `objects`
function leaks.snapshot()
  collectgarbage()
  collectgarbage()
  local held = {}
  for key, handle in pairs(handles()) do held[key] = tostring(handle) end
  add_descriptors(held)
  add_children(held)
  add_threads(held)
  add_files(held)
  return { held = held, objects = objects() }
end

local function difference(before, now)
  local left = {}
  for key, name in pairs(now.held) do
    if not before.held[key] then left[#left + 1] = name end
  end
  table.sort(left)
  if now.objects > before.objects then
    left[#left + 1] = (now.objects - before.objects) .. " shared objects"
  end
  return #left > 0 and table.concat(left, "; ") or nil
end

---What is there now that was not there at the snapshot; what is just ending gets a moment.
---@param before table
---@return string? left  names, nil when nothing was left
function leaks.left_since(before)
  local give_up = helper.now() + SETTLE * helper.slack
  while true do
    local left = difference(before, leaks.snapshot())
    if not left or helper.now() > give_up then return left end
    helper.sleep(0.01)
  end
end

---Cancels the tasks and workers that were left since then, so that they do not outlive the file.
---@param before table
function leaks.cancel_since(before)
  for key, handle in pairs(handles()) do
    if not before.held[key] then pcall(handle.cancel, handle, { hard = true }) end
  end
end

return leaks
