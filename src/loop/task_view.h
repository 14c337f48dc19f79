// What the tasks of a loop look like from outside: who, in which state, what they wait for, where
// and since when. Written for reports only; it has a fixed size, so that any process may read it.
// Stands on: task.
#ifndef HEDDLE_LOOP_TASK_VIEW_H
#define HEDDLE_LOOP_TASK_VIEW_H

#include "loop/loop.h"

enum task_view_state { VIEW_PENDING, VIEW_RUNNING, VIEW_BLOCKED };

struct task_view {
  uint32_t id;
  uint8_t state;    // enum task_view_state
  uint8_t timed;    // it waits with a time-out
  uint8_t main;     // the function of its thread, isolate or process
  uint8_t internal; // of the library: it runs a job
  uint8_t lock;     // it waits for a lock or a permit
  uint32_t job;     // number + 1 of the job that it does, 0: none
  int64_t since;    // when it began to wait, 0: unknown or does not wait
  uint64_t object;  // offset of the shared object it waits for, 0: none
  char name[48];
  char what[64];  // it waits for
  char where[56]; // file:line
  char kind[24];  // of its job
};

uint32_t task_view_write(struct loop *loop, struct task_view *views, uint32_t most);

#endif
