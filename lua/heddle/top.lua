--- `heddle top [PID]`: what a running heddle program does, from another terminal; and the same view
-- at the bottom of a program's own terminal, for --live.
-- Stands on: heddle.loop, heddle.options, heddle.process, heddle.top_draw, heddle.top_source,
-- heddle.usage, heddle.native.keys.

local heddle = require "heddle"
local keys = require "heddle.native.keys"
local loop = require "heddle.loop"
local options = require "heddle.options"
local process = require "heddle.process"
local top_draw = require "heddle.top_draw"
local usage = require "heddle.usage"

local top = {}

local REDRAW, KEY = 0.5, 0.1  -- seconds between two pictures, and two looks at the keyboard
local FIRST = 0.25            -- seconds that the first rates are measured over
local LINE, PLAIN = 1.0, 24   -- where there is no terminal: seconds between pictures, their lines
local PINNED, LEAST = 12, 4   -- lines of the view at the bottom
local SAVE, RESTORE = "\x1b7", "\x1b8"

---@type heddle.options.Command
top.command = {
  name = "heddle top",
  about = "Shows what a running heddle program does: its workers and tasks, what they wait for and "
    .. "how long, its queues, who has the GIL. Without PID the only one of this user's that runs. "
    .. "On a terminal the picture is drawn anew twice a second until q or Ctrl-C; elsewhere it is "
    .. "printed once. The program is not disturbed.",
  examples = "Examples:\n   heddle top\n   heddle top 12345 | less",
  word = { name = "PID", help = "the number of one of the program's processes" },
  values = {},
  flags = { { "pin", "keep to the last lines of the terminal, until stdin ends" } },
}


-- Which program ----------------------------------------------------------------------------------

