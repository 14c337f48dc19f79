#include "value/objects.h"

#include <lauxlib.h>

#include "value/value.h"
#include "value/wire.h"

static const struct value_shared *shared_ops;

// Tells the codec what heddle's shared objects are. ops: stays valid; before the first message.
void value_set_shared(const struct value_shared *ops) { shared_ops = ops; }

// What value_set_shared() was told, or NULL.
const struct value_shared *value_shared_ops(void) { return shared_ops; }

// Finds the references of a message by its end. Sets their count, 0 when it has none or they are
// damaged. Returns the length of the message without them; 0 when they are damaged.
size_t value_references(const unsigned char *bytes, size_t len, size_t *count) {
  *count = 0;
  if (len == 0 || bytes[0] != WIRE_OBJECTS) return len;
  if (len < 1 + 12) return 0;
  size_t n = wire_u32(bytes + len - 4);
  if (n > (len - 1 - 12) / 8) return 0;
  size_t content = len - 12 - 8 * n;
  if (value_check(WIRE_REFERENCES, bytes + content, 8 * n) != wire_u64(bytes + len - 12)) return 0;
  *count = n;
  return content;
}

struct references {
  const unsigned char *bytes;
  size_t count, taken; // taken: so many belong to objects here
};

// references: returns a list of the objects. Runs protected, as each step can raise.
static int push_objects(lua_State *L) {
  struct references *r = lua_touserdata(L, 1);
  lua_newtable(L);
  while (r->taken < r->count) {
    if (!shared_ops->push(L, wire_u64(r->bytes + 8 * r->taken))) {
      lua_pushliteral(L, "damaged message: it refers to an object that is not there");
      return lua_error(L);
    }
    r->taken++;
    lua_rawseti(L, -2, (lua_Integer)r->taken);
  }
  return 1;
}

// Does something with each reference from the `from`th on.
static void each(struct references r, size_t from, void (*step)(uint64_t reference)) {
  for (size_t i = from; i < r.count; i++)
    step(wire_u64(r.bytes + 8 * i));
}

// Pushes the list of the objects that claimed references stand for; each reference then belongs to
// its object. When it raises, those that do not are given back.
void value_push_objects(lua_State *L, const unsigned char *references, size_t count) {
  struct references r = {.bytes = references, .count = shared_ops ? count : 0};
  lua_pushcfunction(L, push_objects);
  lua_pushlightuserdata(L, &r);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) return;
  each(r, r.taken, shared_ops->give_up);
  lua_error(L);
}

// Those of a message; none while nobody has told what they are.
static struct references of_message(const void *bytes, size_t len) {
  struct references r = {0};
  if (shared_ops) r.bytes = (const unsigned char *)bytes + value_references(bytes, len, &r.count);
  return r;
}

// The references that a message holds are that process's from now on, which may have yet to begin:
// before value_decode_claimed.
void value_claim(const void *bytes, size_t len, uint32_t process) {
  struct references r = of_message(bytes, len);
  for (size_t i = 0; i < r.count; i++)
    shared_ops->claim(wire_u64(r.bytes + 8 * i), process);
}

// Gives claimed references back.
void value_give_up(const void *bytes, size_t len) {
  struct references r = of_message(bytes, len);
  if (r.count) each(r, 0, shared_ops->give_up);
}

// The message will be decoded once more than it was: each of its references is taken twice.
void value_retain(const void *bytes, size_t len) {
  struct references r = of_message(bytes, len);
  if (r.count) each(r, 0, shared_ops->retain);
}

// Gives the references of a message that nobody will decode back. Damaged bytes do no harm.
void value_drop(const void *bytes, size_t len) {
  struct references r = of_message(bytes, len);
  if (r.count) each(r, 0, shared_ops->release);
}

// The same for one that its writer could not send.
void value_take_back(const void *bytes, size_t len) {
  struct references r = of_message(bytes, len);
  if (r.count) each(r, 0, shared_ops->take_back);
}
