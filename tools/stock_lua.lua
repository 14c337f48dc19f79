-- Installed as heddle.lua for plain Lua, which has no part of the engine.
error("heddle's modules live in its own executable, not in plain Lua: "
  .. "run the script by `heddle FILE.lua`", 0)
