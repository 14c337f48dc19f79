#include "io/end.h"

#include "base/clock.h"

static void enlist(struct end *end, struct park_self *self) {
  self->record = park_record_alloc();
  if (self->record == 0) return;
  struct park_record *r = park_record(self->record);
  atomic_store_explicit(&r->ticket, self->ticket, memory_order_relaxed);
  atomic_store_explicit(&r->task, self->task, memory_order_relaxed);
  r->timed = self->timed;
  r->since = clock_now();
  park_append(&end->waiters, self->record);
}

// As loop_op's attempt: whether the end is reached; else stands in line if asked to.
bool end_attempt(void *object, struct park_self *self) {
  struct end *end = object;
  if (!end->reached) {
    if (self->enlist && !self->record) enlist(end, self);
    return false;
  }
  if (self->record) park_leave(&end->waiters, self->record);
  self->record = 0;
  return true;
}

// As loop_op's leave.
void end_leave(void *object, struct park_self *self) {
  park_leave(&((struct end *)object)->waiters, self->record);
}

// The end is reached: all who wait are woken. To be followed by park_ring.
void end_reach(struct end *end) {
  end->reached = true;
  park_kick_all(&end->waiters);
}
