// The shared dictionary: from keys to messages, both bytes. An entry is one block with both;
// setting, replacing and removing commit by one write of a link. Stands on: data.
#ifndef HEDDLE_SYNC_DICT_H
#define HEDDLE_SYNC_DICT_H

#include "base/buffer.h"
#include "sync/data.h"

struct sync_dict {
  struct sync_data data;
  uint64_t buckets;         // offset of the links to the first entry of each bucket
  _Atomic uint32_t updater; // the task whose update's function runs and may not touch it; 0: none
};

struct sync_dict *sync_dict_create(void);
uint64_t sync_dict_entry(const struct buffer *key, const struct buffer *value);
void sync_dict_set(struct sync_dict *dict, uint64_t entry);
void sync_dict_remove(struct sync_dict *dict, const struct buffer *key);
bool sync_dict_get(struct sync_dict *dict, const struct buffer *key, struct buffer *value);
bool sync_dict_copy(struct sync_dict *dict, struct buffer *all);
void sync_dict_set_hooks(void (*retain)(const void *bytes, size_t size),
                         void (*drop)(const void *bytes, size_t size));

#endif
