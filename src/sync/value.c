#include "sync/value.h"

#include <stdio.h>
#include <string.h>

const char *const sync_value_kinds[] = {"int", "float", "bool"};

static void settle(struct sync_object *object) { (void)object; }

// A float as the bits that are kept.
uint64_t sync_float_bits(double number) {
  uint64_t bits;
  memcpy(&bits, &number, sizeof bits);
  return bits;
}

// And back.
double sync_float(uint64_t bits) {
  double number;
  memcpy(&number, &bits, sizeof number);
  return number;
}

static void describe(struct sync_object *object, char *text, size_t size) {
  const struct sync_value *value = (struct sync_value *)object;
  uint64_t bits = value->bits;
  if (value->kind == SYNC_INT)
    snprintf(text, size, "int %lld", (long long)bits);
  else if (value->kind == SYNC_FLOAT)
    snprintf(text, size, "float %.14g", sync_float(bits));
  else
    snprintf(text, size, "%s", bits ? "true" : "false");
}

static void release(struct sync_object *object) { sync_data_release((struct sync_data *)object); }

const struct sync_class sync_value_class = {"Value", settle, NULL, release, NULL, describe};

// A new value. NULL when the arena is full.
struct sync_value *sync_value_create(enum sync_value_kind kind, uint64_t bits) {
  struct sync_value *value = (struct sync_value *)sync_data_create(SYNC_VALUE);
  if (!value) return NULL;
  value->kind = kind;
  value->bits = bits;
  return value;
}

// Adds to a number in one step; an int wraps. Returns the new bits.
uint64_t sync_number_add(_Atomic uint64_t *bits, enum sync_value_kind kind, uint64_t step) {
  if (kind == SYNC_INT) return atomic_fetch_add(bits, step) + step;
  uint64_t old = atomic_load(bits), sum;
  do {
    sum = sync_float_bits(sync_float(old) + sync_float(step));
  } while (!atomic_compare_exchange_weak(bits, &old, sum));
  return sum;
}
