// The condition: those who wait on it are let go by a notify, in order of arrival. It stands on a
// lock of either kind, which a wait gives up when it is in line and takes back before it ends.
// Stands on: object, lock, rlock.
#ifndef HEDDLE_SYNC_CONDITION_H
#define HEDDLE_SYNC_CONDITION_H

#include "sync/rlock.h"

struct sync_condition {
  struct sync_object head;
  uint64_t lock;     // offset of its lock or rlock, which it holds a reference to
  uint64_t notified; // waiters that arrived up to here may go on
  uint64_t pending;  // how many of them have not gone yet
};

struct sync_condition *sync_condition_create(struct sync_object *lock);
struct sync_object *sync_condition_lock(const struct sync_condition *condition);
bool sync_condition_is_held(const struct sync_condition *condition, uint32_t task);
bool sync_condition_attempt(struct sync_condition *condition, struct park_self *self);
void sync_condition_leave(struct sync_condition *condition, struct park_self *self);
uint32_t sync_condition_levels(const struct sync_condition *condition);
void sync_condition_unlock(struct sync_condition *condition);
bool sync_condition_relock(struct sync_condition *condition, struct park_self *self);
void sync_condition_notify(struct sync_condition *condition, uint64_t n);

#endif
