// Messages back to values.
#include <lauxlib.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/program.h"
#include "value/decoder.h"
#include "value/names.h"
#include "value/objects.h"
#include "value/value.h"
#include "value/wire.h"

enum { ROOM = 64 * 1024 }; // what may be allocated ahead of the bytes that call for it, besides len

// --- values; each function pushes one, and returns whether it opened a frame for it -----------

static struct frame *open_frame(struct decoder *d, enum stage stage) {
  if (d->depth == VALUE_DEPTH) decode_damaged(d->L, "nested too deep");
  struct frame *frame = &d->frames[d->depth++];
  *frame = (struct frame){.stage = stage};
  return frame;
}

// How many of `count` parts to make room for, each of `size` bytes, before they have been read.
static int room_for(struct decoder *d, uint32_t count, size_t size) {
  size_t most = d->ahead / size;
  size_t room = count < most ? count : most;
  d->ahead -= room * size;
  return room > INT32_MAX / 2 ? INT32_MAX / 2 : (int)room;
}

// Reads how many parts a table has and opens its frame; make: pushes the table too.
static struct frame *open_table(struct decoder *d, unsigned char tag, bool make) {
  const unsigned char *p = decode_take(d, 8);
  uint32_t list = wire_u32(p), pairs = wire_u32(p + 4);
  uint64_t parts = (uint64_t)list + 2 * (uint64_t)pairs;
  if (parts > d->parts) decode_damaged(d->L, "a table is too long");
  d->parts -= parts;
  luaL_checkstack(d->L, 8, NULL);
  if (make) lua_createtable(d->L, room_for(d, list, 16), room_for(d, pairs, 40));
  struct frame *frame = open_frame(d, tag & WIRE_META ? STAGE_META : STAGE_PARTS);
  frame->list = list;
  frame->pairs = pairs;
  frame->late = tag & WIRE_LATE;
  return frame;
}

static bool get_table(struct decoder *d, const unsigned char *tag) {
  open_table(d, *tag, true);
  decode_keep_shared(d, tag);
  return true;
}

static bool get_later(struct decoder *d, const unsigned char *tag) {
  lua_newtable(d->L);
  decode_keep(d, DEFERRED, ++d->deferred);
  decode_keep_shared(d, tag);
  return false;
}

// A class that has a metatable here: pushes that. What the message holds of it is read into a table
// that nobody sees.
static bool get_known_class(struct decoder *d, const unsigned char *tag) {
  decode_keep_shared(d, tag);
  if ((*tag & ~WIRE_SHARED) == WIRE_LATER) {
    lua_newtable(d->L);
    decode_keep(d, DEFERRED, ++d->deferred);
    lua_pop(d->L, 1);
    return false;
  }
  open_table(d, *tag, true)->discard = true;
  return true;
}

static bool get_class(struct decoder *d) {
  size_t len;
  const char *name = decode_text(d, &len);
  const unsigned char *tag = decode_take(d, 1);
  bool later = (*tag & ~WIRE_SHARED) == WIRE_LATER;
  if (!later && (*tag & ~7) != WIRE_TABLE) decode_damaged(d->L, "a class is no table");
  if (value_push_class(d->L, name, len)) return get_known_class(d, tag);
  lua_pop(d->L, 1);
  bool opened = later ? get_later(d, tag) : get_table(d, tag);
  decode_keep(d, CLASSES, ++d->classes);
  lua_pushlstring(d->L, name, len);
  decode_keep(d, CLASSES, ++d->classes);
  lua_pop(d->L, 1);
  return opened;
}

struct dump {
  const char *bytes;
  size_t len;
};

static const char *read_dump(lua_State *L, void *data, size_t *len) {
  struct dump *dump = data;
  (void)L;
  *len = dump->len;
  dump->len = 0;
  return dump->bytes;
}

// Reads how many upvalues the function at the top of the stack has, and opens its frame.
static bool open_function(struct decoder *d) {
  int count = *decode_take(d, 1);
  bool right = (count == 0 || lua_upvalueid(d->L, -1, count)) &&
               (count == 255 || !lua_upvalueid(d->L, -1, count + 1));
  if (!right) decode_damaged(d->L, "a function has other upvalues");
  luaL_checkstack(d->L, 8, NULL);
  open_frame(d, STAGE_UPVALUES)->list = (uint32_t)count;
  return true;
}

