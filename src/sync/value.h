// The shared value: one number or boolean that every model may read, set and change in one step.
// Nobody waits on it. Stands on: data.
#ifndef HEDDLE_SYNC_VALUE_H
#define HEDDLE_SYNC_VALUE_H

#include "sync/data.h"

enum sync_value_kind { SYNC_INT, SYNC_FLOAT, SYNC_BOOL };

struct sync_value {
  struct sync_data data;
  uint32_t kind;         // enum sync_value_kind
  _Atomic uint64_t bits; // of the number; 0 or 1 of a boolean
};

extern const char *const sync_value_kinds[]; // their names

struct sync_value *sync_value_create(enum sync_value_kind kind, uint64_t bits);
uint64_t sync_number_add(_Atomic uint64_t *bits, enum sync_value_kind kind, uint64_t step);
uint64_t sync_float_bits(double number);
double sync_float(uint64_t bits);

#endif
