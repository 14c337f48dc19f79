#include "loop/deadline.h"

#include "base/clock.h"
#include "base/program.h"

#include <stddef.h>

// Begins a deadline of the running task, inside of those it has. seconds < 0: it fires only when
// told to; 0: at once. Returns false when there is no memory.
bool deadline_begin(struct deadline *d, struct task *task, double seconds) {
  *d = (struct deadline){.outer = task->deadlines, .process = program_slot};
  d->timer.kind = TIMER_DEADLINE;
  d->shields = task->shields;
  d->timed = seconds >= 0;
  d->fired = seconds == 0;
  if (seconds > 0 && !timer_start(&task->loop->timers, &d->timer, clock_deadline(seconds)))
    return false;
  d->task = task;
  task->deadlines = d;
  return true;
}

// Ends it: it raises nothing any more. Does nothing if it has ended, or in a forked child, where
// its task is not.
void deadline_end(struct deadline *d) {
  struct task *task = d->task;
  if (!task || d->process != program_slot) return;
  timer_stop(&task->loop->timers, &d->timer);
  struct deadline **link = &task->deadlines;
  while (*link != d)
    link = &(*link)->outer;
  *link = d->outer;
  d->task = NULL;
}

// The same for all those of a task that is about to end: they were left in coroutines that nobody
// will resume.
void deadline_end_all(struct task *task) {
  while (task->deadlines)
    deadline_end(task->deadlines);
}

static bool is_due(const struct deadline *d) {
  return d->fired && !d->raised && d->task->shields <= d->shields;
}

// The task's outermost deadline that is to raise now; NULL: none.
struct deadline *deadline_due(const struct task *task) {
  struct deadline *due = NULL;
  for (struct deadline *d = task->deadlines; d; d = d->outer)
    if (is_due(d)) due = d;
  return due;
}

// Cancels the stretch: wakes its task if that waits. Under the GIL, from any thread of the
// interpreter.
void deadline_fire(struct deadline *d) {
  struct task *task = d->task;
  if (!task || d->fired) return;
  d->fired = true;
  if (task->state != TASK_PARKED || !is_due(d)) return;
  task->wake |= WAKE_CANCEL;
  loop_ready(task->loop, task);
  if (task->loop != loop_self) program_ring(task->loop->seat);
}

// The timer of a deadline is due.
void deadline_timer_due(struct timer *timer) {
  deadline_fire((struct deadline *)((char *)timer - offsetof(struct deadline, timer)));
}
