// The lock: held or not, by whom, and whether its last holder died. Free and without waiters it is
// taken and given back by one compare-and-swap each. Stands on: object.
#ifndef HEDDLE_SYNC_LOCK_H
#define HEDDLE_SYNC_LOCK_H

#include "sync/object.h"

struct sync_lock {
  struct sync_object head;
  // 0: free and nobody waits. Low 16 bits: the holder's process slot + 1, 0: free; bit 31: somebody
  // waits; bit 30: its last holder's process ended; bit 29: somebody waits who was kicked and has
  // not come yet; high 32 bits: the holder's task.
  _Atomic uint64_t holder;
  _Atomic int64_t patience; // with bit 29: until when others may overtake
};

struct sync_lock *sync_lock_create(void);
bool sync_lock_attempt(struct sync_lock *lock, struct park_self *self);
void sync_lock_leave(struct sync_lock *lock, struct park_self *self);
bool sync_lock_release(struct sync_lock *lock);
bool sync_lock_is_held(const struct sync_lock *lock);
bool sync_lock_holder(const struct sync_lock *lock, uint32_t *process, uint32_t *task);

#endif
