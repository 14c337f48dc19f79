// heddle.native.host: what the command line and the library in Lua need of the host.
#include "base/cores.h"
#include "host/embedded.h"
#include "worker/worker.h"

#include <dlfcn.h>
#include <lauxlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

// host.isatty(fd) -> boolean
static int f_isatty(lua_State *L) {
  lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
  return 1;
}

// host.columns(fd) -> how many characters a line of that terminal has, nil where it is none
static int f_columns(lua_State *L) {
  struct winsize size;
  if (ioctl((int)luaL_checkinteger(L, 1), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 0;
  lua_pushinteger(L, size.ws_col);
  return 1;
}

// host.scripts() -> {name = source}, the embedded scenarios
static int f_scripts(lua_State *L) {
  lua_newtable(L);
  for (const struct host_embedded *s = host_scripts; s->name; s++) {
    lua_pushlstring(L, (const char *)s->bytes, s->size);
    lua_setfield(L, -2, s->name);
  }
  return 1;
}

// host.lua_release() -> "Lua 5.4.4"
static int f_lua_release(lua_State *L) {
  lua_pushliteral(L, LUA_RELEASE);
  return 1;
}

// host.quota(folder) -> cores that the quotas over a process leave it, by its folder in /proc;
// nil: none limits it
static int f_quota(lua_State *L) {
  double quota = cores_cgroup_quota(luaL_checkstring(L, 1));
  if (quota <= 0) return 0;
  lua_pushnumber(L, quota);
  return 1;
}

// Calls the library's own function that tells its version; OpenSSL's takes a number, 0: the name.
static void push_version(lua_State *L, void *symbol, bool takes_number) {
  const char *(*plain)(void);
  const char *(*numbered)(int);
  memcpy(&plain, &symbol, sizeof symbol);
  memcpy(&numbered, &symbol, sizeof symbol);
  lua_pushstring(L, takes_number ? numbered(0) : plain());
}

// host.library_version(file, function[, takes_number]) -> what a shared library calls its version;
// nil: it can't be opened
static int f_library_version(lua_State *L) {
  const char *file = luaL_checkstring(L, 1), *name = luaL_checkstring(L, 2);
  gate_enter(); // a fork meanwhile would leave the loader's locks held in the child
  void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  void *symbol = library ? dlsym(library, name) : NULL;
  gate_leave();
  if (!symbol) return 0;
  push_version(L, symbol, lua_toboolean(L, 3));
  return 1;
}

static const luaL_Reg functions[] = {{"columns", f_columns},
                                     {"isatty", f_isatty},
                                     {"library_version", f_library_version},
                                     {"lua_release", f_lua_release},
                                     {"scripts", f_scripts},
                                     {"quota", f_quota},
                                     {NULL, NULL}};

// Opens heddle.native.host.
int luaopen_heddle_native_host(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
