// The shared array: numbers or booleans side by side, each read and written whole and changed in
// one step. Its length is fixed. Stands on: data, value.
#ifndef HEDDLE_SYNC_ARRAY_H
#define HEDDLE_SYNC_ARRAY_H

#include "sync/value.h"

struct sync_array {
  struct sync_data data;
  uint32_t kind; // enum sync_value_kind
  uint64_t length;
  uint64_t block; // offset of the elements, as sync_value keeps its bits
};

struct sync_array *sync_array_create(enum sync_value_kind kind, uint64_t length);
_Atomic uint64_t *sync_array_at(const struct sync_array *array, uint64_t place);

#endif
