// The re-entrant lock: a lock that knows its owner, a task, and how often that has taken it. Only
// the owner gives it back. Stands on: lock.
#ifndef HEDDLE_SYNC_RLOCK_H
#define HEDDLE_SYNC_RLOCK_H

#include "sync/lock.h"

struct sync_rlock {
  struct sync_lock lock;
  uint32_t levels; // the owner's own; meaningful while it is held
};

struct sync_rlock *sync_rlock_create(void);
bool sync_rlock_attempt(struct sync_rlock *rlock, struct park_self *self);
bool sync_rlock_is_owner(const struct sync_rlock *rlock, uint32_t task);
bool sync_rlock_release(struct sync_rlock *rlock, uint32_t task);

#endif
