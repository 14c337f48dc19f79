// What the bindings of shared values and arrays have in common: numbers and booleans as bits.
// Stands on: value, Lua.
#ifndef HEDDLE_SYNC_SHARED_LUA_H
#define HEDDLE_SYNC_SHARED_LUA_H

#include "sync/value.h"

#include <lua.h>

uint64_t shared_read(lua_State *L, int arg, enum sync_value_kind kind, const char *function,
                     const char *what);
int shared_push(lua_State *L, enum sync_value_kind kind, uint64_t bits);
enum sync_value_kind shared_kind(lua_State *L, const char *function);
int shared_lock(lua_State *L, enum sync_kind kind, const char *function);

#endif
