// Values to messages.
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "value/encoder.h"
#include "value/objects.h"
#include "value/plain.h"
#include "value/refuse.h"
#include "value/value.h"

// What writing one value led to.
enum outcome { WRITTEN, OPENED }; // OPENED: a frame was added, its object is the value

static enum outcome refuse(struct encoder *e) {
  e->refused = true;
  lua_pushnil(e->L);
  return lua_error(e->L);
}

// Writes a module's name, or a function's: the module's, a zero, and the field's.
static void put_name(struct encoder *e, const struct name *name) {
  bool field = name->kind == NAME_FIELD;
  size_t len = (size_t)name->first.len + (field ? 1 + name->second.len : 0);
  encode_byte(e, field ? WIRE_FIELD : WIRE_MODULE);
  encode_varint(e, len);
  uint32_t place = encode_here(e);
  encode_bytes(e, name->first.bytes, name->first.len);
  if (field) {
    encode_byte(e, 0);
    encode_bytes(e, name->second.bytes, name->second.len);
  }
  uint64_t check = value_check(WIRE_NAMES, encode_at(e, place), len);
  encode_bytes(e, &check, 8);
}

// --- values; each function writes the one at the top of the stack and leaves it there ------------

static enum outcome put(struct encoder *e);

// Remembers that what has this address begins at `place`.
static void remember(struct encoder *e, const void *key, uint32_t place) {
  if (!value_seen_add(&e->seen, (struct seen_entry){.key = key, .place = place}))
    luaL_error(e->L, "not enough memory");
}

// Writes a mention of what the message holds already.
static enum outcome put_back(struct encoder *e, uint32_t place) {
  *encode_at(e, place) |= WIRE_SHARED;
  encode_u32(e, WIRE_BACK, place);
  return WRITTEN;
}

static enum outcome put_string(struct encoder *e) {
  size_t len;
  const char *text = lua_tolstring(e->L, -1, &len);
  const struct seen_entry *known = value_seen(&e->seen, text);
  if (known) return put_back(e, known->place);
  remember(e, text, encode_here(e));
  encode_byte(e, WIRE_STRING);
  encode_text(e, text, len);
  return WRITTEN;
}

// Keeps the object, whose content is written after the values.
static void announce(struct encoder *e) {
  lua_State *L = e->L;
  if (e->announced == 0) {
    lua_newtable(L);
    lua_replace(L, e->pending);
  }
  lua_pushvalue(L, -1);
  lua_rawseti(L, e->pending, ++e->announced);
}

static struct frame *open_frame(struct encoder *e, uint32_t tag, enum stage stage) {
  struct frame *frame = &e->frames[e->depth++];
  *frame = (struct frame){.tag = tag, .stage = stage};
  luaL_checkstack(e->L, 6, NULL);
  return frame;
}

// Begins to write a table's content; its metatable, if it has one, comes first.
static enum outcome open_table(struct encoder *e) {
  uint32_t place = encode_here(e);
  encode_reserve(e, 9); // the counts are written at the end
  *encode_at(e, place) = WIRE_TABLE;
  e->bytes.len += 9;
  struct frame *frame = open_frame(e, place, STAGE_BEGIN);
  if (lua_getmetatable(e->L, -1)) {
    if (value_is_bound(e->L)) return refuse(e);
    frame->stage = STAGE_META;
    *encode_at(e, place) |= value_has_finalizer(e->L) ? WIRE_META | WIRE_LATE : WIRE_META;
  }
  return OPENED;
}

// Writes the name of an object. Returns whether that is all of it: a class is followed by its
// table.
static bool put_named(struct encoder *e, const struct name *name) {
  if (name->kind == NAME_CLASS) {
    encode_byte(e, WIRE_CLASS);
    encode_text(e, name->first.bytes, name->first.len);
    return false;
  }
  put_name(e, name);
  return true;
}

static enum outcome put_table(struct encoder *e) {
  const void *object = lua_topointer(e->L, -1);
  const struct seen_entry *known = value_seen(&e->seen, object);
  if (known) return put_back(e, known->place);
  if (object == e->names->globals) {
    encode_byte(e, WIRE_GLOBALS);
    return WRITTEN;
  }
  if (!e->names->fresh) value_names_refresh(e->L, e->names);
  const struct name *name = value_name_of(e->names, object);
  if (name && value_names_holds(e->L, name) && put_named(e, name)) return WRITTEN;
  remember(e, object, encode_here(e));
  if (e->depth < VALUE_DEPTH && !e->only_announce) return open_table(e);
  encode_byte(e, WIRE_LATER);
  announce(e);
  return WRITTEN;
}

static int write_dump(lua_State *L, const void *bytes, size_t len, void *out) {
  (void)L;
  return buffer_append(out, bytes, len) ? 0 : 1;
}

