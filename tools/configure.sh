#!/bin/sh
# Writes what the Makefile needs to know about the libraries to standard output: compiler and linker flags of the newest
# Lua 5.4 that pkg-config finds, of libuv and of luv, each linked statically where an archive is installed.
# Static linking halves the start of a process; Lua goes in whole, because C modules look its symbols up in the executable.
set -eu

CC=${CC:-gcc}

die() {
  echo "configure: $1" >&2
  exit 1
}

# The name of the pkg-config module of the newest Lua 5.4.
newest_lua() {
  for name in lua5.4 lua-5.4 lua54 lua; do
    version=$(pkg-config --modversion "$name" 2>/dev/null) || continue
    case $version in
      5.4*) echo "$version $name" ;;
    esac
  done | sort -s -t. -k1,1n -k2,2n -k3,3n | tail -n 1 | cut -d' ' -f2
}

# archive MODULE FILE: the path of a static library, nothing if there is none.
archive() {
  folder=$(pkg-config --variable=libdir "$1" 2>/dev/null || true)
  if [ -f "$folder/$2" ]; then
    echo "$folder/$2"
    return
  fi
  path=$($CC -print-file-name="$2")
  case $path in
    /*) readlink -f "$path" ;;
  esac
}

# The include folders of the named modules, as system folders: their headers are not ours to warn about.
includes() {
  pkg-config --cflags "$@" | sed 's/-I */-isystem /g'
}

lua=$(newest_lua)
[ -n "$lua" ] || die "no Lua 5.4 found by pkg-config (package liblua5.4-dev)"
pkg-config --exists libuv || die "no libuv found by pkg-config (package libuv1-dev)"

lua_name=$(pkg-config --libs-only-l "$lua" | tr ' ' '\n' | sed -n 's/^-l\(lua.*\)/\1/p' | head -n 1)
lua_archive=$(archive "$lua" "lib$lua_name.a")
luv_archive=$(archive lua5.4-luv liblua5.4-luv.a)
uv_archive=$(archive libuv libuv_a.a)
[ -n "$uv_archive" ] || uv_archive=$(archive libuv libuv.a)
[ -n "$luv_archive" ] || die "no luv archive found (package lua-luv-dev)"

if [ -n "$lua_archive" ]; then
  lua_libs="-Wl,--whole-archive $lua_archive -Wl,--no-whole-archive"
else
  lua_libs=$(pkg-config --libs "$lua")
fi

cat <<END
LUA_VERSION := $(pkg-config --modversion "$lua")
LIB_CFLAGS := $(includes "$lua" libuv) -isystem /usr/include/lua5.4
LUA_LIBS := $lua_libs
UV_LIBS := $luv_archive ${uv_archive:-$(pkg-config --libs libuv)}
END
