--- HTTP for tasks: a client (libcurl) and a small server (libmicrohttpd), in every model. A request
-- makes only its own task wait; each request to a server is a task.
--
--     local server <close> = assert(http.serve("127.0.0.1:0", function(req)
--       return 200, "you asked for " .. req.path, { ["Content-Type"] = "text/plain" }
--     end))
--     local page = assert(http.get(server.url .. "/hello", { timeout = 5 }))
--     print(page.status, page.headers["content-type"], page.body)
--
-- Header fields come as a table of strings by name in lower case; reading it takes a name in any
-- case. A field that comes several times has its values joined by ", ", set-cookie by newlines.
-- Stands on: heddle.native.http_client, heddle.native.http_server (both libraries are opened on
-- first use).

local client = require "heddle.native.http_client"
local server = require "heddle.native.http_server"
local value = require "heddle.native.value"
local usage = require "heddle.usage"

local MAX_BODY = 64 * 1024 * 1024
local REDIRECTS = 10

local Headers = client.headers_class()
function Headers.__index(headers, name)
  if type(name) == "string" then return rawget(headers, name:lower()) end
end
value.class("heddle.http.Headers", Headers)

---@class heddle.http
local http = {}


-- Raises at the place `level` calls above the caller.
local function misuse(level, code, text, ...)
  error(text:format(...) .. " [" .. code .. "]", level + 2)
end


local function shown(v)
  return type(v) == "number" and tostring(v) or type(v)
end


-- Checks of options: each returns what is wrong with a value, nil if nothing is.

local function a_string(v)
  if type(v) ~= "string" then return "a string expected, got " .. shown(v) end
  if v:find "%z" then return "a string without zero bytes expected" end
end

local function a_body(v)
  if type(v) ~= "string" then return "a string expected, got " .. shown(v) end
end

local function a_flag(v)
  if type(v) ~= "boolean" then return "true or false expected, got " .. shown(v) end
end

local function a_method(v)
  if type(v) ~= "string" or not v:find "^[%a-]+$" then
    return "a word such as GET or POST expected, got " .. (type(v) == "string" and v or shown(v))
  end
end

local function seconds(v)
  if type(v) ~= "number" or not (v >= 0) then
    return "a number of seconds >= 0 expected, got " .. shown(v), "bad-time"
  end
end

local function a_size(v)
  if v == math.huge then return nil end
  if type(v) ~= "number" or not math.tointeger(v) or v < 0 then
    return "a number of bytes >= 0 expected, got " .. shown(v)
  end
end

local function a_count(v)
  if type(v) ~= "number" or not math.tointeger(v) or v < 0 or v > 1000 then
    return "a whole number from 0 to 1000 expected, got " .. shown(v)
  end
end

local function field_problem(name, v)
  if type(name) ~= "string" or not name:find "^[%w!#$%%&'*+.^_`|~-]+$" then
    return ("a header's name expected as key, got '%s'"):format(tostring(name))
  end
  if type(v) ~= "string" and type(v) ~= "number" then
    return ("%s: a string or a number expected, got %s"):format(name, type(v))
  end
  if tostring(v):find "[%z\r\n]" then
    return ("%s: a value in one line expected"):format(name)
  end
end

local function fields(v)
  if type(v) ~= "table" then return "a table of strings by name expected, got " .. shown(v) end
  for name, field in pairs(v) do
    local list = type(field) == "table" and field or { field }
    for _, each in ipairs(list) do
      local problem = field_problem(name, each)
      if problem then return problem end
    end
  end
end

local GET_OPTIONS = {
  ca = a_string, headers = fields, max_body = a_size, redirects = a_count, timeout = seconds,
  unix = a_string,
}

local REQUEST_OPTIONS = { body = a_body, method = a_method, url = a_string }
for key, check in pairs(GET_OPTIONS) do REQUEST_OPTIONS[key] = check end

local SERVE_OPTIONS = { daemon = a_flag, max_body = a_size }


local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end


local function unknown_option(name, key, known)
  local keys = sorted_keys(known)
  local near = type(key) == "string" and usage.nearest(key, keys)
  misuse(3, "unknown-option", "%s: options: unknown option '%s' (%s)", name, tostring(key),
    near and "did you mean '" .. near .. "'?" or "there are: " .. table.concat(keys, ", "))
end


local function check_options(name, options, known)
  if type(options) ~= "table" then
    misuse(2, "bad-argument", "%s: options: a table expected, got %s", name, shown(options))
  end
  for key, v in pairs(options) do
    local check = known[key]
    if not check then unknown_option(name, key, known) end
    local problem, code = check(v)
    if problem then misuse(2, code or "bad-option", "%s: %s: %s", name, key, problem) end
  end
end


