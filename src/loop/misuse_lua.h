// Messages for misuse: one form for every function. Stands on Lua.
#ifndef HEDDLE_LOOP_MISUSE_LUA_H
#define HEDDLE_LOOP_MISUSE_LUA_H

#include <lua.h>

int loop_misuse(lua_State *L, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
double loop_timeout(lua_State *L, int arg, const char *function);
double loop_seconds(lua_State *L, int arg, const char *function, const char *what);
const char *loop_typename(lua_State *L, int arg);

#endif
