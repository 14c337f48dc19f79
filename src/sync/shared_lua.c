// heddle.native.shared: numbers in shared memory as Lua sees them.
#include "sync/shared_lua.h"

#include "sync/bindings_lua.h"
#include "sync/guard_lua.h"

#include <string.h>

// Reads a number or boolean of a kind as the bits that are kept; anything else is misuse.
uint64_t shared_read(lua_State *L, int arg, enum sync_value_kind kind, const char *function,
                     const char *what) {
  static const char *const wanted[] = {"a whole number", "a number", "true or false"};
  int fits = lua_type(L, arg) == (kind == SYNC_BOOL ? LUA_TBOOLEAN : LUA_TNUMBER);
  lua_Integer n = kind == SYNC_INT && fits ? lua_tointegerx(L, arg, &fits) : 0;
  if (!fits)
    loop_misuse(L, "bad-argument", "%s: %s: %s expected, got %s", function, what, wanted[kind],
                lua_type(L, arg) == LUA_TNUMBER ? lua_tostring(L, arg) : loop_typename(L, arg));
  if (kind == SYNC_INT) return (uint64_t)n;
  if (kind == SYNC_BOOL) return (uint64_t)lua_toboolean(L, arg);
  return sync_float_bits(lua_tonumber(L, arg));
}

// Pushes what the bits of a kind stand for. Returns 1.
int shared_push(lua_State *L, enum sync_value_kind kind, uint64_t bits) {
  if (kind == SYNC_INT)
    lua_pushinteger(L, (lua_Integer)bits);
  else if (kind == SYNC_FLOAT)
    lua_pushnumber(L, sync_float(bits));
  else
    lua_pushboolean(L, bits != 0);
  return 1;
}

static struct sync_value *self(lua_State *L, const char *function) {
  return (struct sync_value *)object_check(L, SYNC_VALUE, function)->object;
}

// value:get() -> the number or boolean
static int m_get(lua_State *L) {
  struct sync_value *value = self(L, "value:get");
  return shared_push(L, value->kind, value->bits);
}

// value:set(v)
static int m_set(lua_State *L) {
  struct sync_value *value = self(L, "value:set");
  value->bits = shared_read(L, 2, value->kind, "value:set", "v");
  return 0;
}

// value:add(d) -> the new number, in one step; an int wraps
static int m_add(lua_State *L) {
  struct sync_value *value = self(L, "value:add");
  if (value->kind == SYNC_BOOL)
    loop_misuse(L, "not-a-number", "value:add: a bool can't be added to (use set or cas)");
  uint64_t step = shared_read(L, 2, value->kind, "value:add", "d");
  return shared_push(L, value->kind, sync_number_add(&value->bits, value->kind, step));
}

static bool equals(enum sync_value_kind kind, uint64_t a, uint64_t b) {
  return kind == SYNC_FLOAT ? sync_float(a) == sync_float(b) : a == b;
}

// value:cas(old, new) -> true if it was `old` and is `new` now, in one step
static int m_cas(lua_State *L) {
  struct sync_value *value = self(L, "value:cas");
  uint64_t old = shared_read(L, 2, value->kind, "value:cas", "old");
  uint64_t new = shared_read(L, 3, value->kind, "value:cas", "new");
  uint64_t now = value->bits;
  bool changed = false;
  while (!changed && equals(value->kind, now, old)) {
    changed = atomic_compare_exchange_strong(&value->bits, &now, new);
  }
  lua_pushboolean(L, changed);
  return 1;
}

// Reads the name of a kind at 1.
enum sync_value_kind shared_kind(lua_State *L, const char *function) {
  const char *name = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "";
  for (int i = SYNC_INT; i <= SYNC_BOOL; i++)
    if (strcmp(name, sync_value_kinds[i]) == 0) return (enum sync_value_kind)i;
  loop_misuse(L, "bad-kind", "%s: kind: \"int\", \"float\" or \"bool\" expected, got %s%s%s",
              function, *name ? "\"" : "", *name ? name : loop_typename(L, 1), *name ? "\"" : "");
  return SYNC_INT;
}

// shared.value(kind[, init]) -> a new value; 0 or false unless given
static int f_value(lua_State *L) {
  enum sync_value_kind kind = shared_kind(L, "shared.value");
  uint64_t bits = lua_isnoneornil(L, 2) ? 0 : shared_read(L, 2, kind, "shared.value", "init");
  object_push_new(L, (struct sync_object *)sync_value_create(kind, bits));
  return 1;
}

// The data of any kind at 1: an object with a lock behind it; NULL: something else.
static struct sync_data *data_at_1(lua_State *L) {
  static const enum sync_kind kinds[] = {SYNC_VALUE, SYNC_ARRAY, SYNC_DICT};
  for (int i = 0; i < 3; i++) {
    struct sync_handle *handle = object_test(L, 1, kinds[i]);
    if (handle) return (struct sync_data *)handle->object;
  }
  return NULL;
}

static int hold(lua_State *L, const struct sync_data *data, const char *function) {
  return rlock_hold(L, sync_data_lock(data), loop_timeout(L, 2, function));
}

// shared.lock(x[, timeout]) -> guard[, "abandoned"] | nil, "timeout"
static int f_lock(lua_State *L) {
  const struct sync_data *data = data_at_1(L);
  if (!data)
    loop_misuse(L, "bad-argument", "shared.lock: x: a shared value, array or dict expected, got %s",
                loop_typename(L, 1));
  return hold(L, data, "shared.lock");
}

// The same as the method `function` of the data of a kind, at 1.
int shared_lock(lua_State *L, enum sync_kind kind, const char *function) {
  return hold(L, (struct sync_data *)object_check(L, kind, function)->object, function);
}

static int m_lock(lua_State *L) { return shared_lock(L, SYNC_VALUE, "value:lock"); }

static const luaL_Reg methods[] = {{"add", m_add},   {"cas", m_cas}, {"get", m_get},
                                   {"lock", m_lock}, {"set", m_set}, {NULL, NULL}};

static const luaL_Reg functions[] = {{"lock", f_lock}, {"value", f_value}, {NULL, NULL}};

// Opens heddle.native.shared; the guards are heddle.native.sync's.
int luaopen_heddle_native_shared(lua_State *L) {
  object_open(L, SYNC_VALUE, methods);
  guard_open(L);
  luaL_newlib(L, functions);
  sync_open_array(L);
  sync_open_dict(L);
  return 1;
}
