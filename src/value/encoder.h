// An encoder: what writing one message needs, kept for the next one, and the bytes that it writes.
// Each encode_ function raises when there is no memory. Stands on names.h, seen.h, wire.h and Lua.
#ifndef HEDDLE_VALUE_ENCODER_H
#define HEDDLE_VALUE_ENCODER_H

#include <lauxlib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "value/names.h"
#include "value/seen.h"
#include "value/value.h"
#include "value/wire.h"

enum stage { STAGE_META, STAGE_BEGIN, STAGE_LIST, STAGE_PAIRS, STAGE_UPVALUES };

// An object whose content is being written. It stands on the Lua stack, above it the key that
// lua_next() goes on from, above that its parts, which may have a frame of their own.
struct frame {
  uint32_t tag;         // the place of its tag: a table's counts follow, a function's cells name it
  uint32_t count;       // where a function's number of upvalues is to be written
  uint32_t list, pairs; // so many so far; list: of upvalues too
  enum stage stage;
};

struct encoder {
  lua_State *L;
  struct buffer bytes; // its own: finalizers, which run meanwhile, may encode as well
  struct names *names;
  bool refused;                    // something in it can't be copied
  bool only_announce;              // the value is a key: it opens no frame
  int pending;                     // the index of the table of objects that were announced
  lua_Integer announced, followed; // how many there are, how many have been written
  uint64_t *references;            // those that the message holds
  size_t reference_count, reference_room;
  struct seen seen;
  int depth;
  struct frame frames[VALUE_DEPTH];
};

struct encoder *value_encoder_take(lua_State *L);
void value_encoder_give_back(struct encoder *e);
bool value_encoder_hand_over(struct encoder *e, struct buffer *out);
bool value_encoder_undo(struct encoder *e);
void value_encoder_free(struct encoder *encoder);

static inline void encode_reserve(struct encoder *e, size_t more) {
  if (!buffer_reserve(&e->bytes, more)) luaL_error(e->L, "not enough memory");
}

// The place where the next byte goes.
static inline uint32_t encode_here(struct encoder *e) {
  size_t place = e->bytes.len;
  if (place > UINT32_MAX) luaL_error(e->L, "can't copy: the message is longer than 4 GiB");
  return (uint32_t)place;
}

static inline unsigned char *encode_at(struct encoder *e, uint32_t place) {
  return e->bytes.data + place;
}

static inline void encode_byte(struct encoder *e, unsigned char byte) {
  encode_reserve(e, 1);
  e->bytes.data[e->bytes.len++] = byte;
}

static inline void encode_bytes(struct encoder *e, const void *bytes, size_t len) {
  if (!buffer_append(&e->bytes, bytes, len)) luaL_error(e->L, "not enough memory");
}

static inline void encode_varint(struct encoder *e, uint64_t n) {
  encode_reserve(e, 10);
  unsigned char *p = e->bytes.data + e->bytes.len;
  e->bytes.len += (size_t)(wire_put_varint(p, n) - p);
}

// Writes a tag with a number of 4 bytes.
static inline void encode_u32(struct encoder *e, unsigned char tag, uint32_t n) {
  encode_reserve(e, 5);
  unsigned char *p = e->bytes.data + e->bytes.len;
  p[0] = tag;
  wire_put(p + 1, &n, 4);
  e->bytes.len += 5;
}

static inline void encode_text(struct encoder *e, const char *text, size_t len) {
  encode_varint(e, len);
  encode_bytes(e, text, len);
}

#endif
