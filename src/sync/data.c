#include "sync/data.h"

#include <stdio.h>

// A new object of a kind of data, with its lock. NULL when the arena is full.
struct sync_data *sync_data_create(enum sync_kind kind) {
  struct sync_object *lock = (struct sync_object *)sync_rlock_create();
  struct sync_data *data = lock ? (struct sync_data *)sync_create(kind) : NULL;
  if (!data) {
    if (lock) sync_release(lock);
    return NULL;
  }
  sync_retain_message(lock);
  data->lock = arena_offset(lock);
  snprintf(lock->name, sizeof lock->name, "lock of %s-%u", sync_classes[kind]->name,
           sync_nth(&data->head));
  sync_release(lock); // this process's own reference; the data's stays
  return data;
}

// The data goes: gives its lock up.
void sync_data_release(struct sync_data *data) { sync_release_message(sync_data_lock(data)); }

// The lock behind it.
struct sync_object *sync_data_lock(const struct sync_data *data) {
  return arena_at(data->lock);
}