-- What libcurl adds by itself and is not wanted is turned off by an empty field.
local function header_lines(given, body)
  local lines = { "Expect:" }
  if body then lines[2] = "Content-Type:" end
  for name in pairs(given or {}) do
    if name:lower() == "content-type" then lines[2] = nil end
  end
  for name, v in pairs(given or {}) do
    for _, each in ipairs(type(v) == "table" and v or { v }) do
      lines[#lines + 1] = each == "" and name .. ";" or ("%s: %s"):format(name, each)
    end
  end
  return lines
end


local function limit(max_body)
  if max_body == math.huge then return math.maxinteger end
  return math.tointeger(max_body or MAX_BODY)
end


local function check_url(name, url)
  if type(url) ~= "string" then
    misuse(2, "bad-argument", "%s: url: a string expected, got %s", name, url and shown(url)
      or "nothing")
  end
  local missing = client.open()
  if missing then misuse(2, "no-curl", "%s: %s", name, missing) end
  if not client.is_url(url) then
    misuse(2, "bad-url", "%s: url: an http:// or https:// URL expected, got '%s'", name, url)
  end
end


local function send(method, url, options)
  local headers = options.headers
  local lines = (headers or options.body) and header_lines(headers, options.body)
  return client.request(method, url, lines, options.body, options.timeout, limit(options.max_body),
    math.tointeger(options.redirects or REDIRECTS), options.ca, options.unix)
end


---@class heddle.http.Options
---@field headers? table<string, string|number|string[]>
---@field timeout? number  seconds for all of it; without one it may take for ever
---@field max_body? number  bytes of body to accept (64 MiB); math.huge: any
---@field redirects? integer  how many redirections to follow (10); 0: none, they are the result
---@field ca? string  a file of certificates to trust (PEM) instead of the system's
---@field unix? string  path of a Unix socket to connect to instead of the URL's host

---@class heddle.http.Request: heddle.http.Options
---@field url string
---@field method? string  "GET", with a body "POST"
---@field body? string

---@class heddle.http.Response
---@field status integer
---@field headers table<string, string>
---@field body string

--- Fetches a page; only the calling task waits. A status such as 404 is a result like any other.
---
---     local page, why, code = http.get("http://127.0.0.1:1/", { timeout = 10 })
---     if not page then print("failed:", why, code) end --> failed:
---@param url string
---@param options? heddle.http.Options
---@return heddle.http.Response? response, string? why, string? code  nil, "timeout"; nil, message,
--- code: an errno's name ("ECONNREFUSED", "ECONNRESET", "EFBIG": larger than max_body, "ELOOP": too
--- many redirections), "EAI_NONAME" (unknown host), "ECERT" (a certificate that is not trusted)
function http.get(url, options)
  check_url("http.get", url)
  if options ~= nil then check_options("http.get", options, GET_OPTIONS) end
  return send("GET", url, options or {})
end


--- Sends a request of any method; the rest is as in `http.get`.
---
---     local server <close> = assert(http.serve("127.0.0.1:0", function(req)
---       return 200, req.method .. " " .. req.body
---     end))
---     local r = assert(http.request { url = server.url, method = "PUT", body = "hello" })
---     print(r.body) --> PUT hello
---@param options heddle.http.Request
---@return heddle.http.Response? response, string? why, string? code
function http.request(options)
  check_options("http.request", options, REQUEST_OPTIONS)
  check_url("http.request", options.url)
  local method = options.method and options.method:upper() or options.body and "POST" or "GET"
  return send(method, options.url, options)
end


---@class heddle.http.ServeOptions
---@field daemon? boolean  it does not keep its OS thread (default false)
---@field max_body? number  bytes of a request's body (64 MiB), math.huge: any; more gets a 413

---@class heddle.http.Incoming  what a handler gets
---@field method string  "GET"
---@field path string  percent-decoded, without the query: "/a b"
---@field query string  as it was sent, "x=1&y=2"; "" if there is none
---@field headers table<string, string>
---@field body string  "" if there is none
---@field peer string?  "127.0.0.1:50512", the client's address; nil on a Unix socket

---A running server; closable.
---@class heddle.http.Server
---@field port integer  nil for a Unix socket
---@field url string  "http://127.0.0.1:8080"; of a Unix socket "http://localhost"
---Takes no more requests, lets those under way go on for `grace` seconds (1), then cancels their
---handlers; waits until all have ended (but in one of its own handlers).
---@field close fun(self, grace?: number): true

--- Serves HTTP. Each request's handler is a task of the calling OS thread and may wait; it begins
--- as soon as the request has been read. What it returns is sent: a status, and if wanted a body
--- and a table of headers (a string, a number or a list of them by name). An error in it, or a
--- result that is none of these, goes to stderr with its traceback and is answered by 500. The
--- server keeps its OS thread as a task does.
---
---     local server <close> = assert(http.serve("127.0.0.1:0", function(req)
---       if req.path ~= "/time" then return 404 end
---       return 200, os.date(), { ["Content-Type"] = "text/plain" }
---     end))
---@param addr string  "127.0.0.1:8080", "[::1]:0" (any free port), ":80" (everywhere), "unix:/path"
---@param fn fun(req: heddle.http.Incoming): integer, string?, table?
---@param options? heddle.http.ServeOptions
---@return heddle.http.Server? server, string? why, string? code  nil, message, "EADDRINUSE" …
function http.serve(addr, fn, options)
  if type(addr) ~= "string" then
    misuse(1, "bad-argument", "http.serve: addr: a string expected, got %s", shown(addr))
  elseif type(fn) ~= "function" then
    misuse(1, "bad-argument", "http.serve: fn: a function expected, got %s", shown(fn))
  end
  if options ~= nil then check_options("http.serve", options, SERVE_OPTIONS) end
  local missing = server.open()
  if missing then misuse(1, "no-microhttpd", "http.serve: %s", missing) end
  if not server.is_address(addr) then
    misuse(1, "bad-address", "http.serve: addr: '127.0.0.1:8080', '[::1]:0', ':80' or 'unix:/path' "
      .. "expected, got '%s'", addr)
  end
  options = options or {}
  return server.serve(addr, fn, options.daemon, limit(options.max_body))
end


--- Closes the connections that this OS thread keeps for requests to come. They are closed half a
--- second after the last request anyway.
http.close_idle = client.close_idle


return http
