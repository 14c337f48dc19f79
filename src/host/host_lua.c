// heddle.native.host: what the command line and the library in Lua need of the host.
#include "base/cores.h"
#include "host/embedded.h"

#include <lauxlib.h>
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

static const luaL_Reg functions[] = {
    {"columns", f_columns}, {"isatty", f_isatty}, {"lua_release", f_lua_release},
    {"scripts", f_scripts}, {"quota", f_quota},   {NULL, NULL}};

// Opens heddle.native.host.
int luaopen_heddle_native_host(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
