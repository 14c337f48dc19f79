# awk -f tools/rooms.awk FILE...: checks that the #include lines of src/ point downwards only (docs/ARCHITECTURE.md) and
# that only binding files see Lua. Prints file:line of each that does not; the exit status is then 1.

BEGIN {
  below["base"] = " base "
  below["trace"] = " trace base "
  below["value"] = " value base "
  below["loop"] = " loop trace base "
  below["sync"] = " sync trace base "
  below["worker"] = " worker sync loop value trace base "
  below["io"] = " io worker sync loop value trace base "
  below["host"] = " host io worker sync loop value trace base "
  see_lua = "^(value/|host/|loop/task|loop/gil|[a-z]+/[a-z0-9_]*_lua[.][ch]$)"
  see_libuv = "^(loop|worker|io|host)/"
}

FNR == 1 {
  file = FILENAME
  sub(/^(.*\/)?src\//, "", file)
  room = file
  sub(/\/.*/, "", room)
  if (!(room in below))
    complain("lies in no room of src/")
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
  split($0, part, "\"")
  check_room(part[2])
}

/^[ \t]*#[ \t]*include[ \t]*</ {
  split($0, part, /[<>]/)
  check_library(part[2])
}

function complain(what) {
  printf "%s:%d: %s\n", FILENAME, FNR, what
  bad = 1
}

function check_room(path, target) {
  target = path
  if (!sub(/\/.*/, "", target))
    complain("\"" path "\": includes are written relative to src/")
  else if (room == "sync" && path == "loop/park.h")
    return
  else if (room == "sync" && file ~ /_lua[.][ch]$/ && target ~ /^(value|loop)$/)
    return
  else if (!index(below[room], " " target " "))
    complain(room "/ may not include " target "/ (" path ")")
}

function check_library(name) {
  if (name ~ /^(lua|lauxlib|lualib|luaconf)[.]h$/ && file !~ see_lua)
    complain(name " belongs in binding files (*_lua.c), value/, loop/task*, loop/gil* and host/")
  if (name ~ /^(uv|luv\/.*)[.]?h?$/ && file !~ see_libuv)
    complain(name " belongs in loop/, worker/, io/ and host/")
}

END {
  exit bad
}