---Says which program is meant, where none was named.
---@param programs {pid: integer, command: string}[] that run
---@return integer pid raises {failed=} where none runs, a usage failure where several do
function top.choose(programs)
  if #programs == 0 then error({ failed = "top: no heddle program of this user runs" }, 0) end
  if #programs == 1 then return programs[1].pid end
  local names = {}
  for i, program in ipairs(programs) do
    names[i] = ("%d (%s)"):format(program.pid, top_draw.cut(program.command, 40))
  end
  usage.fail("top: which one? %d heddle programs run: %s", #programs, table.concat(names, ", "))
end


local function open(word)
  local source = require "heddle.top_source"
  local pid = word and usage.whole("top", word, 1, 0x7fffffff) or top.choose(source.list())
  local program, why = source.open(pid)
  if not program then
    error({ failed = ("top: can't show %d: %s"):format(pid, why) }, 0)
  end
  return program
end


-- Drawing ----------------------------------------------------------------------------------------

local function write(text)
  io.stdout:write(text)
  io.stdout:flush()
end


local function ended(program)
  return ("heddle top: %d has ended"):format(program.pid)
end


-- One picture, as long as it needs to be.
local function print_once(program)
  local moment = program:look()
  heddle.sleep(FIRST)
  moment = program:look() or moment
  if not moment then error({ failed = ended(program) }, 0) end
  local lines = top_draw.picture(program, moment, math.huge, math.huge)
  usage.write(io.stdout, table.concat(lines, "\n"))
  return 0
end


local asked_to_end, asked_to_stop = false, false -- by SIGTERM; by Ctrl-Z


local function size_of_screen()
  local columns, rows = keys.size(1)
  return columns or 80, rows or 24
end


-- Waits for the next picture's time, or until the screen has another size. Returns whether somebody
-- wants no more pictures.
local function pause(time, listening)
  local limit = heddle.now() + time
  local columns, rows = keys.size(1)
  repeat
    local key = listening and keys.read()
    if listening and (key == nil or key == "q" or key == "Q") then return true end
    heddle.sleep(math.min(KEY, time))
    local columns_now, rows_now = keys.size(1)
    local same = columns == columns_now and rows == rows_now
  until asked_to_end or asked_to_stop or not same or heddle.now() >= limit
  return asked_to_end
end


-- Calls `body`, and `restore` however that ends; Ctrl-C and SIGTERM are ways to end it.
local function guarded(body, restore)
  local handler = loop.on_signal("SIGTERM", function() asked_to_end = true end)
  local ok, err = pcall(body)
  handler:stop()
  restore()
  if not ok and not usage.is_interrupt(err) then error(err, 0) end
  return 0
end


-- The whole screen -------------------------------------------------------------------------------

-- Draws over the picture before, which took `drawn` lines; what is left of that is cleared.
local function redraw(lines, drawn)
  local up = drawn > 0 and ("\27[%dA\r"):format(drawn) or ""
  write(up .. table.concat(lines, "\27[K\n") .. "\27[K\n\27[J")
  return #lines
end


local function take_screen()
  write "\27[?25l"
  return keys.open()
end


local function give_screen_back()
  keys.close()
  write "\27[?25h"
end


local function watch_screen(program, listening)
  local drawn, was, time = 0, nil, FIRST
  repeat
    local moment = program:look()
    if not moment then
      write(ended(program) .. "\n")
      return
    end
    local columns, rows = size_of_screen()
    if was and was ~= columns .. " " .. rows then
      write "\27[H\27[2J"
      drawn = 0
    end
    was = columns .. " " .. rows
    drawn = redraw(top_draw.picture(program, moment, columns - 1, rows - 1), drawn)
    local done = pause(time, listening)
    if asked_to_stop then
      give_screen_back()
      keys.stop()
      asked_to_stop, drawn, listening = false, 0, take_screen()
    end
    time = REDRAW
  until done
end


local function on_screen(program)
  local listening = take_screen()
  local handler = loop.on_signal("SIGTSTP", function() asked_to_stop = true end)
  return guarded(function() watch_screen(program, listening) end, function()
    handler:stop()
    give_screen_back()
  end)
end


-- At the bottom ----------------------------------------------------------------------------------

local function height_of(rows) return math.min(PINNED, rows * 2 // 5) end


-- Lines on stdout, where it is no terminal: at first, when rates can be told, then each second.
local function print_lines(program)
  local begun, time = heddle.now(), FIRST
  keys.leave_group()
  return guarded(function()
    repeat
      local moment = program:look()
      if not moment then return end
      local lines = top_draw.picture(program, moment, math.huge, PLAIN, true)
      local text = ("live: %.1f s: %s"):format(heddle.now() - begun, table.concat(lines, "\n  "))
      write(text .. "\n")
      local done = pause(time, true)
      time = LINE
    until done
  end, function() end)
end


-- Keeps the last lines of the terminal for the view: what the program writes scrolls above them.
-- The cursor keeps its column, and stays above.
local function reserve(rows, height)
  write(("\27D"):rep(height) .. ("\27[%dA"):format(height)
    .. SAVE .. ("\27[1;%dr"):format(rows - height) .. RESTORE)
end


-- The cursor was always above the view.
local function unreserve()
  write(SAVE .. "\27[r" .. RESTORE .. "\27[J")
end


local function draw_pinned(lines, rows, height)
  local out = { SAVE }
  for i = 1, height do
    out[#out + 1] = ("\27[%d;1H%s\27[K"):format(rows - height + i, lines[i] or "")
  end
  out[#out + 1] = RESTORE
  write(table.concat(out))
end


-- The view, while it has its place.
local pinned = { rows = 0, columns = 0, height = 0 }


local function give_place_back()
  if pinned.height > 0 then unreserve() end
  pinned.height = 0
end


local function take_place()
  local columns, rows = size_of_screen()
  if pinned.height > 0 and pinned.columns == columns and pinned.rows == rows then return end
  give_place_back()
  local height = height_of(rows)
  pinned.columns, pinned.rows = columns, rows
  if height < LEAST then return end
  reserve(rows, height)
  pinned.height = height
end


-- `group`: of the program. While another one has the terminal, a shell after Ctrl-Z, it is left
-- alone.
local function watch_bottom(program, group)
  repeat
    local moment = program:look()
    if not moment then return end
    local front = keys.group(1)
    if front == group or not front then take_place() else give_place_back() end
    if pinned.height > 0 then
      local lines = top_draw.picture(program, moment, pinned.columns - 1, pinned.height, true)
      draw_pinned(lines, pinned.rows, pinned.height)
    end
  until pause(REDRAW, true)
end


local function at_bottom(program)
  local _, rows = keys.size(1)
  local plain = not rows or os.getenv "TERM" == "dumb" or height_of(rows) < LEAST
  if plain then return print_lines(program) end
  local group = keys.group()
  keys.leave_group()
  return guarded(function() watch_bottom(program, group) end, give_place_back)
end


---A view of this program at the bottom of the terminal that is stderr, or a line each second on
---stderr where it is none. A process of its own draws it, which ends with this one.
---@return fun() stop takes it away; may be called again
function top.live()
  local pid = process.current().pid
  local viewer = io.popen(("exec /proc/%d/exe top --pin %d >&2"):format(pid, pid), "w")
  return function()
    if viewer then viewer:close() end
    viewer = nil
  end
end


-- The command ------------------------------------------------------------------------------------

---Runs `heddle top`.
---@param words string[]  the words after the verb
---@return integer status  raises {failed=} and usage failures
function top.main(words)
  local args, help = options.read(top.command, words)
  if not args then
    usage.write(io.stdout, help)
    return 0
  end
  local program = open(args.word)
  local show = print_once
  if args.pin then
    show = at_bottom
  elseif keys.size(1) and os.getenv "TERM" ~= "dumb" then
    show = on_screen
  end
  local ok, status = pcall(show, program)
  program:close()
  if not ok then error(status, 0) end
  return status
end


return top
