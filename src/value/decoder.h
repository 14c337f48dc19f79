// A decoder: what reading one message needs, the bytes that it takes, and its tables of values.
// Each decode_ function raises `damaged message: …` where the message is not as it must be. Stands
// on wire.h and Lua.
#ifndef HEDDLE_VALUE_DECODER_H
#define HEDDLE_VALUE_DECODER_H

#include <lauxlib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "value/wire.h"

enum stage { STAGE_META, STAGE_PARTS, STAGE_UPVALUES };

// An object that is being filled. It stands on the Lua stack, above it the key of the pair being
// read, above that a part that has a frame of its own.
struct frame {
  uint32_t list, pairs; // so many in all; list: of upvalues too
  uint32_t read;        // so many of the list; pairs counts down
  enum stage stage;
  bool late;    // the metatable is set at the end
  bool discard; // a class that is known here: what is filled is thrown away, below it stands ours
};

// A decoder's tables on the Lua stack, above `base`; nil until needed.
enum { BACK = 1, OBJECTS, DEFERRED, LATE, CLASSES, TABLES = CLASSES };

struct decoder {
  lua_State *L;
  const unsigned char *start, *p, *end;
  int base;
  uint64_t parts;                      // so many may still be declared: each takes a byte at least
  size_t ahead;                        // so many bytes may still be allocated ahead
  lua_Integer deferred, late, classes; // how many those tables hold
  const void *plain_meta;              // a metatable known to have no __gc
  int depth;
  struct frame frames[VALUE_DEPTH];
};

// Raises what a message that this program did not write so is met with.
static inline int decode_damaged(lua_State *L, const char *what) {
  lua_pushfstring(L, "damaged message: %s", what);
  return lua_error(L);
}

// Takes the next len bytes.
static inline const unsigned char *decode_take(struct decoder *d, size_t len) {
  const unsigned char *p = d->p;
  if (len > (size_t)(d->end - p)) decode_damaged(d->L, "it ends too early");
  d->p = p + len;
  return p;
}

static inline uint64_t decode_varint(struct decoder *d) {
  uint64_t n = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    unsigned char byte = *decode_take(d, 1);
    n |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return n;
  }
  return (uint64_t)decode_damaged(d->L, "a number is too long");
}

// Takes a length and as many bytes.
static inline const char *decode_text(struct decoder *d, size_t *len) {
  uint64_t n = decode_varint(d);
  if (n > (size_t)(d->end - d->p)) decode_damaged(d->L, "it ends too early");
  *len = (size_t)n;
  return (const char *)decode_take(d, *len);
}

// Puts the value at the top of the stack into one of the decoder's tables.
static inline void decode_keep(struct decoder *d, int table, lua_Integer key) {
  int idx = d->base + table;
  if (lua_isnil(d->L, idx)) {
    lua_newtable(d->L);
    lua_replace(d->L, idx);
  }
  lua_pushvalue(d->L, -1);
  lua_rawseti(d->L, idx, key);
}

// Pushes a value from one of the decoder's tables, which must be there.
static inline void decode_recall(struct decoder *d, int table, lua_Integer key) {
  int idx = d->base + table;
  if (lua_isnil(d->L, idx) || lua_rawgeti(d->L, idx, key) == LUA_TNIL)
    decode_damaged(d->L, "it refers to what is not there");
}

// Remembers what is at the top of the stack for BACK, if its tag says that it comes again.
static inline void decode_keep_shared(struct decoder *d, const unsigned char *tag) {
  if (*tag & WIRE_SHARED) decode_keep(d, BACK, tag - d->start);
}

#endif
