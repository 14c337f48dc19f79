// Waiting for and waking on one shared word, across processes (Linux futex). Stands on the kernel
// only.
#ifndef HEDDLE_BASE_FUTEX_H
#define HEDDLE_BASE_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

// Sleeps while *word is `value`, at most until `deadline` (clock_now() time; CLOCK_NEVER: no end).
// Returns on a wake, a signal, the deadline, or at once when *word differs: the caller looks again.
void futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t deadline);
void futex_wake(_Atomic uint32_t *word, int count);

#endif
