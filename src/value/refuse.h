// The slow search for what can't be copied, once a message was refused. Stands on names.h and Lua.
#ifndef HEDDLE_VALUE_REFUSE_H
#define HEDDLE_VALUE_REFUSE_H

#include <lua.h>

int value_refuse(lua_State *L, int first, int count, const char *root);

#endif
