#!/bin/sh
# deps.sh SET...: installs the Debian packages of the named sets (build, test, bench) that are missing, and says which.
# Prints and does nothing when all are there.
set -eu

# In each line: the package, then a test that succeeds where it (or its like, installed another way) is there.
packages() {
  case $1 in
    build)
      cat <<'END'
pkg-config command -v pkg-config
liblua5.4-dev pkg-config --exists lua5.4 || pkg-config --exists lua-5.4 || pkg-config --exists lua54
libuv1-dev pkg-config --exists libuv
lua-luv-dev test -f /usr/include/lua5.4/luv/luv.h
libcurl4-openssl-dev pkg-config --exists libcurl
libmicrohttpd-dev pkg-config --exists libmicrohttpd
libssl-dev pkg-config --exists libcrypto
lua-argparse dpkg -s lua-argparse
libedit-dev test -f /usr/include/histedit.h
END
      ;;
    test)
      cat <<'END'
lua5.4 command -v lua5.4
lua-busted test -f /usr/share/lua/5.4/busted/core.lua
lua-check command -v luacheck
lua-cjson dpkg -s lua-cjson
lua-socket dpkg -s lua-socket
lua-sql-sqlite3 dpkg -s lua-sql-sqlite3
clang command -v clang
clang-format command -v clang-format
libclang-rt-14-dev dpkg -s libclang-rt-14-dev || test -n "$(find /usr/lib/clang /usr/lib/llvm-* -name 'libclang_rt.fuzzer-*.a' 2>/dev/null)"
openssl command -v openssl
procps command -v ps
python3 command -v python3
chromium-headless-shell command -v chromium-headless-shell || command -v chromium
END
      ;;
    bench)
      cat <<'END'
python3 command -v python3
wrk command -v wrk
END
      ;;
    *)
      echo "deps: unknown set '$1'; the sets are build, test, bench" >&2
      exit 1
      ;;
  esac
}

# The packages of the sets given that are not there, in one line.
missing() {
  for set in "$@"; do
    packages "$set" | while read -r package check; do
      (eval "$check") >/dev/null 2>&1 </dev/null || printf '%s ' "$package"
    done
  done
}

# as_root COMMAND...: runs it as root, by sudo where we are somebody else.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    env DEBIAN_FRONTEND=noninteractive "$@"
  else
    sudo env DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

# give_up WHY PACKAGES: one clear line, and out.
give_up() {
  echo "deps: $1; please install these Debian packages and run make again: $2" >&2
  exit 1
}

# The package lists are there and less than a day old.
lists_are_fresh() {
  [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -mtime -1 2>/dev/null | head -n 1)" ]
}

wanted=$(missing "$@")
wanted=${wanted% }
[ -n "$wanted" ] || exit 0

command -v apt-get >/dev/null 2>&1 || give_up "there is no apt-get here" "$wanted"
[ "$(id -u)" = 0 ] || command -v sudo >/dev/null 2>&1 ||
  give_up "not root, and there is no sudo" "$wanted"

echo "deps: installing $wanted"
lists_are_fresh || as_root apt-get update -qq || echo "deps: the package lists could not be renewed" >&2
# shellcheck disable=SC2086  # one word per package
as_root apt-get install -y -qq --no-install-recommends $wanted >/dev/null ||
  give_up "apt-get failed" "$wanted"
left=$(missing "$@")
[ -z "$left" ] || give_up "apt-get ran, but these are still missing" "$left"
