#include "base/clock.h"

#include <time.h>

// Monotonic time in nanoseconds since some fixed moment, the same in every process of the machine.
int64_t clock_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// The moment `seconds` from now; CLOCK_NEVER for more than a hundred years.
int64_t clock_deadline(double seconds) {
  if (seconds >= 3.2e9) return CLOCK_NEVER;
  return clock_now() + (int64_t)(seconds * 1e9);
}

// Nanoseconds as seconds.
double clock_seconds(int64_t nanoseconds) { return (double)nanoseconds * 1e-9; }
