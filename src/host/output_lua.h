// print and io.write whose output comes out whole, at the call; io.stderr:write, too. Stands on:
// loop, base, Lua.
#ifndef HEDDLE_HOST_OUTPUT_LUA_H
#define HEDDLE_HOST_OUTPUT_LUA_H

#include <lua.h>
#include <stddef.h>

void output_open(lua_State *L);

#endif
