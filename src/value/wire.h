// The bytes of a message, read and written by one program only, so in this machine's byte order.
//
//   message  = plain value                                      (one value, no table: nothing else)
//            | MESSAGE varint:count value... deferred...
//            | OBJECTS varint:count value... deferred... u64:reference... u64:check u32:references
//   value    = one of the tags below and what stands beside it
//   table    = u32:n u32:pairs [value:metatable] value{n} (value:key value){pairs}
//   function = u8:n upvalue{n};  upvalue = value | CELL
//
// A place is an offset from the message's first byte. What is met again is not written again: BACK
// holds the place of its tag, and that tag's SHARED bit, set when the second mention is written,
// tells the reader to remember it. Nesting is written in line down to VALUE_DEPTH; what lies
// deeper, or is a key, is only announced (LATER, DEFERRED), and its content follows the values in
// order of announcement. So both sides get by with a fixed number of frames.
#ifndef HEDDLE_VALUE_WIRE_H
#define HEDDLE_VALUE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { VALUE_DEPTH = 64, WIRE_SMALL = 64 };

enum wire_tag {
  WIRE_SMALL_INT = 0x00,    // + 0..63: that integer
  WIRE_SMALL_STRING = 0x40, // + 0..63: length; bytes
  WIRE_NIL = 0x80,
  WIRE_FALSE,
  WIRE_TRUE,
  WIRE_INT8, // the integer in 1, 2, 4, 8 bytes
  WIRE_INT16,
  WIRE_INT32,
  WIRE_INT64,
  WIRE_FLOAT,           // 8 bytes
  WIRE_GLOBALS,         // the receiver's table of globals
  WIRE_MODULE,          // varint:length name u64:check
  WIRE_FIELD,           // the same of a function; its name: module, zero, field
  WIRE_CLASS,           // varint:length bytes, then the TABLE or LATER that is the class
  WIRE_OBJECT,          // varint: which of the message's references
  WIRE_BACK,            // u32:place of what is meant
  WIRE_CELL,            // u32:place of a function, u8:number of its upvalue that is this one too
  WIRE_STRING = 0xb0,   // [SHARED] varint:length bytes
  WIRE_TABLE = 0xc0,    // [SHARED META LATE] table
  WIRE_LATER = 0xd0,    // [SHARED]; a TABLE follows among the deferred
  WIRE_FUNCTION = 0xe0, // [SHARED DEFERRED] u32:length u64:check dump; function, here or deferred
  WIRE_MESSAGE = 0xf0,
  WIRE_OBJECTS,
};

enum wire_flag {
  WIRE_SHARED = 1,
  WIRE_DEFERRED = 2,
  WIRE_META = 2, // has a metatable
  WIRE_LATE = 4, // which is set when all is read: it has a __gc field
};

// What a check is for; the same bytes do not pass as something else.
enum wire_domain { WIRE_DUMPS = 1, WIRE_NAMES, WIRE_REFERENCES };

uint64_t value_check(enum wire_domain domain, const void *bytes, size_t len);
size_t value_references(const unsigned char *bytes, size_t len, size_t *count);

static inline unsigned char *wire_put(unsigned char *p, const void *bytes, size_t len) {
  memcpy(p, bytes, len);
  return p + len;
}

// The same for a few bytes, mostly fewer than 17, without the call that memcpy of any length is.
static inline unsigned char *wire_put_short(unsigned char *p, const char *bytes, size_t len) {
  if (len > 16) return wire_put(p, bytes, len);
  if (len >= 8) {
    memcpy(p, bytes, 8);
    memcpy(p + len - 8, bytes + len - 8, 8);
  } else if (len >= 4) {
    memcpy(p, bytes, 4);
    memcpy(p + len - 4, bytes + len - 4, 4);
  } else {
    for (size_t i = 0; i < len; i++)
      p[i] = (unsigned char)bytes[i];
  }
  return p + len;
}

static inline unsigned char *wire_put_varint(unsigned char *p, uint64_t n) {
  for (; n >= 0x80; n >>= 7)
    *p++ = (unsigned char)(n | 0x80);
  *p++ = (unsigned char)n;
  return p;
}

// Writes tag and bytes of an integer, nine at most; the shortest form.
static inline unsigned char *wire_put_int(unsigned char *p, int64_t n) {
  if (n >= 0 && n < WIRE_SMALL) {
    *p = (unsigned char)n;
    return p + 1;
  }
  int width = n == (int8_t)n ? 0 : n == (int16_t)n ? 1 : n == (int32_t)n ? 2 : 3;
  *p++ = (unsigned char)(WIRE_INT8 + width);
  memcpy(p, &n, 8); // little-endian: the low bytes come first
  return p + ((size_t)1 << width);
}

// Reads an integer of 1 << width bytes.
static inline int64_t wire_int(const unsigned char *p, int width) {
  int8_t n1 = 0;
  int16_t n2 = 0;
  int32_t n4 = 0;
  int64_t n8 = 0;
  switch (width) {
  case 0:
    memcpy(&n1, p, 1);
    return n1;
  case 1:
    memcpy(&n2, p, 2);
    return n2;
  case 2:
    memcpy(&n4, p, 4);
    return n4;
  default:
    memcpy(&n8, p, 8);
    return n8;
  }
}

static inline uint32_t wire_u32(const unsigned char *p) {
  uint32_t n;
  memcpy(&n, p, 4);
  return n;
}

static inline uint64_t wire_u64(const unsigned char *p) {
  uint64_t n;
  memcpy(&n, p, 8);
  return n;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "wire_put_int writes low bytes first");

#endif
