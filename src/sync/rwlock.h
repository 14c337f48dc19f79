// The read-write lock: many readers or one writer, in order of arrival: a reader does not pass a
// waiting writer. What a process holds when it dies comes back, and the next taker is told. Stands
// on: object, shares.
#ifndef HEDDLE_SYNC_RWLOCK_H
#define HEDDLE_SYNC_RWLOCK_H

#include "sync/object.h"
#include "sync/shares.h"

enum { SYNC_READERS, SYNC_WRITERS }; // the lists of waiters

struct sync_rwlock {
  struct sync_object head;
  uint32_t writer;            // process slot + 1 of the one that writes, 0: nobody
  uint32_t abandoned;         // the next taker is to be told
  struct sync_shares readers; // of each process
};

struct sync_rwlock *sync_rwlock_create(void);
bool sync_rwlock_read(struct sync_rwlock *rwlock, struct park_self *self);
bool sync_rwlock_write(struct sync_rwlock *rwlock, struct park_self *self);
void sync_rwlock_leave(struct sync_rwlock *rwlock, struct park_self *self);
void sync_rwlock_end_read(struct sync_rwlock *rwlock);
void sync_rwlock_end_write(struct sync_rwlock *rwlock);

#endif
