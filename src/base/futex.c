#include "base/futex.h"

#include "base/clock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline) {
  struct timespec t, *limit = NULL;
  if (deadline != CLOCK_NEVER) {
    t.tv_sec = deadline / 1000000000;
    t.tv_nsec = deadline % 1000000000;
    limit = &t;
  }
  // FUTEX_WAIT_BITSET takes an absolute CLOCK_MONOTONIC time
  syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value, limit, NULL, FUTEX_BITSET_MATCH_ANY);
}

// Wakes up to `count` sleepers of the word.
void futex_wake(_Atomic uint32_t *word, int count) {
  syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}
