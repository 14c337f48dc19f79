// The clock: monotonic time as nanoseconds, the only place that asks the system for it.
// Every deadline inside the engine is such a number; seconds are turned into one at the door.
#ifndef HEDDLE_BASE_CLOCK_H
#define HEDDLE_BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_NEVER INT64_MAX

int64_t clock_now(void);
int64_t clock_deadline(double seconds);
double clock_seconds(int64_t nanoseconds);

#endif
