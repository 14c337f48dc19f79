// The one table of modules: what `require` finds inside the executable. Stands on every room.
#ifndef HEDDLE_HOST_MODULES_H
#define HEDDLE_HOST_MODULES_H

#include <lua.h>

void modules_open(lua_State *L);

#endif
