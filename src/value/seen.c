#include "value/seen.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 128, KEPT_SLOTS = 1 << 15 };

// Begins a message: nothing has been met yet.
void value_seen_begin(struct seen *seen) {
  seen->count = 0;
  if (++seen->stamp != 0) return;
  if (seen->slots) memset(seen->slots, 0, (seen->mask + 1) * sizeof *seen->slots);
  seen->stamp = 1;
}

static void insert(struct seen *seen, struct seen_entry entry) {
  uint32_t i = value_slot(entry.key, seen->mask);
  while (seen->slots[i].stamp == seen->stamp)
    i = (i + 1) & seen->mask;
  entry.stamp = seen->stamp;
  seen->slots[i] = entry;
}

// Moves this message's entries into a table of `size` slots.
static bool resize(struct seen *seen, uint32_t size) {
  struct seen_entry *old = seen->slots;
  uint32_t before = old ? seen->mask + 1 : 0;
  struct seen_entry *slots = calloc(size, sizeof *slots);
  if (!slots) return false;
  seen->slots = slots;
  seen->mask = size - 1;
  for (uint32_t i = 0; i < before; i++)
    if (old[i].stamp == seen->stamp) insert(seen, old[i]);
  free(old);
  return true;
}

// From the few to the hashed.
static bool spread(struct seen *seen) {
  if (!seen->slots && !resize(seen, FIRST_SLOTS)) return false;
  for (uint32_t i = 0; i < VALUE_SEEN_FEW; i++)
    insert(seen, seen->few[i]);
  return true;
}

// Adds an object that is not there yet. Returns false when there is no memory.
bool value_seen_add(struct seen *seen, struct seen_entry entry) {
  if (seen->count < VALUE_SEEN_FEW) {
    seen->few[seen->count++] = entry;
    return true;
  }
  if (seen->count == VALUE_SEEN_FEW && !spread(seen)) return false;
  if (seen->count > seen->mask / 2) {
    if (seen->mask >= UINT32_MAX / 2 || !resize(seen, 2 * (seen->mask + 1))) return false;
  }
  insert(seen, entry);
  seen->count++;
  return true;
}

// The entry of an object among the hashed, NULL if it is not there.
const struct seen_entry *value_seen_hashed(const struct seen *seen, const void *key) {
  uint32_t i = value_slot(key, seen->mask);
  for (; seen->slots[i].stamp == seen->stamp; i = (i + 1) & seen->mask)
    if (seen->slots[i].key == key) return &seen->slots[i];
  return NULL;
}

// Gives memory back that only a big message needs.
void value_seen_trim(struct seen *seen) {
  if (seen->slots && seen->mask >= KEPT_SLOTS) value_seen_free(seen);
}

// Gives all memory back; the next message begins anew.
void value_seen_free(struct seen *seen) {
  free(seen->slots);
  seen->slots = NULL;
  seen->mask = 0;
}
