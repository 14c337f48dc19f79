// Who holds a lock, by name. Stands on: lock, condition, the loop's tasks.
#ifndef HEDDLE_SYNC_HOLDER_LUA_H
#define HEDDLE_SYNC_HOLDER_LUA_H

#include "sync/object_lua.h"

void holder_push(lua_State *L, const struct sync_object *object);

#endif
