/* Damaged messages for the codec: a libFuzzer target over src/value, `make fuzz`.
 *
 * Whatever the bytes, decoding them returns values or raises, reads nothing outside of them
 * (AddressSanitizer watches), takes memory in proportion to them, and takes each reference of the
 * message over exactly once. With FUZZ_SEEDS=FOLDER it writes sound messages there and ends. */
#include "value/value.h"
#include "value/wire.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_BASE = 1 << 20, MEMORY_PER_BYTE = 512 };

/* What one interpreter has taken and may take at most. */
struct budget {
  size_t used, most;
  bool exceeded;
};

static long retained, released, taken; /* references */

static const char *const seeds[] = {
    "return nil",
    "return true, false, 0, 63, 64, -1, 255, 1 << 40, math.mininteger, 0.5, 0/0, 1/0",
    "return '', 'short', ('long'):rep(100)",
    "return {1, 2, 3, x = {y = {z = {}}}}",
    "local t = {} t.t = t t[t] = t return t, t",
    "return setmetatable({1}, {__index = {a = 1}, __gc = rawlen})",
    "local t = {} for i = 1, 200 do t = {t, 'same', 'same'} end return t",
    "local n = 0 return function() n = n + 1 return n end, function() return n end",
    "local f f = function(x) return f and math.floor(x) end return f, string, string.rep",
    "return {object, object, {object}}, object",
    "local k = {} return {[{}] = 1, [k] = k, [1.5] = 2, [true] = 3}",
    "local t = {} for i = 1, 300 do t[i] = i * i; t['k' .. i] = i / 3 end return t",
};

static void *take(void *ud, void *block, size_t old, size_t size) {
  struct budget *budget = ud;
  if (block == NULL) old = 0;
  if (budget->used - old + size > budget->most) {
    budget->exceeded = true;
    return NULL;
  }
  budget->used += size - old;
  if (size == 0) {
    free(block);
    return NULL;
  }
  return realloc(block, size);
}

static bool identify(lua_State *L, int idx, uint64_t *ref) {
  uint64_t *object = luaL_testudata(L, idx, "object");
  if (object == NULL) return false;
  *ref = *object;
  return true;
}

static void retain(uint64_t ref) {
  (void)ref;
  retained++;
}

static void release(uint64_t ref) {
  (void)ref;
  released++;
}

static void claim(uint64_t ref, uint32_t process) { (void)ref, (void)process; }

static bool push(lua_State *L, uint64_t ref) {
  if (ref != 42) return false;
  *(uint64_t *)lua_newuserdatauv(L, sizeof ref, 0) = ref;
  luaL_setmetatable(L, "object");
  taken++;
  return true;
}

/* An interpreter with the libraries, the codec and a shared object named `object`. */
static lua_State *interpreter(struct budget *budget) {
  lua_State *L = lua_newstate(take, budget);
  if (L == NULL) abort();
  luaL_openlibs(L);
  value_open(L);
  luaL_newmetatable(L, "object");
  lua_pop(L, 1);
  *(uint64_t *)lua_newuserdatauv(L, sizeof(uint64_t), 0) = 42;
  luaL_setmetatable(L, "object");
  lua_setglobal(L, "object");
  return L;
}

struct input {
  const uint8_t *bytes;
  size_t size;
};

static int decode(lua_State *L) {
  const struct input *input = lua_touserdata(L, 1);
  lua_settop(L, 0);
  return value_decode(L, input->bytes, input->size);
}

/* Encodes the values on the stack; what came out of a message must be fit to go into one again. */
static int encode(lua_State *L) {
  struct buffer *out = lua_touserdata(L, 1);
  lua_remove(L, 1);
  value_encode(L, 1, lua_gettop(L), "item", out);
  return 0;
}

/* The encoded values of stack slots 1 to `count`, which it leaves there. */
static bool encoded(lua_State *L, int count, struct buffer *out) {
  luaL_checkstack(L, count + 2, "fuzz");
  lua_pushcfunction(L, encode);
  lua_pushlightuserdata(L, out);
  for (int i = 1; i <= count; i++)
    lua_pushvalue(L, i);
  if (lua_pcall(L, count + 1, 0, 0) == LUA_OK) return true;
  lua_pop(L, 1);
  return false;
}

static void complain(const char *what) {
  fprintf(stderr, "fuzz: %s\n", what);
  abort();
}

/* A sound message decodes; else the fuzzing would test the first check only. */
static void check_decodes(lua_State *L, const struct buffer *message) {
  struct input input = {message->data, message->len};
  lua_pushcfunction(L, decode);
  lua_pushlightuserdata(L, &input);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) complain(lua_tostring(L, -1));
}

static void write_seed(lua_State *L, const char *folder, size_t number) {
  char path[500];
  struct buffer out = {0};
  lua_settop(L, 0);
  if (luaL_dostring(L, seeds[number]) || !encoded(L, lua_gettop(L), &out))
    complain(lua_tostring(L, -1));
  check_decodes(L, &out);
  snprintf(path, sizeof path, "%s/seed-%zu", folder, number);
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(out.data, 1, out.len, file) != out.len) complain(path);
  fclose(file);
  buffer_free(&out);
}

/* Called once by libFuzzer. */
int LLVMFuzzerInitialize(int *argc, char ***argv) {
  static const struct value_shared shared = {identify, retain,  release, release,
                                             claim,    release, push};
  static const unsigned char key[16] = "sixteen bytes...";
  const char *folder = getenv("FUZZ_SEEDS");
  (void)argc;
  (void)argv;
  value_set_shared(&shared);
  value_set_key(key);
  if (folder == NULL) return 0;
  struct budget budget = {0, SIZE_MAX / 2, false};
  lua_State *L = interpreter(&budget);
  for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++)
    write_seed(L, folder, i);
  lua_close(L);
  exit(0);
}

/* Called by libFuzzer with each input. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct budget budget = {0, SIZE_MAX / 2, false};
  struct input input = {bytes, size};
  size_t references;
  value_references(bytes, size, &references);
  lua_State *L = interpreter(&budget);
  budget.most = budget.used + MEMORY_BASE + MEMORY_PER_BYTE * size;
  released = taken = 0;
  lua_pushcfunction(L, decode);
  lua_pushlightuserdata(L, &input);
  bool good = lua_pcall(L, 1, LUA_MULTRET, 0) == LUA_OK;
  if (budget.exceeded) complain("memory out of proportion to the message");
  if (taken + released != (long)references) complain("a reference was lost or given back twice");
  budget.most = SIZE_MAX / 2;
  if (good) {
    struct buffer out = {0};
    if (encoded(L, lua_gettop(L), &out)) value_drop(out.data, out.len);
    buffer_free(&out);
  }
  lua_close(L);
  return 0;
}
