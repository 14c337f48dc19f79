// Timers: a heap of deadlines, one per loop, in exact nanoseconds. A timer is a member of what it
// wakes.
#ifndef HEDDLE_LOOP_TIMER_H
#define HEDDLE_LOOP_TIMER_H

#include <stdbool.h>
#include <stdint.h>

enum timer_kind { TIMER_TASK, TIMER_DEADLINE, TIMER_CALL };

struct timer {
  uint32_t place; // in the heap, from 1; 0: not running
  uint8_t kind;   // enum timer_kind: what it is a member of
};

// An entry keeps the deadline beside the pointer, so that sifting touches no other memory.
struct timer_entry {
  int64_t deadline;
  struct timer *timer;
};

struct timers {
  struct timer_entry *heap; // from index 1
  uint32_t count, cap;
};

bool timer_start(struct timers *timers, struct timer *timer, int64_t deadline);
void timer_stop(struct timers *timers, struct timer *timer);
int64_t timer_next(const struct timers *timers);
struct timer *timer_due(struct timers *timers, int64_t now);
void timers_free(struct timers *timers);
void timers_clear(struct timers *timers);

#endif
