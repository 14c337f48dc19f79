// What the bindings of input and output share: results in the way of io.open. Stands on Lua.
#ifndef HEDDLE_IO_IO_LUA_H
#define HEDDLE_IO_IO_LUA_H

#include <lua.h>

int io_fail(lua_State *L, const char *what, int error);
int io_closed(lua_State *L);
int io_timeout(lua_State *L);

#endif
