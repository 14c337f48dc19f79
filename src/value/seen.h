// What the encoder has already written: from an object's address to the place of its tag. A few are
// searched one by one, more of them are hashed; the memory is kept from message to message. Stands
// on the C library only.
#ifndef HEDDLE_VALUE_SEEN_H
#define HEDDLE_VALUE_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VALUE_SEEN_FEW = 16 };

struct seen_entry {
  const void *key;
  uint32_t place;
  uint8_t number; // of the upvalue, where key is a cell
  bool cell;
  uint16_t stamp; // of the message that the slot was filled for; else it is free
};

struct seen {
  uint32_t count;
  uint16_t stamp;
  uint32_t mask; // slots - 1; 0: none yet
  struct seen_entry *slots;
  struct seen_entry few[VALUE_SEEN_FEW]; // holds all while count <= VALUE_SEEN_FEW
};

void value_seen_begin(struct seen *seen);
bool value_seen_add(struct seen *seen, struct seen_entry entry);
const struct seen_entry *value_seen_hashed(const struct seen *seen, const void *key);
void value_seen_trim(struct seen *seen);
void value_seen_free(struct seen *seen);

// The entry of an object, NULL if it was not met in this message.
static inline const struct seen_entry *value_seen(const struct seen *seen, const void *key) {
  if (seen->count > VALUE_SEEN_FEW) return value_seen_hashed(seen, key);
  for (uint32_t i = 0; i < seen->count; i++)
    if (seen->few[i].key == key) return &seen->few[i];
  return NULL;
}

// The slot at which the search for an address begins, in a table of mask + 1 slots.
static inline uint32_t value_slot(const void *key, uint32_t mask) {
  return (uint32_t)(((uint64_t)(uintptr_t)key >> 4) * 0x9e3779b97f4a7c15u >> 32) & mask;
}

#endif
