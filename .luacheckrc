-- luacheck: Lua 5.4, 100 columns; the specs know busted's words.
std = "lua54"
max_line_length = 100
ignore = { "581" } -- `not (x >= y)` is how a NaN is refused
exclude_files = { "build" }
files["spec/*_spec.lua"] = { std = "+busted" }
-- Scenarios are what users write: a global function shows itself in an error's text.
files["scripts"] = { allow_defined_top = true }
