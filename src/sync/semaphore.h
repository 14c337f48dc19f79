// The semaphore: permits that are taken and given. Those taken through a guard belong to their
// process and come back when it ends. Stands on: object, shares.
#ifndef HEDDLE_SYNC_SEMAPHORE_H
#define HEDDLE_SYNC_SEMAPHORE_H

#include "sync/object.h"
#include "sync/shares.h"

#define SYNC_SEMAPHORE_MOST ((uint64_t)INT64_MAX) // the bound of one that was given none

struct sync_semaphore {
  struct sync_object head;
  uint64_t total;            // permits that are free or held through guards
  uint64_t bound;            // more are never free
  struct sync_shares shares; // those held through guards
};

struct sync_semaphore *sync_semaphore_create(uint64_t permits, uint64_t bound);
bool sync_semaphore_acquire(struct sync_semaphore *semaphore, struct park_self *self);
bool sync_semaphore_hold(struct sync_semaphore *semaphore, struct park_self *self);
void sync_semaphore_leave(struct sync_semaphore *semaphore, struct park_self *self);
bool sync_semaphore_release(struct sync_semaphore *semaphore, uint64_t permits);
bool sync_semaphore_give_back(struct sync_semaphore *semaphore);
uint64_t sync_semaphore_value(struct sync_semaphore *semaphore);

#endif
