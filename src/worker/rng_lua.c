/* `heddle.native.rng`: Python's random generator as a Lua function, over base/rng. */
#include <lauxlib.h>
#include <lua.h>

#include "base/rng.h"
#include "loop/misuse_lua.h"

/* What stands at index i, for an error message: a number's value, anything else's type. */
static const char *shown(lua_State *L, int i) {
  return lua_type(L, i) == LUA_TNUMBER ? luaL_tolstring(L, i, NULL) : luaL_typename(L, i);
}

/* Reads argument i as a whole number; a float counts when it is one, a string never.
   Raises [bad-argument] in the name of the caller's argument. */
static lua_Integer whole(lua_State *L, int i, const char *function, const char *name) {
  int ok = 0;
  lua_Integer n = lua_type(L, i) == LUA_TNUMBER ? lua_tointegerx(L, i, &ok) : 0;
  if (!ok)
    loop_misuse(L, "bad-argument", "%s: %s: a whole number expected, got %s", function, name,
                shown(L, i));
  return n;
}

/* r() -> a float in [0, 1);  r(m) -> a whole number from 1 to m;  r(m, n) -> one from m to n.
   Raises [bad-argument] when m or n is no whole number or the range is empty. */
static int rng_call(lua_State *L) {
  base_rng *r = lua_touserdata(L, lua_upvalueindex(1));
  int count = lua_gettop(L);
  if (count == 0) {
    lua_pushnumber(L, base_rng_float(r));
    return 1;
  }
  if (count > 2)
    return loop_misuse(L, "bad-argument", "rng: at most 2 arguments (m, n) expected, got %d",
                       count);
  lua_Integer low = count == 1 ? 1 : whole(L, 1, "rng", "m");
  lua_Integer high = count == 1 ? whole(L, 1, "rng", "m") : whole(L, 2, "rng", "n");
  if (low > high)
    return loop_misuse(L, "bad-argument", "rng: the range from %lld to %lld is empty",
                       (long long)low, (long long)high);
  lua_pushinteger(L, base_rng_range(r, low, high));
  return 1;
}

/* rng(seed) -> a generator that gives what Python's random.Random(seed) gives.
   Raises [bad-argument] when seed is no whole number. */
static int rng_new(lua_State *L) {
  lua_Integer seed = whole(L, 1, "rng", "seed");
  base_rng *r = lua_newuserdatauv(L, sizeof *r, 0);
  base_rng_seed(r, seed);
  lua_pushcclosure(L, rng_call, 1);
  return 1;
}

/* Opens heddle.native.rng: the constructor itself. */
int luaopen_heddle_native_rng(lua_State *L) {
  lua_pushcfunction(L, rng_new);
  return 1;
}
