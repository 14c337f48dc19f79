// heddle's shared objects in messages: references at the message's end, with a check of their own,
// so that one that nobody decodes can give them back unread. Stands on wire.h and on what sync
// told.
#ifndef HEDDLE_VALUE_OBJECTS_H
#define HEDDLE_VALUE_OBJECTS_H

#include <lua.h>
#include <stddef.h>

const struct value_shared *value_shared_ops(void);
void value_push_objects(lua_State *L, const unsigned char *references, size_t count);

#endif
