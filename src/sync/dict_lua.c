// The shared dictionary as Lua sees it: keys are bytes with their type before them, values
// messages.
#include "sync/bindings_lua.h"
#include "sync/dict.h"
#include "sync/shared_lua.h"
#include "value/value.h"

#include <string.h>

enum { SMALL = 4096, KEPT = 1 << 20 };

// This thread's own: the key and the message of the operation under way.
static _Thread_local struct buffer key, message;

static struct sync_dict *self(lua_State *L, const char *function) {
  struct sync_dict *d = (struct sync_dict *)object_check(L, SYNC_DICT, function)->object;
  if (d->updater != 0 && d->updater == binding_task())
    loop_misuse(L, "dict-in-update",
                "shared.update: fn: a function that leaves the dict alone expected, got one that "
                "touches it");
  return d;
}

static void write_key_bytes(lua_State *L, char type, const void *bytes, size_t size) {
  key.len = 0;
  if (!buffer_append(&key, &type, 1) || !buffer_append(&key, bytes, size))
    luaL_error(L, "not enough memory");
}

// Writes the key at 2 into `key`. Returns false for what is no key. A float that is whole is the
// int.
static bool write_key(lua_State *L) {
  int whole;
  size_t size;
  lua_Integer i = lua_tointegerx(L, 2, &whole);
  lua_Number n = lua_tonumber(L, 2);
  char truth = (char)lua_toboolean(L, 2);
  switch (lua_type(L, 2)) {
  case LUA_TNUMBER:
    if (n != n) return false;
    write_key_bytes(L, whole ? 'i' : 'f', whole ? (const void *)&i : &n, 8);
    return true;
  case LUA_TBOOLEAN:
    write_key_bytes(L, 'b', &truth, 1);
    return true;
  case LUA_TSTRING: {
    const char *text = lua_tolstring(L, 2, &size);
    write_key_bytes(L, 's', text, size);
    return true;
  }
  default:
    return false;
  }
}

static void push_key(lua_State *L, const unsigned char *bytes, size_t size) {
  lua_Integer i;
  lua_Number n;
  memcpy(&i, bytes + 1, size >= 9 ? 8 : 0);
  memcpy(&n, bytes + 1, size >= 9 ? 8 : 0);
  switch (bytes[0]) {
  case 'i':
    lua_pushinteger(L, i);
    break;
  case 'f':
    lua_pushnumber(L, n);
    break;
  case 'b':
    lua_pushboolean(L, bytes[1]);
    break;
  default:
    lua_pushlstring(L, (const char *)bytes + 1, size - 1);
  }
}

static int decode(lua_State *L) {
  const struct buffer *bytes = lua_touserdata(L, 1);
  return value_decode(L, bytes->data, bytes->len);
}

// Pushes the value of the message that was got. It is taken out of `message` first: decoding may
// run finalizers, which may use a dict as well.
static int push_message(lua_State *L) {
  unsigned char bytes[SMALL];
  size_t size = message.len;
  message.len = 0;
  if (size <= SMALL) {
    memcpy(bytes, message.data, size);
    return value_decode(L, bytes, size);
  }
  struct buffer large = message;
  large.len = size;
  message = (struct buffer){0};
  lua_pushcfunction(L, decode);
  lua_pushlightuserdata(L, &large);
  int status = lua_pcall(L, 1, 1, 0);
  buffer_free(&large);
  return status == LUA_OK ? 1 : lua_error(L);
}

// dict[k]: a copy of the value, nil if there is none
static int m_index(lua_State *L) {
  struct sync_dict *d = self(L, "dict");
  if (!write_key(L)) return 0;
  message.len = 0;
  return sync_dict_get(d, &key, &message) ? push_message(L) : 0;
}

