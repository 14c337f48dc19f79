// The latch: a count that only goes down; whoever waits goes on when it is 0. Stands on: object.
#ifndef HEDDLE_SYNC_LATCH_H
#define HEDDLE_SYNC_LATCH_H

#include "sync/object.h"

struct sync_latch {
  struct sync_object head;
  _Atomic uint64_t count;
};

struct sync_latch *sync_latch_create(uint64_t count);
bool sync_latch_attempt(struct sync_latch *latch, struct park_self *self);
void sync_latch_leave(struct sync_latch *latch, struct park_self *self);
void sync_latch_count_down(struct sync_latch *latch, uint64_t steps);

#endif
