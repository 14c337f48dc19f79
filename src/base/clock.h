// The clock: monotonic time as nanoseconds, the only place that asks the system for it.
// Every deadline inside the engine is such a number; seconds are turned into one at the door.
#ifndef HEDDLE_BASE_CLOCK_H
#define HEDDLE_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_NEVER INT64_MAX

int64_t clock_now(void);
int64_t clock_recent(void);
bool clock_counts(void);
int64_t clock_deadline(double seconds);
double clock_seconds(int64_t nanoseconds);

// The cycle counter, or 0 where there is none.
static inline uint64_t clock_counter(void) {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  return 0;
#endif
}

#endif
