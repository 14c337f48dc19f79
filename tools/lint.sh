#!/bin/sh
# lint.sh CHECK: one of the checks of `make lint` over the files of the tree; prints what is wrong, with file and line.
# The flags of the compilers come in CFLAGS_LINT.
#   format     C files are as clang-format writes them    lua       luacheck finds nothing
#   rooms      #include lines point downwards             sizes     no function is longer than a screen
#   gcc clang  no warnings                                subjects  of the last commits
set -eu

c_files() {
  find src tools bench -name '*.[ch]' 2>/dev/null | sort
}

sources() {
  find src -name '*.c' | sort
}

syntax() {
  # shellcheck disable=SC2086  # words
  sources | xargs -r -P 2 -n 4 "$@" -fsyntax-only $CFLAGS_LINT
}

case $1 in
  format)
    c_files | while read -r file; do
      clang-format "$file" | cmp -s - "$file" || echo "$file: not as clang-format writes it: make format"
    done | awk '{ print } END { exit NR > 0 }'
    ;;
  lua)
    for folder in lua scripts spec tools bench chaos; do
      if [ -n "$(find "$folder" -name '*.lua' 2>/dev/null | head -n 1)" ]; then echo "$folder"; fi
    done | xargs -r luacheck -q --no-color
    ;;
  rooms) find src -name '*.[ch]' | sort | xargs -r awk -f tools/rooms.awk ;;
  sizes) sources | xargs -r awk -f tools/sizes.awk ;;
  gcc) syntax "${CC:-gcc}" ;;
  clang) syntax "${CLANG:-clang}" ;;
  subjects)
    git log -n 50 --format=%s 2>/dev/null | awk '
      length > 72 { print "longer than 72 characters: " $0; bad = 1 }
      !/^[A-Za-z0-9_.\/*,{} -]+: ./ { print "not \"path: Sentence.\": " $0; bad = 1 }
      END { exit bad }'
    ;;
  *)
    echo "lint: unknown check '$1'" >&2
    exit 2
    ;;
esac
