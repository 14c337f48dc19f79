// Writing the values that refer to nothing, which most messages consist of: no encoder is needed
// for them, and nothing here can raise. Stands on wire.h, base/buffer and Lua.
#ifndef HEDDLE_VALUE_PLAIN_H
#define HEDDLE_VALUE_PLAIN_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "value/wire.h"

// Writes a value of that type at idx, if it is a short one that refers to nothing; false: it is
// not, or there is no memory.
static inline bool value_put_plain(lua_State *L, int idx, int type, struct buffer *out) {
  if (!buffer_reserve(out, 1 + WIRE_SMALL)) return false;
  unsigned char *p = out->data + out->len;
  size_t len;
  const char *text;
  lua_Number number;
  switch (type) {
  case LUA_TNIL:
    *p++ = WIRE_NIL;
    break;
  case LUA_TBOOLEAN:
    *p++ = lua_toboolean(L, idx) ? WIRE_TRUE : WIRE_FALSE;
    break;
  case LUA_TNUMBER:
    if (lua_isinteger(L, idx)) {
      p = wire_put_int(p, lua_tointegerx(L, idx, NULL));
      break;
    }
    number = lua_tonumberx(L, idx, NULL);
    *p++ = WIRE_FLOAT;
    p = wire_put(p, &number, sizeof number);
    break;
  case LUA_TSTRING:
    text = lua_tolstring(L, idx, &len);
    if (len >= WIRE_SMALL) return false;
    *p++ = (unsigned char)(WIRE_SMALL_STRING + len);
    p = wire_put_short(p, text, len);
    break;
  default:
    return false;
  }
  out->len = (size_t)(p - out->data);
  return true;
}

// Writes a long string that is the message's only value.
static inline bool value_put_string(lua_State *L, int idx, struct buffer *out) {
  size_t len;
  const char *text = lua_tolstring(L, idx, &len);
  if (!buffer_reserve(out, len + 11)) return false;
  unsigned char *p = out->data + out->len;
  *p++ = WIRE_STRING;
  p = wire_put(wire_put_varint(p, len), text, len);
  out->len = (size_t)(p - out->data);
  return true;
}

// Writes a message of several such values; false: there is another among them, or no memory.
static inline bool value_put_all_plain(lua_State *L, int first, int count, struct buffer *out) {
  size_t start = out->len;
  if (!buffer_reserve(out, 11)) return false;
  unsigned char *p = out->data + start;
  *p++ = WIRE_MESSAGE;
  out->len = (size_t)(wire_put_varint(p, (uint64_t)count) - out->data);
  for (int i = first; i < first + count; i++) {
    if (value_put_plain(L, i, lua_type(L, i), out)) continue;
    out->len = start;
    return false;
  }
  return true;
}

#endif
