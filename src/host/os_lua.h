// Functions of the library `os` that the engine has its own versions of. Stands on: worker, Lua.
#ifndef HEDDLE_HOST_OS_LUA_H
#define HEDDLE_HOST_OS_LUA_H

#include <lua.h>

void os_open(lua_State *L);

#endif
