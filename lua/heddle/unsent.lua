-- What the error of a function from another interpreter says of a global that stayed there.
local unsent = {}


---The same as add_hint of src/worker/run_lua.c, for errors that a worker catches itself.
---@param err any
---@return any err  with the hint, where it is about a global that is nil
function unsent.hinted(err)
  if type(err) ~= "string" then return err end
  return (err:gsub("attempt to [^\n]-a nil value %(global '([^']+)'%)", "global '%1' was not sent: "
    .. "make it local, pass it, or set it in an initializer", 1))
end


return unsent