// dict[k] = v: keeps a copy; nil removes
static int m_newindex(lua_State *L) {
  struct sync_dict *d = self(L, "dict");
  message.len = 0;
  if (!lua_isnil(L, 3)) value_encode(L, 3, 1, "value", &message);
  size_t size = message.len;
  message.len = 0; // for finalizers; nothing runs them until it is read
  if (!write_key(L)) {
    value_take_back(message.data, size);
    return loop_misuse(L, "bad-key", "dict: key: a string, number or boolean expected, got %s",
                       loop_typename(L, 2));
  }
  if (lua_isnil(L, 3)) {
    sync_dict_remove(d, &key);
    return 0;
  }
  const struct buffer value = {.data = message.data, .len = size};
  uint64_t entry = sync_dict_entry(&key, &value);
  if (entry == 0) value_take_back(message.data, size);
  buffer_trim(&message, KEPT);
  if (entry == 0) return luaL_error(L, "not enough shared memory");
  sync_dict_set(d, entry);
  return 0;
}

// The copies of all entries, one behind the other, as userdata: freed with what was not read.
struct snapshot {
  struct buffer all;
  size_t read;
};

static bool next_entry(struct snapshot *s, uint64_t sizes[2], const unsigned char **bytes) {
  if (s->read >= s->all.len) return false;
  memcpy(sizes, s->all.data + s->read, 16);
  *bytes = s->all.data + s->read + 16;
  s->read += 16 + sizes[0] + sizes[1];
  return true;
}

static int snapshot_gc(lua_State *L) {
  struct snapshot *s = luaL_checkudata(L, 1, "heddle.snapshot");
  uint64_t sizes[2];
  const unsigned char *bytes;
  while (next_entry(s, sizes, &bytes))
    value_drop(bytes + sizes[0], sizes[1]);
  buffer_free(&s->all);
  s->read = 0;
  return 0;
}

// pairs(dict): walks a snapshot
static int m_pairs(lua_State *L) {
  struct sync_dict *d = self(L, "pairs");
  uint64_t sizes[2];
  const unsigned char *bytes;
  lua_getglobal(L, "next");
  lua_newtable(L);
  struct snapshot *s = lua_newuserdatauv(L, sizeof *s, 0);
  memset(s, 0, sizeof *s);
  luaL_setmetatable(L, "heddle.snapshot");
  if (!sync_dict_copy(d, &s->all)) return luaL_error(L, "not enough memory");
  while (next_entry(s, sizes, &bytes)) {
    push_key(L, bytes, sizes[0]);
    value_decode(L, bytes + sizes[0], sizes[1]);
    lua_rawset(L, -4);
  }
  buffer_free(&s->all);
  s->read = 0;
  lua_pop(L, 1);
  return 2;
}

// shared.dict() -> a new dictionary, empty
static int f_dict(lua_State *L) {
  object_push_new(L, (struct sync_object *)sync_dict_create());
  return 1;
}

// shared.update_runs(dict, whether): from now on this task may not touch it, or may again
static int f_update_runs(lua_State *L) {
  struct sync_handle *handle = object_check(L, SYNC_DICT, "shared.update");
  ((struct sync_dict *)handle->object)->updater = lua_toboolean(L, 2) ? binding_task() : 0;
  return 0;
}

// shared.is_dict(x) -> boolean
static int f_is_dict(lua_State *L) {
  lua_pushboolean(L, object_test(L, 1, SYNC_DICT) != NULL);
  return 1;
}

static const luaL_Reg methods[] = {{"__pairs", m_pairs}, {NULL, NULL}};
static const luaL_Reg functions[] = {
    {"dict", f_dict}, {"is_dict", f_is_dict}, {"update_runs", f_update_runs}, {NULL, NULL}};

// Hands the dictionary what it needs to know of messages. Once per process.
void dict_cross(void) { sync_dict_set_hooks(value_retain, value_drop); }

// The calling thread ends: its buffers are given back.
void dict_thread_end(void) {
  buffer_free(&key);
  buffer_free(&message);
}

// Adds shared.dict to the module on top of the stack.
void sync_open_dict(lua_State *L) {
  object_open(L, SYNC_DICT, methods);
  luaL_getmetatable(L, "heddle.dict");
  lua_pushcfunction(L, m_index);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, m_newindex);
  lua_setfield(L, -2, "__newindex");
  lua_pop(L, 1);
  if (luaL_newmetatable(L, "heddle.snapshot")) {
    lua_pushcfunction(L, snapshot_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_pop(L, 1);
  luaL_setfuncs(L, functions, 0);
}
