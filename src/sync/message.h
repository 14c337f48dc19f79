// What a put brings and a get receives where items are messages, and the rank an item is put with.
// Stands on: base/buffer.
#ifndef HEDDLE_SYNC_MESSAGE_H
#define HEDDLE_SYNC_MESSAGE_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef HEDDLE_STRESS
enum { SYNC_INLINE = 128 };
#else
enum { SYNC_INLINE = 4096 }; // larger messages travel in a block of their own
#endif

// An item's place in a priority queue: a Lua number. All 0 elsewhere.
struct sync_rank {
  union {
    int64_t integer;
    double real;
  } as;
  bool is_real;
};

struct sync_message {
  const void *bytes; // in: the message; NULL: the item is a reference
  size_t size;
  struct buffer *into;   // out: where a small one is copied to
  uint64_t block;        // in and out: an arena block of its own that changes hands; 0: none
  struct sync_rank rank; // in
};

#endif
