--- The versions of heddle and of its parts.
-- Stands on: heddle.

local version = {}


local function lua_release()
  return require("heddle.native.host").lua_release()
end


---@return string  a line for heddle, one for its parts
function version.text()
  local uv = require "luv"
  return ("heddle %s (%s)\n%s, libuv %s"):format(require("heddle")._VERSION, _VERSION,
    lua_release(), uv.version_string())
end


return version
