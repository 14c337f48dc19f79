#include "sync/rlock.h"

#include "base/program.h"

#include <stdio.h>

_Static_assert(sizeof(struct sync_rlock) <= ARENA_CELL, "it fits into its cell");

static void settle(struct sync_object *object) { sync_lock_class.settle(object); }

static void bury(struct sync_object *object, uint32_t process) {
  sync_lock_class.bury(object, process);
}

static void describe(struct sync_object *object, char *text, size_t size) {
  const struct sync_rlock *rlock = (struct sync_rlock *)object;
  uint32_t process, task;
  if (sync_lock_holder(&rlock->lock, &process, &task))
    snprintf(text, size, "held %u deep", rlock->levels);
  else
    sync_lock_class.describe(object, text, size);
}

const struct sync_class sync_rlock_class = {"RLock", settle, NULL, NULL, bury, describe};

// A new re-entrant lock, free. NULL when the arena is full.
struct sync_rlock *sync_rlock_create(void) {
  return (struct sync_rlock *)sync_create(SYNC_RLOCK);
}

// Whether it is held by that task of this process.
bool sync_rlock_is_owner(const struct sync_rlock *rlock, uint32_t task) {
  uint32_t process, holder;
  return sync_lock_holder(&rlock->lock, &process, &holder) && holder == task &&
         process == program_slot;
}

// Takes it for self->task, once more if that is its owner. Else as sync_lock_attempt.
bool sync_rlock_attempt(struct sync_rlock *rlock, struct park_self *self) {
  if (self->record == 0 && sync_rlock_is_owner(rlock, self->task)) {
    self->abandoned = false;
    rlock->levels++;
    return true;
  }
  if (!sync_lock_attempt(&rlock->lock, self)) return false;
  rlock->levels = 1;
  return true;
}

// Gives one level back. Returns false if the task is not its owner.
bool sync_rlock_release(struct sync_rlock *rlock, uint32_t task) {
  if (!sync_rlock_is_owner(rlock, task)) return false;
  if (--rlock->levels == 0) sync_lock_release(&rlock->lock);
  return true;
}