// The function's code is loaded only when the check shows that this program wrote it: damaged code
// can crash Lua.
static bool get_function(struct decoder *d, const unsigned char *tag) {
  const unsigned char *head = decode_take(d, 12);
  struct dump dump = {.len = wire_u32(head)};
  dump.bytes = (const char *)decode_take(d, dump.len);
  if (value_check(WIRE_DUMPS, dump.bytes, dump.len) != wire_u64(head + 4))
    decode_damaged(d->L, "a function's code");
  if (lua_load(d->L, read_dump, &dump, "=message", "b") != LUA_OK) lua_error(d->L);
  decode_keep_shared(d, tag);
  if (!(*tag & WIRE_DEFERRED)) return open_function(d);
  decode_keep(d, DEFERRED, ++d->deferred);
  return false;
}

// Only a name that this program wrote is looked up, or loaded as a module.
static bool get_named(struct decoder *d, bool field) {
  size_t len;
  const char *name = decode_text(d, &len);
  if (value_check(WIRE_NAMES, name, len) != wire_u64(decode_take(d, 8)))
    decode_damaged(d->L, "a module's name");
  if (field)
    value_push_field(d->L, name, len);
  else
    value_push_module(d->L, name, len);
  return false;
}

static bool get_string(struct decoder *d, const unsigned char *tag) {
  size_t len;
  const char *text = decode_text(d, &len);
  lua_pushlstring(d->L, text, len);
  decode_keep_shared(d, tag);
  return false;
}

// Pushes a number or another short value; false: the tag is of another kind.
static inline bool get_plain(struct decoder *d, const unsigned char *tag) {
  lua_State *L = d->L;
  lua_Number number;
  int width;
  if (*tag < WIRE_SMALL_STRING) {
    lua_pushinteger(L, *tag);
    return true;
  }
  if (*tag < WIRE_NIL) {
    size_t len = *tag - WIRE_SMALL_STRING;
    lua_pushlstring(L, (const char *)decode_take(d, len), len);
    return true;
  }
  switch (*tag) {
  case WIRE_NIL:
    lua_pushnil(L);
    return true;
  case WIRE_FALSE:
  case WIRE_TRUE:
    lua_pushboolean(L, *tag == WIRE_TRUE);
    return true;
  case WIRE_INT8:
  case WIRE_INT16:
  case WIRE_INT32:
  case WIRE_INT64:
    width = *tag - WIRE_INT8;
    lua_pushinteger(L, wire_int(decode_take(d, (size_t)1 << width), width));
    return true;
  case WIRE_FLOAT:
    memcpy(&number, decode_take(d, sizeof number), sizeof number);
    lua_pushnumber(L, number);
    return true;
  default:
    return false;
  }
}

