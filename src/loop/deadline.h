// Deadlines and shields of a task. A deadline is a stretch of a task's run that can be cancelled
// apart from the task itself: when its time is up or when it is told to fire, the task's next (or
// present) blocking call raises, once, an error that is known as the deadline's own. A shield is a
// stretch that nothing from outside of it cancels; deadlines inside it work. They nest as calls do.
// A cancel from outside of a deadline that was raised inside of it outlives it: should the deadline
// be due after that, it raises that cancel's error once more, not one of its own.
// Each lives in a userdata that ends when its block ends. Stands on: loop, timer.
#ifndef HEDDLE_LOOP_DEADLINE_H
#define HEDDLE_LOOP_DEADLINE_H

#include "loop/loop.h"

struct deadline {
  struct timer timer;
  struct task *task;      // NULL: it has ended
  struct deadline *outer; // the task's next one
  uint32_t process;       // slot of the process it was made in
  uint16_t shields;       // that were around it when it began
  bool timed;             // it has a time, and is not only told to fire
  bool fired, raised;
  bool passing; // a cancel from outside of it was raised inside
};

bool deadline_begin(struct deadline *deadline, struct task *task, double seconds);
void deadline_end(struct deadline *deadline);
void deadline_end_all(struct task *task);
void deadline_fire(struct deadline *deadline);
struct deadline *deadline_due(const struct task *task);
void deadline_timer_due(struct timer *timer);

#endif
