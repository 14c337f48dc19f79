#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

// Monotonic time in nanoseconds since some fixed moment, the same in every process of the machine.
int64_t clock_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool kernel_counts(void) {
  char name[8] = "";
  FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
  if (!file) return false;
  bool counts = fgets(name, sizeof name, file) && strcmp(name, "tsc\n") == 0;
  fclose(file);
  return counts;
}

// Whether the cycle counter is a clock: it is where the kernel itself uses it as one. Looked up
// once.
bool clock_counts(void) {
  enum { UNKNOWN, NO, YES };
  static _Atomic int known = UNKNOWN;
  int answer = atomic_load_explicit(&known, memory_order_relaxed);
  if (answer == UNKNOWN) {
    answer = clock_counter() != 0 && kernel_counts() ? YES : NO;
    atomic_store(&known, answer);
  }
  return answer == YES;
}

// As clock_now, but some ten microseconds late at most: for who asks all the time.
int64_t clock_recent(void) {
  enum { CYCLES = 50000 };
  static _Thread_local uint64_t count;
  static _Thread_local int64_t moment;
  if (!clock_counts()) return clock_now();
  uint64_t now = clock_counter();
  if (now - count > CYCLES) {
    count = now;
    moment = clock_now();
  }
  return moment;
}

// The moment `seconds` from now; CLOCK_NEVER for more than a hundred years.
int64_t clock_deadline(double seconds) {
  if (seconds >= 3.2e9) return CLOCK_NEVER;
  return clock_now() + (int64_t)(seconds * 1e9);
}

// Nanoseconds as seconds.
double clock_seconds(int64_t nanoseconds) { return (double)nanoseconds * 1e-9; }
