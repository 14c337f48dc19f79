// The shared array as Lua sees it.
#include "sync/array.h"
#include "sync/bindings_lua.h"
#include "sync/shared_lua.h"

static struct sync_array *self(lua_State *L, const char *function) {
  return (struct sync_array *)object_check(L, SYNC_ARRAY, function)->object;
}

// The element whose index from 1 is at 2; NULL outside of the array.
static _Atomic uint64_t *element(lua_State *L, const struct sync_array *array) {
  int whole;
  lua_Integer i = lua_tointegerx(L, 2, &whole);
  if (lua_type(L, 2) != LUA_TNUMBER || !whole || i < 1 || (uint64_t)i > array->length) return NULL;
  return sync_array_at(array, (uint64_t)i - 1);
}

static _Atomic uint64_t *checked_element(lua_State *L, const struct sync_array *array,
                                         const char *function) {
  _Atomic uint64_t *at = element(L, array);
  if (!at)
    loop_misuse(L, "bad-index", "%s: i: a whole number from 1 to %d expected, got %s", function,
                (int)array->length,
                lua_type(L, 2) == LUA_TNUMBER ? lua_tostring(L, 2) : loop_typename(L, 2));
  return at;
}

// array[i]: the element, nil outside. Upvalue 1: what knows all other keys.
static int m_index(lua_State *L) {
  if (lua_type(L, 2) == LUA_TNUMBER) {
    const struct sync_array *array = self(L, "array");
    _Atomic uint64_t *at = element(L, array);
    return at ? shared_push(L, array->kind, *at) : 0;
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, 2, 1);
  return 1;
}

// array[i] = v
static int m_newindex(lua_State *L) {
  if (lua_type(L, 2) == LUA_TNUMBER) {
    const struct sync_array *array = self(L, "array");
    _Atomic uint64_t *at = checked_element(L, array, "array");
    *at = shared_read(L, 3, array->kind, "array", "element");
    return 0;
  }
  return lua_tocfunction(L, lua_upvalueindex(1))(L); // any object's; it has no upvalues
}

// #array
static int m_len(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)self(L, "array")->length);
  return 1;
}

// array:add(i, d) -> the new number, in one step; an int wraps
static int m_add(lua_State *L) {
  const struct sync_array *array = self(L, "array:add");
  if (array->kind == SYNC_BOOL)
    return loop_misuse(L, "not-a-number", "array:add: a bool can't be added to");
  _Atomic uint64_t *at = checked_element(L, array, "array:add");
  uint64_t step = shared_read(L, 3, array->kind, "array:add", "d");
  return shared_push(L, array->kind, sync_number_add(at, array->kind, step));
}

static int m_lock(lua_State *L) { return shared_lock(L, SYNC_ARRAY, "array:lock"); }

static void fill_from_list(lua_State *L, const struct sync_array *array) {
  lua_Unsigned n = lua_rawlen(L, 3);
  if (n > array->length)
    loop_misuse(L, "bad-argument", "shared.array: init: at most %d elements expected, got %d",
                (int)array->length, (int)n);
  for (lua_Unsigned i = 0; i < n; i++) {
    lua_rawgeti(L, 3, (lua_Integer)i + 1);
    *sync_array_at(array, i) =
        shared_read(L, lua_gettop(L), array->kind, "shared.array", "init's element");
    lua_pop(L, 1);
  }
}

// shared.array(kind, n[, init]) -> a new array; init: what all elements are, or a list of them
static int f_array(lua_State *L) {
  enum sync_value_kind kind = shared_kind(L, "shared.array");
  uint64_t length = binding_count(L, 2, "shared.array", "n", 0, -1);
  bool list = lua_istable(L, 3);
  uint64_t bits =
      list || lua_isnoneornil(L, 3) ? 0 : shared_read(L, 3, kind, "shared.array", "init");
  struct sync_array *array = sync_array_create(kind, length);
  object_push_new(L, (struct sync_object *)array);
  if (list) fill_from_list(L, array);
  for (uint64_t i = 0; bits && i < length; i++)
    *sync_array_at(array, i) = bits;
  return 1;
}

static const luaL_Reg methods[] = {
    {"__len", m_len}, {"add", m_add}, {"lock", m_lock}, {NULL, NULL}};

static const luaL_Reg functions[] = {{"array", f_array}, {NULL, NULL}};

static void wrap(lua_State *L, const char *event, lua_CFunction function) {
  lua_getfield(L, -1, event);
  lua_pushcclosure(L, function, 1);
  lua_setfield(L, -2, event);
}

// Adds shared.array to the module on top of the stack.
void sync_open_array(lua_State *L) {
  luaL_getmetatable(L, "heddle.array");
  bool open = lua_istable(L, -1);
  lua_pop(L, 1);
  if (!open) {
    object_open(L, SYNC_ARRAY, methods);
    luaL_getmetatable(L, "heddle.array");
    wrap(L, "__index", m_index);
    wrap(L, "__newindex", m_newindex);
    lua_pop(L, 1);
  }
  luaL_setfuncs(L, functions, 0);
}