// Writes a Lua function without its upvalues.
static void put_dump(struct encoder *e, unsigned char tag) {
  static const unsigned char check[8];
  uint32_t place = encode_here(e);
  encode_u32(e, tag, 0);
  encode_bytes(e, check, sizeof check);
  if (lua_dump(e->L, write_dump, &e->bytes, 0) != 0) luaL_error(e->L, "not enough memory");
  uint32_t len = encode_here(e) - place - 13;
  uint64_t sum = value_check(WIRE_DUMPS, encode_at(e, place + 13), len);
  wire_put(encode_at(e, place + 1), &len, 4);
  wire_put(encode_at(e, place + 5), &sum, 8);
}

// Begins to write the upvalues of the function whose tag is at `place`.
static enum outcome open_function(struct encoder *e, uint32_t place) {
  open_frame(e, place, STAGE_UPVALUES)->count = encode_here(e);
  encode_byte(e, 0);
  return OPENED;
}

static enum outcome put_function(struct encoder *e) {
  const void *object = lua_topointer(e->L, -1);
  const struct seen_entry *known = value_seen(&e->seen, object);
  if (known) return put_back(e, known->place);
  if (!e->names->fresh) value_names_refresh(e->L, e->names);
  const struct name *name = value_names_of_top(e->L, e->names);
  if (name && put_named(e, name)) return WRITTEN;
  if (lua_iscfunction(e->L, -1)) return refuse(e);
  uint32_t place = encode_here(e);
  remember(e, object, place);
  if (e->depth < VALUE_DEPTH && !e->only_announce) {
    put_dump(e, WIRE_FUNCTION);
    return open_function(e, place);
  }
  put_dump(e, WIRE_FUNCTION | WIRE_DEFERRED);
  announce(e);
  return WRITTEN;
}

// Makes room for one more reference.
static void reserve_reference(struct encoder *e) {
  if (e->reference_count < e->reference_room) return;
  size_t room = e->reference_room ? 2 * e->reference_room : 8;
  uint64_t *references = realloc(e->references, room * sizeof *references);
  if (!references) luaL_error(e->L, "not enough memory");
  e->references = references;
  e->reference_room = room;
}

static enum outcome put_object(struct encoder *e) {
  const void *object = lua_topointer(e->L, -1);
  const struct seen_entry *known = value_seen(&e->seen, object);
  uint32_t number = known ? known->place : (uint32_t)e->reference_count;
  if (!known) {
    uint64_t reference;
    const struct value_shared *ops = value_shared_ops();
    remember(e, object, number);
    reserve_reference(e);
    if (!ops || !ops->identify(e->L, lua_gettop(e->L), &reference)) return refuse(e);
    ops->retain(reference);
    e->references[e->reference_count++] = reference;
  }
  encode_byte(e, WIRE_OBJECT);
  encode_varint(e, number);
  return WRITTEN;
}

static enum outcome put(struct encoder *e) {
  int type = lua_type(e->L, -1);
  if (value_put_plain(e->L, -1, type, &e->bytes)) return WRITTEN;
  switch (type) {
  case LUA_TSTRING:
    return put_string(e);
  case LUA_TTABLE:
    return put_table(e);
  case LUA_TFUNCTION:
    return put_function(e);
  case LUA_TUSERDATA:
    return put_object(e);
  case LUA_TLIGHTUSERDATA:
  case LUA_TTHREAD:
    return refuse(e);
  default:
    return luaL_error(e->L, "not enough memory");
  }
}

// Writes the key below the top of the stack; one that is an object is only announced.
static void put_key(struct encoder *e) {
  if (value_put_plain(e->L, -2, lua_type(e->L, -2), &e->bytes)) return;
  lua_pushvalue(e->L, -2);
  e->only_announce = true;
  put(e);
  e->only_announce = false;
  lua_pop(e->L, 1);
}

// --- content ----------------------------------------------------------------------------------

// Is the key below the top of the stack the next of a list?
static inline bool goes_on_list(lua_State *L, const struct frame *frame) {
  return frame->stage == STAGE_LIST && lua_isinteger(L, -2) &&
         lua_tointegerx(L, -2, NULL) == (lua_Integer)frame->list + 1;
}

// Ends a frame: pops its object, which was the part that its parent had come to.
static enum outcome end_frame(struct encoder *e) {
  e->depth--;
  lua_pop(e->L, 1);
  return WRITTEN;
}

// Goes on with a table; what it led to, or WRITTEN at its end.
static enum outcome go_on_table(struct encoder *e, struct frame *frame) {
  lua_State *L = e->L;
  if (frame->stage == STAGE_META) {
    frame->stage = STAGE_BEGIN;
    if (put(e) == OPENED) return OPENED;
    lua_pop(L, 1);
  }
  if (frame->stage == STAGE_BEGIN) {
    frame->stage = STAGE_LIST;
    lua_pushnil(L);
  }
  while (lua_next(L, -2)) {
    if (goes_on_list(L, frame)) {
      frame->list++;
    } else {
      frame->stage = STAGE_PAIRS;
      frame->pairs++;
      put_key(e);
    }
    if (put(e) == OPENED) return OPENED;
    lua_pop(L, 1);
  }
  wire_put(wire_put(encode_at(e, frame->tag + 1), &frame->list, 4), &frame->pairs, 4);
  return end_frame(e);
}

