// Header fields as Lua tables: names in lower case, a name that comes more than once with its
// values joined. Stands on Lua.
#ifndef HEDDLE_IO_HTTP_HEAD_LUA_H
#define HEDDLE_IO_HTTP_HEAD_LUA_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

void http_head_new(lua_State *L);
void http_head_add(lua_State *L, const char *name, size_t name_size, const char *value,
                   size_t value_size);
void http_head_parse(lua_State *L, const char *lines, size_t size);
int http_head_class(lua_State *L);

#endif
