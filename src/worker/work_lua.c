/* `heddle.native.work`: the job kernels for Lua. Each holds the GIL while it computes, as C
   functions do, unless it is told to give it up meanwhile. */
#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <string.h>

#include "loop/gil.h"
#include "loop/misuse_lua.h"
#include "worker/kernel.h"

/* What stands at index i, for an error message: a number's value, anything else's type. */
static const char *shown(lua_State *L, int i) {
  return lua_type(L, i) == LUA_TNUMBER ? luaL_tolstring(L, i, NULL) : luaL_typename(L, i);
}

/* Opens libcrypto; raises [no-crypto] when it can't be had. */
static void need_crypto(lua_State *L, const char *function) {
  const char *why = worker_kernel_open();
  if (why) loop_misuse(L, "no-crypto", "%s: %s", function, why);
}

/* sha3_512(s) -> the 64 bytes of SHA3-512(s).
   Raises [bad-argument] when s is no string, [no-crypto] when libcrypto can't be opened. */
static int work_sha3_512(lua_State *L) {
  unsigned char digest[WORKER_KERNEL_SHA3_BYTES];
  size_t length;
  if (lua_type(L, 1) != LUA_TSTRING)
    return loop_misuse(L, "bad-argument", "work.sha3_512: s: a string expected, got %s",
                       luaL_typename(L, 1));
  const char *s = lua_tolstring(L, 1, &length);
  need_crypto(L, "work.sha3_512");
  if (!worker_kernel_sha3_512(s, length, digest)) return luaL_error(L, "not enough memory");
  lua_pushlstring(L, (const char *)digest, sizeof digest);
  return 1;
}

/* Raises [bad-option] for every key of the options table at index i but "release". */
static void check_options(lua_State *L, int i, const char *function) {
  for (lua_pushnil(L); lua_next(L, i); lua_pop(L, 1))
    if (lua_type(L, -2) != LUA_TSTRING || strcmp(lua_tostring(L, -2), "release") != 0)
      loop_misuse(L, "bad-option", "%s: options: only release is known, got %s", function,
                  luaL_tolstring(L, -2, NULL));
}

/* Reads the options table at index i: whether the GIL is given up meanwhile. */
static int wants_release(lua_State *L, int i, const char *function) {
  if (lua_isnoneornil(L, i)) return 0;
  if (!lua_istable(L, i))
    loop_misuse(L, "bad-argument", "%s: options: a table {release=} expected, got %s", function,
                luaL_typename(L, i));
  check_options(L, i, function);
  int type = lua_getfield(L, i, "release");
  if (type != LUA_TNIL && type != LUA_TBOOLEAN)
    loop_misuse(L, "bad-option", "%s: release: true or false expected, got %s", function,
                luaL_typename(L, -1));
  int release = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return release;
}

/* Reads argument 1 as a whole number of what `name` says. */
static lua_Integer check_whole(lua_State *L, const char *function, const char *name) {
  int ok = 0;
  lua_Integer n = lua_type(L, 1) == LUA_TNUMBER ? lua_tointegerx(L, 1, &ok) : 0;
  if (!ok || n < 0)
    loop_misuse(L, "bad-argument", "%s: %s: a whole number >= 0 expected, got %s", function, name,
                shown(L, 1));
  return n;
}

/* sha3(rounds[, {release=}]): computes SHA3-512 of the empty string `rounds` times; with release
   the GIL is given up meanwhile. Raises [bad-argument], [bad-option], [no-crypto]. */
static int work_sha3(lua_State *L) {
  lua_Integer rounds = check_whole(L, "work.sha3", "rounds");
  int release = wants_release(L, 2, "work.sha3");
  need_crypto(L, "work.sha3");
  if (release) loop_gil_release();
  int ok = worker_kernel_sha3(rounds);
  if (release) loop_gil_acquire();
  return ok ? 0 : luaL_error(L, "not enough memory");
}

/* spin(seconds[, {release=}]): uses this many CPU seconds of its OS thread; with release the GIL is
   given up meanwhile. Raises [bad-argument], [bad-option]. */
static int work_spin(lua_State *L) {
  lua_Number seconds = lua_type(L, 1) == LUA_TNUMBER ? lua_tonumber(L, 1) : -1;
  if (!(seconds >= 0) || isinf(seconds))
    return loop_misuse(L, "bad-argument", "work.spin: seconds: a number >= 0 expected, got %s",
                       shown(L, 1));
  int release = wants_release(L, 2, "work.spin");
  if (release) loop_gil_release();
  worker_kernel_spin(seconds);
  if (release) loop_gil_acquire();
  return 0;
}

/* disk(bytes): writes so many bytes to a temporary file without a name and reads them back. The GIL
   is given up meanwhile, as for every input and output.
   Raises [bad-argument], and the system's message when the file can't be written. */
static int work_disk(lua_State *L) {
  lua_Integer bytes = check_whole(L, "work.disk", "bytes");
  loop_gil_release();
  int why = worker_kernel_disk(bytes);
  loop_gil_acquire();
  return why ? luaL_error(L, "work.disk: %s", strerror(why)) : 0;
}

/* memory(bytes[, {release=}]) -> a block of so many bytes of this interpreter's memory, each page
   written to; it is given back when it is collected. With release the GIL is given up while they
   are written. Raises [bad-argument], [bad-option], "not enough memory". */
static int work_memory(lua_State *L) {
  lua_Integer bytes = check_whole(L, "work.memory", "bytes");
  int release = wants_release(L, 2, "work.memory");
  char *block = lua_newuserdatauv(L, (size_t)bytes, 0);
  if (release) loop_gil_release();
  worker_kernel_touch(block, (size_t)bytes);
  if (release) loop_gil_acquire();
  return 1;
}

/* cpu() -> CPU seconds of the calling OS thread so far. */
static int work_cpu(lua_State *L) {
  lua_pushnumber(L, worker_kernel_cpu());
  return 1;
}

/* usage() -> CPU seconds, voluntary and involuntary switches of the calling OS thread so far. */
static int work_usage(lua_State *L) {
  worker_kernel_usage usage;
  worker_kernel_measure(&usage);
  lua_pushnumber(L, usage.cpu);
  lua_pushinteger(L, usage.voluntary);
  lua_pushinteger(L, usage.involuntary);
  return 3;
}

static const luaL_Reg functions[] = {
    {"cpu", work_cpu},           {"disk", work_disk}, {"memory", work_memory}, {"sha3", work_sha3},
    {"sha3_512", work_sha3_512}, {"spin", work_spin}, {"usage", work_usage},   {NULL, NULL},
};

/* Opens heddle.native.work. */
int luaopen_heddle_native_work(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
