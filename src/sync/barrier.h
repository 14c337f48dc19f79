// The barrier: tasks wait for each other; when as many as there are parties have come, they all go
// on. The last to come is the round's leader and may have an action to do before it opens. One who
// leaves before that breaks it for the others. Stands on: object.
#ifndef HEDDLE_SYNC_BARRIER_H
#define HEDDLE_SYNC_BARRIER_H

#include "sync/object.h"

enum { SYNC_ARRIVED, SYNC_OPENED, SYNC_BROKEN }; // the lists of waiters

struct sync_barrier {
  struct sync_object head;
  uint32_t parties;
  _Atomic uint32_t waiting; // length of the list SYNC_ARRIVED
  _Atomic uint32_t broken;
  uint32_t leader;         // the task that does the action, 0: none
  uint32_t leader_process; // its process slot
  uint32_t has_action;
  double timeout;               // of a wait that has none of its own; < 0: none
  uint64_t action, action_size; // block with the action as a message, 0: none
};

struct sync_barrier *sync_barrier_create(uint32_t parties, bool has_action, double timeout);
bool sync_barrier_attempt(struct sync_barrier *barrier, struct park_self *self);
bool sync_barrier_leave(struct sync_barrier *barrier, struct park_self *self);
bool sync_barrier_open(struct sync_barrier *barrier, uint32_t task);
void sync_barrier_abort(struct sync_barrier *barrier);
void sync_barrier_reset(struct sync_barrier *barrier);

#endif
