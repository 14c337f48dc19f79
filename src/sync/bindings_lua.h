// The bindings of one kind each: every opener adds its kind's constructors to the module table on
// top of the stack. What they share stands here too. Stands on: object_lua, loop's task.
#ifndef HEDDLE_SYNC_BINDINGS_LUA_H
#define HEDDLE_SYNC_BINDINGS_LUA_H

#include "loop/misuse_lua.h"
#include "loop/task.h"
#include "sync/object_lua.h"

void sync_open_event(lua_State *L);
void sync_open_latch(lua_State *L);

int binding_finish_true(lua_State *L, void *object, struct park_self *self, bool got);
int binding_wait(lua_State *L, enum sync_kind kind, const struct loop_op *op);
uint64_t binding_count(lua_State *L, int arg, const char *function, const char *what,
                       lua_Integer least, lua_Integer unless_given);

#endif
