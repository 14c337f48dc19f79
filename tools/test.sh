#!/usr/bin/env bash
# test.sh: every gate, one after the other; called by `make test`, which hands over the lists of specs (SPECS and others).
# A stage that prints `N passed, N failed` counts so, any other as one. The last line is the sum; the exit status is 1
# after a failure. The failures are shown once more before it. Logs stay in build/test.
set -u -o pipefail
unset MAKEFLAGS MAKELEVEL # the builds below are not part of the make that called this

jobs=$(nproc)
passed=0
failed=0
failures=()
child=
trap '[ -n "$child" ] && kill "$child" 2>/dev/null; exit 130' INT TERM
mkdir -p build/test

# stage NAME LIMIT COMMAND...: runs it for at most LIMIT seconds, shows its output, and adds to the sum.
stage() {
  local name=$1 limit=$2 log status counts begun
  shift 2
  log="build/test/${name// /-}.log"
  begun=$(date +%s)
  : >"$log"
  printf -- '--- %s\n' "$name"
  timeout -k 10 "$limit" "$@" >"$log" 2>&1 </dev/null &
  child=$!
  tail -n +1 -s 0.2 -f --pid="$child" "$log"
  wait "$child"
  status=$?
  child=
  counts=$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
  add "$name" "$status" "${counts//[!0-9 ]/}"
  printf -- '--- %s: %s, %d s\n' "$name" "$(verdict "$status")" $(($(date +%s) - begun))
}

# add NAME STATUS "PASSED FAILED": into the sum; a bad exit status is a failure whatever was counted.
add() {
  local counts=($3)
  if [ ${#counts[@]} -ne 2 ]; then
    counts=($(($2 == 0)) 0)
  fi
  if [ "$2" -ne 0 ] && [ "${counts[1]}" -eq 0 ]; then counts[1]=1; fi
  passed=$((passed + counts[0]))
  failed=$((failed + counts[1]))
  if [ "${counts[1]}" -ne 0 ]; then failures+=("$1"); fi
}

verdict() {
  case $1 in
    0) echo fine ;;
    124 | 137) echo "out of time" ;;
    *) echo "failed (exit status $1)" ;;
  esac
}

# specs FLAVOUR SLACK LIMIT FILE...: the spec files under the executable of that flavour; where the
# limits have slack, as many at once as there are cores.
specs() {
  local flavour=$1 slack=$2 limit=$3 exe=build/$1/heddle at_once=$jobs
  shift 3
  if [ "$flavour" = release ]; then
    exe=build/heddle
    at_once=1
  fi
  stage "specs $flavour" "$limit" env HEDDLE_FLAVOUR="$flavour" HEDDLE_SLACK="$slack" \
    "$exe" spec/run.lua --jobs="$at_once" "$@"
}

# failed_cases NAME: how each failure in the log of that stage begins; the end of the log if it names none.
failed_cases() {
  local log="build/test/${1// /-}.log"
  printf -- '--- %s failed (%s)\n' "$1" "$log"
  if grep -qa '^FAIL ' "$log"; then
    grep -a -A 3 '^FAIL ' "$log" | grep -av '^--$'
  else
    tail -n 6 "$log"
  fi
}

export ASAN_OPTIONS=exitcode=99:detect_leaks=1:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=exitcode=66:die_after_fork=0:allocator_may_return_null=1:suppressions=$PWD/tools/tsan.supp

stage build 600 make --no-print-directory -s -k -j"$jobs" all asan stress tsan fuzzer
for check in $CHECKS; do
  stage "lint $check" 300 tools/lint.sh "$check"
done
specs release 1 400 $SPECS
specs asan 4 600 $ENGINE_SPECS
specs stress 4 600 $STRESS_SPECS
specs tsan 8 600 $TSAN_SPECS
stage fuzz 90 make --no-print-directory -s fuzz SECONDS=20
stage chaos 300 build/heddle spec/run.lua --limit=280 --case=250 spec/chaos_spec.lua
stage readme 180 build/heddle spec/run.lua --limit=170 --case=120 spec/readme_spec.lua

for name in "${failures[@]}"; do
  failed_cases "$name"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
