--- The versions of heddle and of its parts.
-- Stands on: heddle, heddle.native.host.

local host = require "heddle.native.host"

local version = {}

--- The libraries that are opened on first use: name, file, the function that tells the version.
version.LIBRARIES = {
  { "OpenSSL", "libcrypto.so.3", "OpenSSL_version", true },
  { "libcurl", "libcurl.so.4", "curl_version" },
  { "libmicrohttpd", "libmicrohttpd.so.12", "MHD_get_version" },
}


---What a library that is opened on first use calls its version.
---@param row table  of version.LIBRARIES
---@return string?  nil: it is not here
function version.of_library(row)
  local text = host.library_version(row[2], row[3], row[4])
  return text and (text:match "%d+%.%d+%.%d+" or text)
end


---@return string  a line for heddle, one for its parts, one for the libraries that it opens
function version.text()
  local uv, opened = require "luv", {}
  for i, row in ipairs(version.LIBRARIES) do
    opened[i] = ("%s %s"):format(row[1], version.of_library(row) or "(missing)")
  end
  return ("heddle %s (%s)\n%s, libuv %s\nopened on first use: %s"):format(
    require("heddle")._VERSION, _VERSION, host.lua_release(), uv.version_string(),
    table.concat(opened, ", "))
end


return version