static bool get_other(struct decoder *d, const unsigned char *tag) {
  switch (*tag) {
  case WIRE_GLOBALS:
    lua_rawgeti(d->L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    return false;
  case WIRE_MODULE:
  case WIRE_FIELD:
    return get_named(d, *tag == WIRE_FIELD);
  case WIRE_CLASS:
    return get_class(d);
  case WIRE_OBJECT:
    decode_recall(d, OBJECTS, (lua_Integer)(decode_varint(d) + 1));
    return false;
  case WIRE_BACK:
    decode_recall(d, BACK, wire_u32(decode_take(d, 4)));
    return false;
  case WIRE_STRING:
  case WIRE_STRING | WIRE_SHARED:
    return get_string(d, tag);
  case WIRE_LATER:
  case WIRE_LATER | WIRE_SHARED:
    return get_later(d, tag);
  case WIRE_FUNCTION:
  case WIRE_FUNCTION | WIRE_SHARED:
  case WIRE_FUNCTION | WIRE_DEFERRED:
  case WIRE_FUNCTION | WIRE_DEFERRED | WIRE_SHARED:
    return get_function(d, tag);
  default:
    if ((*tag & ~7) == WIRE_TABLE) return get_table(d, tag);
    return decode_damaged(d->L, "an unknown kind of value");
  }
}

static bool get(struct decoder *d) {
  const unsigned char *tag = decode_take(d, 1);
  return !get_plain(d, tag) && get_other(d, tag);
}

// Reads a key: it is no nil or NaN, and opens no frame.
static void get_key(struct decoder *d) {
  if (get(d)) decode_damaged(d->L, "a key in line");
  int type = lua_type(d->L, -1);
  if (type == LUA_TNIL || (type == LUA_TNUMBER && isnan(lua_tonumberx(d->L, -1, NULL))))
    decode_damaged(d->L, "a key is nil or NaN");
}

// --- content ----------------------------------------------------------------------------------

static bool has_finalizer(struct decoder *d) {
  const void *meta = lua_topointer(d->L, -1);
  if (meta == d->plain_meta) return false;
  bool has = value_has_finalizer(d->L);
  if (!has) d->plain_meta = meta;
  return has;
}

// Takes the metatable from the top of the stack for the table below. One with a finalizer is set
// when the whole message proved sound.
static void set_meta(struct decoder *d, const struct frame *frame) {
  if (!lua_istable(d->L, -1)) decode_damaged(d->L, "a metatable is no table");
  if (frame->discard) {
    lua_pop(d->L, 1);
    return;
  }
  if (!frame->late && !has_finalizer(d)) {
    lua_setmetatable(d->L, -2);
    return;
  }
  decode_keep(d, LATE, d->late + 2);
  lua_pop(d->L, 1);
  decode_keep(d, LATE, d->late + 1);
  d->late += 2;
}

// Each go_on function fills the object of a frame further. arrived: the part that the frame waits
// for is at the top of the stack. Returns whether another frame was opened; else this one is done.
static bool go_on_table(struct decoder *d, struct frame *frame, bool arrived) {
  lua_State *L = d->L;
  if (frame->stage == STAGE_META) {
    if (!arrived && get(d)) return true;
    set_meta(d, frame);
    frame->stage = STAGE_PARTS;
    arrived = false;
  }
  while (frame->read < frame->list) {
    if (!arrived && get(d)) return true;
    arrived = false;
    lua_rawseti(L, -2, ++frame->read);
  }
  for (; frame->pairs > 0; frame->pairs--) {
    if (!arrived) {
      get_key(d);
      if (get(d)) return true;
    }
    arrived = false;
    lua_rawset(L, -3);
  }
  return false;
}

// Lets the function at the top of the stack share an upvalue with one that was there before.
static void join_cell(struct decoder *d, int upvalue) {
  const unsigned char *p = decode_take(d, 6) + 1;
  decode_recall(d, BACK, wire_u32(p));
  int other = p[4];
  if (!lua_isfunction(d->L, -1) || lua_iscfunction(d->L, -1) || !lua_upvalueid(d->L, -1, other))
    decode_damaged(d->L, "a shared upvalue is not there");
  lua_upvaluejoin(d->L, -2, upvalue, -1, other);
  lua_pop(d->L, 1);
}

static bool go_on_function(struct decoder *d, struct frame *frame, bool arrived) {
  while (frame->read < frame->list) {
    if (!arrived && d->p < d->end && *d->p == WIRE_CELL) {
      join_cell(d, (int)++frame->read);
      continue;
    }
    if (!arrived && get(d)) return true;
    arrived = false;
    lua_setupvalue(d->L, -2, (int)++frame->read);
  }
  return false;
}

// Fills the open frames' objects until none is open.
static void close_frames(struct decoder *d) {
  bool arrived = false;
  while (d->depth > 0) {
    struct frame *frame = &d->frames[d->depth - 1];
    bool opened = frame->stage == STAGE_UPVALUES ? go_on_function(d, frame, arrived)
                                                 : go_on_table(d, frame, arrived);
    arrived = !opened;
    if (opened) continue;
    if (frame->discard) lua_pop(d->L, 1);
    d->depth--;
  }
}

static void get_deferred(struct decoder *d) {
  for (lua_Integer i = 1; i <= d->deferred; i++) {
    decode_recall(d, DEFERRED, i);
    if (lua_istable(d->L, -1)) {
      unsigned char tag = *decode_take(d, 1);
      if ((tag & ~(WIRE_META | WIRE_LATE)) != WIRE_TABLE)
        decode_damaged(d->L, "no table where one was announced");
      open_table(d, tag, false);
    } else {
      open_function(d);
    }
    close_frames(d);
    lua_pop(d->L, 1);
  }
}

// Does what had to wait until the message proved sound.
static void finish(struct decoder *d) {
  lua_State *L = d->L;
  for (lua_Integer i = 1; i <= d->late; i += 2) {
    decode_recall(d, LATE, i);
    decode_recall(d, LATE, i + 1);
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
  }
  for (lua_Integer i = 1; i <= d->classes; i += 2) {
    decode_recall(d, CLASSES, i);
    decode_recall(d, CLASSES, i + 1);
    value_set_class(L, -1, -2);
    lua_pop(L, 2);
  }
}

// Turns the message's references into objects.
static void get_objects(struct decoder *d, size_t count) {
  if (count == 0) return;
  value_push_objects(d->L, d->end, count);
  lua_replace(d->L, d->base + OBJECTS);
}

// --- messages ---------------------------------------------------------------------------------

// Reads the values and leaves them at the top of the stack; returns how many.
static int get_values(struct decoder *d) {
  uint64_t count = decode_varint(d);
  if (count > (size_t)(d->end - d->p) || count > INT32_MAX ||
      !lua_checkstack(d->L, (int)count + 12))
    decode_damaged(d->L, "too many values");
  for (uint64_t i = 0; i < count; i++)
    if (get(d)) close_frames(d);
  get_deferred(d);
  if (d->p != d->end) decode_damaged(d->L, "there is more behind it");
  return (int)count;
}

static int decode_message(lua_State *L, const unsigned char *bytes, size_t len) {
  struct decoder d; // the frames are not worth clearing
  size_t references, content = value_references(bytes, len, &references);
  if (content == 0) decode_damaged(L, "its references");
  if (!lua_checkstack(L, TABLES + 8)) {
    value_give_up(bytes, len);
    luaL_error(L, "stack overflow");
  }
  memset(&d, 0, offsetof(struct decoder, frames));
  d.L = L;
  d.start = bytes;
  d.p = bytes + 1;
  d.end = bytes + content;
  d.base = lua_gettop(L);
  d.parts = len;
  d.ahead = len + ROOM;
  lua_settop(L, d.base + TABLES);
  get_objects(&d, references);
  int count = get_values(&d);
  finish(&d);
  lua_rotate(L, d.base + 1, count);
  lua_settop(L, d.base + count);
  return count;
}

// A message that is one plain value.
static int decode_plain(lua_State *L, const unsigned char *bytes, size_t len) {
  struct decoder d;
  d.L = L;
  d.start = bytes;
  d.p = bytes + 1;
  d.end = bytes + len;
  if (!lua_checkstack(L, 2)) luaL_error(L, "stack overflow");
  if (!get_plain(&d, bytes)) {
    if (*bytes != WIRE_STRING) decode_damaged(L, "an unknown kind of value");
    get_string(&d, bytes);
  }
  if (d.p != d.end) decode_damaged(L, "there is more behind it");
  return 1;
}

// Pushes the values of a message, and returns how many. The references that it held belong to the
// objects pushed, or were given back when it raises.
// bytes: must not change or go meanwhile, although Lua code may run (`require`, finalizers).
// Raises `damaged message: …`, what `require` raises, or a memory error.
int value_decode(lua_State *L, const void *bytes, size_t len) {
  const unsigned char *first = bytes;
  if (len > 0 && *first < WIRE_MESSAGE) return decode_plain(L, bytes, len); // refers to nothing
  value_claim(bytes, len, program_slot);
  return value_decode_claimed(L, bytes, len);
}

// The same for a message whose references were claimed.
int value_decode_claimed(lua_State *L, const void *bytes, size_t len) {
  const unsigned char *first = bytes;
  if (len == 0) return decode_damaged(L, "it is empty");
  return *first < WIRE_MESSAGE ? decode_plain(L, bytes, len) : decode_message(L, bytes, len);
}