// Writes the upvalue at the top of the stack, the last one counted in the frame.
static enum outcome put_upvalue(struct encoder *e, struct frame *frame, const char *name) {
  if (strcmp(name, "_ENV") == 0) {
    encode_byte(e, WIRE_GLOBALS);
    return WRITTEN;
  }
  const void *cell = lua_upvalueid(e->L, -2, (int)frame->list);
  const struct seen_entry *known = value_seen(&e->seen, cell);
  if (known) {
    *encode_at(e, known->place) |= WIRE_SHARED;
    encode_u32(e, WIRE_CELL, known->place);
    encode_byte(e, known->number);
    return WRITTEN;
  }
  struct seen_entry entry = {.key = cell, .place = frame->tag, .number = (uint8_t)frame->list};
  if (!value_seen_add(&e->seen, entry)) luaL_error(e->L, "not enough memory");
  return put(e);
}

// Goes on with a function's upvalues.
static enum outcome go_on_function(struct encoder *e, struct frame *frame) {
  const char *name;
  while ((name = lua_getupvalue(e->L, -1, (int)frame->list + 1))) {
    frame->list++;
    if (put_upvalue(e, frame, name) == OPENED) return OPENED;
    lua_pop(e->L, 1);
  }
  *encode_at(e, frame->count) = (unsigned char)frame->list;
  return end_frame(e);
}

// Writes the content of the frames until none is open.
static void close_frames(struct encoder *e) {
  while (e->depth > 0) {
    struct frame *frame = &e->frames[e->depth - 1];
    if (frame->stage == STAGE_UPVALUES)
      go_on_function(e, frame);
    else
      go_on_table(e, frame);
  }
}

// Writes the value at the top of the stack with all that is in it, and pops it.
static void put_whole(struct encoder *e) {
  if (put(e) == OPENED)
    close_frames(e);
  else
    lua_pop(e->L, 1);
}

// Writes the content of what was only announced; that may announce more.
static void put_announced(struct encoder *e) {
  lua_State *L = e->L;
  while (e->followed < e->announced) {
    if (lua_rawgeti(L, e->pending, ++e->followed) == LUA_TTABLE)
      open_table(e);
    else
      open_function(e, value_seen(&e->seen, lua_topointer(L, -1))->place);
    close_frames(e);
  }
}

static void put_references(struct encoder *e) {
  size_t size = 8 * e->reference_count;
  uint32_t count = (uint32_t)e->reference_count;
  if (count == 0) return;
  uint64_t check = value_check(WIRE_REFERENCES, e->references, size);
  *encode_at(e, 0) = WIRE_OBJECTS;
  encode_bytes(e, e->references, size);
  encode_bytes(e, &check, 8);
  encode_bytes(e, &count, 4);
}

// --- messages ---------------------------------------------------------------------------------

// encoder, values...: writes the message. Runs protected, so it may raise anywhere.
static int encode(lua_State *L) {
  struct encoder *e = lua_touserdata(L, 1);
  int last = lua_gettop(L);
  lua_pushnil(L);
  e->pending = last + 1;
  encode_byte(e, WIRE_MESSAGE);
  encode_varint(e, (uint64_t)last - 1);
  for (int i = 2; i <= last; i++) {
    lua_pushvalue(L, i);
    put_whole(e);
  }
  put_announced(e);
  put_references(e);
  return 0;
}

static void encode_message(lua_State *L, int first, int count, const char *root,
                           struct buffer *out) {
  first = lua_absindex(L, first);
  luaL_checkstack(L, count + 8, NULL);
  struct encoder *e = value_encoder_take(L);
  lua_pushcfunction(L, encode);
  lua_pushlightuserdata(L, e);
  for (int i = 0; i < count; i++)
    lua_pushvalue(L, first + i);
  bool written = lua_pcall(L, count + 1, 0, 0) == LUA_OK;
  if (written && value_encoder_hand_over(e, out)) {
    value_encoder_give_back(e);
    return;
  }
  if (written) lua_pushliteral(L, "not enough memory");
  if (value_encoder_undo(e)) value_refuse(L, first, count, root);
  lua_error(L);
}

// Appends one message that holds `count` values, from the stack index `first` on.
// root: what a path begins with: "args" and "results" are followed by `[i]`; "fn" means that the
// first value is a function to be started, the others are its args; any other is the value itself.
// Raises `can't copy PATH: TYPE`, what identify raises, or a memory error; the buffer is as it was
// then, and nothing is retained. May run Lua code (finalizers).
void value_encode(lua_State *L, int first, int count, const char *root, struct buffer *out) {
  if (count == 1) {
    int type = lua_type(L, first);
    if (value_put_plain(L, first, type, out)) return;
    if (type == LUA_TSTRING && value_put_string(L, first, out)) return;
  } else if (value_put_all_plain(L, first, count, out)) {
    return;
  }
  encode_message(L, first, count, root, out);
}
