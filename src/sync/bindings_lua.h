// The bindings of one kind each: every opener adds its kind's constructors to the module table on
// top of the stack. What they share stands here too. Stands on: object_lua, loop's task.
#ifndef HEDDLE_SYNC_BINDINGS_LUA_H
#define HEDDLE_SYNC_BINDINGS_LUA_H

#include "loop/misuse_lua.h"
#include "loop/task.h"
#include "sync/object_lua.h"

void sync_open_event(lua_State *L);
void sync_open_latch(lua_State *L);
void sync_open_rlock(lua_State *L);
void sync_open_condition(lua_State *L);
void sync_open_semaphore(lua_State *L);
void sync_open_barrier(lua_State *L);
void sync_open_rwlock(lua_State *L);
void sync_open_array(lua_State *L);
void sync_open_dict(lua_State *L);

int lock_acquire(lua_State *L, struct sync_object *lock, double timeout);
int lock_hold(lua_State *L, struct sync_object *lock, double timeout);
int rlock_acquire(lua_State *L, struct sync_object *rlock, double timeout);
int rlock_hold(lua_State *L, struct sync_object *rlock, double timeout);

uint32_t binding_task(void);
bool binding_is_stopped(void);
void binding_shield(int change);
void binding_raise_pending(lua_State *L);

int binding_finish_true(lua_State *L, void *object, struct park_self *self, bool got);
int binding_wait(lua_State *L, enum sync_kind kind, const struct loop_op *op);
uint64_t binding_count(lua_State *L, int arg, const char *function, const char *what,
                       lua_Integer least, lua_Integer unless_given);

#endif
