// Streams as values of Lua: the class of heddle.net's connections. Stands on stream, Lua.
#ifndef HEDDLE_IO_STREAM_LUA_H
#define HEDDLE_IO_STREAM_LUA_H

#include "io/stream.h"

#include <lua.h>

void stream_class(lua_State *L);
struct stream *stream_new(lua_State *L);
int stream_push(lua_State *L, int fd);

#endif
