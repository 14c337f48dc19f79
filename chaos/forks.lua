-- One trial of forks from a busy process:
--
--   heddle chaos/forks.lua SEED FORKS >/dev/null
--
-- While four threads and two isolates of the root use the clock, the heap, standard output, files,
-- a queue and the hash library without a pause, the root forks by name; each child uses them, too.
-- The last line on stderr is `forks=N hung=N wrong=N`.

package.path = "./?.lua;" .. package.path

local heddle = require "heddle"
local isolate = require "heddle.isolate"
local process = require "heddle.process"
local queue = require "heddle.queue"
local thread = require "heddle.thread"
local work = require "heddle.work"

local seed, forks = tonumber(arg[1]), tonumber(arg[2])
local slack = tonumber(os.getenv "HEDDLE_SLACK" or "") or 1
local rng = heddle.rng(seed)
local shared = queue.new(0, { shared = true })
local halt = queue.new(0, { shared = true })

-- A little of everything that takes a lock somewhere.
local function use_all(q, n)
  os.date("%c", n)
  local parts = {}
  for i = 1, 50 do parts[i] = ("%d:%s"):format(i, tostring({})) end
  print(#table.concat(parts))
  q:put(n)
  q:try_get()
  local file = assert(io.open("/dev/null", "w"))
  file:write "x"
  file:close()
  return #work.sha3_512(tostring(n)), os.getenv "HOME", os.setlocale(nil)
end

local function busy(q, stop)
  local n = 0
  while select(2, stop:try_get()) ~= "closed" do
    n = n + 1
    use_all(q, n)
  end
end

local function child(q, n)
  for i = 1, 3 do use_all(q, i) end
  return n
end

local others = {}
for i = 1, 6 do
  others[i] = (i <= 4 and thread or isolate).start(busy, shared, halt)
end

local hung, wrong = 0, 0
for n = 1, forks do
  local h = process.start({ method = "fork" }, child, shared, n)
  if not h:join(5 * slack) then
    hung = hung + 1
    io.stderr:write("hung: child ", n, " of seed ", seed, ", pid ", tostring(h.pid), "\n")
    if os.getenv "CHAOS_HOLD" then heddle.sleep(1e6) end
    h:kill()
    h:join()
  end
  local ok, value = pcall(h.result, h)
  if not ok or value ~= n then
    wrong = wrong + 1
    io.stderr:write("wrong: child ", n, " of seed ", seed, ": ", tostring(value), "\n")
  end
  if rng(3) == 1 then heddle.sleep(rng() * 0.002) end
end
halt:close()
for _, other in ipairs(others) do other:join(10 * slack) end
io.stderr:write(("forks=%d hung=%d wrong=%d\n"):format(forks, hung, wrong))
os.exit(hung + wrong == 0)
