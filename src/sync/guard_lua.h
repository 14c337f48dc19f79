// Guards: what hold(), read() and write() give. Closing one gives back what it stands for, once.
// Stands on: object_lua.
#ifndef HEDDLE_SYNC_GUARD_LUA_H
#define HEDDLE_SYNC_GUARD_LUA_H

#include "sync/object_lua.h"

// Gives back what was taken. It may raise misuse, under the name guard:release.
typedef void (*guard_give_back)(lua_State *L, struct sync_object *object);

int guard_push(lua_State *L, struct sync_object *object, guard_give_back give_back, bool abandoned);
void guard_open(lua_State *L);

#endif
