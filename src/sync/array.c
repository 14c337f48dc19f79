#include "sync/array.h"

#include <stdio.h>
#include <string.h>

static void settle(struct sync_object *object) { (void)object; }

static void release(struct sync_object *object) {
  struct sync_array *array = (struct sync_array *)object;
  if (array->block) arena_free(array->block);
  sync_data_release(&array->data);
}

static void describe(struct sync_object *object, char *text, size_t size) {
  const struct sync_array *array = (struct sync_array *)object;
  snprintf(text, size, "%llu %s", (unsigned long long)array->length, sync_value_kinds[array->kind]);
}

const struct sync_class sync_array_class = {"Array", settle, NULL, release, NULL, describe};

// A new array of zeros. NULL when the arena is full.
struct sync_array *sync_array_create(enum sync_value_kind kind, uint64_t length) {
  struct sync_array *array = (struct sync_array *)sync_data_create(SYNC_ARRAY);
  if (!array) return NULL;
  array->block = length < ARENA_SIZE / 8 ? arena_alloc(length ? length * 8 : 8) : 0;
  if (!array->block) {
    sync_release(&array->data.head);
    return NULL;
  }
  memset(arena_at(array->block), 0, length * 8);
  array->kind = kind;
  array->length = length;
  return array;
}

// The element at a place from 0.
_Atomic uint64_t *sync_array_at(const struct sync_array *array, uint64_t place) {
  return (_Atomic uint64_t *)arena_at(array->block) + place;
}
