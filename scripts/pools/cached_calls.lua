-- A slow function that keeps its results on disk is slow once for each argument.
--
-- From: roundup (joblib: Memory)
-- Unlike Python: joblib's Memory knows a call by the function's code and pickled arguments; here
-- the argument is the file's name. Results are written to another name first, so that a full disk
-- or an end in the middle leaves no half a result.
-- Words: [FOLDER]

local heddle = require "heddle"

local folder = ...
if not folder then
  folder = os.tmpname()
  assert(os.remove(folder) and os.execute("mkdir " .. folder))
end

local function remembered(fn)
  return function(n)
    local path = ("%s/%d"):format(folder, n)
    local file = io.open(path)
    local result = file and file:read "n"
    if file then file:close() end
    if result then return result, "from the disk" end
    result = fn(n)
    file = assert(io.open(path .. ".new", "w"))
    assert(file:write(result) and file:close())
    assert(os.rename(path .. ".new", path))
    return result, "computed"
  end
end

local slow_square = remembered(function(n)
  heddle.sleep(0.1)
  return n * n
end)

for _, n in ipairs { 3, 4, 3, 5, 4 } do
  local began = heddle.now()
  local result, how = slow_square(n)
  print(("%d squared is %d, %s in %.2f s"):format(n, result, how, heddle.now() - began))
end
if not ... then os.execute("rm -r " .. folder) end
