// What the bindings of input and output share: results in the way of io.open. Stands on Lua.
#ifndef HEDDLE_IO_IO_LUA_H
#define HEDDLE_IO_IO_LUA_H

#include <lauxlib.h>
#include <lua.h>

struct address;

int io_fail(lua_State *L, const char *what, int error);
int io_closed(lua_State *L);
int io_timeout(lua_State *L);
void io_class(lua_State *L, const char *meta, const luaL_Reg *methods, lua_CFunction index,
              lua_CFunction tostring, lua_CFunction close);
void address_push(lua_State *L, const struct address *address);

#endif
