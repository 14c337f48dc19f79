// What shared data of all kinds has in common: the lock that stands behind it, which its own
// operations do not take. Stands on: rlock.
#ifndef HEDDLE_SYNC_DATA_H
#define HEDDLE_SYNC_DATA_H

#include "sync/rlock.h"

struct sync_data {
  struct sync_object head;
  uint64_t lock; // offset of its rlock, which it holds a reference to
};

struct sync_data *sync_data_create(enum sync_kind kind);
void sync_data_release(struct sync_data *data);
struct sync_object *sync_data_lock(const struct sync_data *data);

#endif
