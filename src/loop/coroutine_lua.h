// The engine's own coroutine library, pcall, xpcall and debug hooks: so that a task's suspension
// passes through the user's coroutines, a parked coroutine can't be resumed by anyone else, and a
// hard stop can't be swallowed. Stands on: gil, task, Lua.
#ifndef HEDDLE_LOOP_COROUTINE_LUA_H
#define HEDDLE_LOOP_COROUTINE_LUA_H

#include <lua.h>

void coroutine_open(lua_State *L);
int coroutine_enter(lua_State *L, lua_State *co, int arguments, int *values);
int coroutine_reset(lua_State *co);
int coroutine_stop(lua_State *L);

#endif
