-- Dishes that cook on several burners at once are done sooner, though there is only one cook.
-- Six dishes simmer for their time, first one after the other, then on four burners.
--
-- From: simple (the dinner party)
-- Unlike Python: the text has no code for it; a minute is 10 ms here.

local heddle = require "heddle"
local sync = require "heddle.sync"
local task = require "heddle.task"

local MINUTE = 0.01
local DISHES = { soup = 8, rice = 4, sauce = 6, beans = 7, tart = 5, coffee = 2 }

local function cook(dish, minutes, burners)
  local _ <close> = burners:hold()
  heddle.sleep(minutes * MINUTE)
  print("  " .. dish .. " is ready")
end

for _, count in ipairs { 1, 4 } do
  local burners, began = sync.semaphore(count), heddle.now()
  print(count .. (count == 1 and " burner:" or " burners:"))
  task.scope(function(kitchen)
    for dish, minutes in pairs(DISHES) do kitchen:start(cook, dish, minutes, burners) end
  end)
  print(("  dinner after %.0f minutes"):format((heddle.now() - began) / MINUTE))
end
