// The choices of the loop in one place, so that another scheduler can be handed in: which ready
// task is next, and what time it is. Stands on: loop, base.
#ifndef HEDDLE_LOOP_POLICY_H
#define HEDDLE_LOOP_POLICY_H

#include "base/clock.h"
#include "loop/loop.h"

// The next task to run, taken off the ready list; NULL if none is ready. Order of becoming ready.
static inline struct task *policy_next(struct loop *loop) {
  struct task *task = loop->ready_first;
  if (!task) return NULL;
  loop->ready_first = task->next;
  if (!loop->ready_first) loop->ready_last = NULL;
  return task;
}

// The loop's time.
static inline int64_t policy_now(void) { return clock_now(); }

#endif
