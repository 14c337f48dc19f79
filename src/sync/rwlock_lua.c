// The read-write lock as Lua sees it.
#include "sync/bindings_lua.h"
#include "sync/guard_lua.h"
#include "sync/rwlock.h"

static bool read_attempt(void *object, struct park_self *ask) {
  return sync_rwlock_read(object, ask);
}
static bool write_attempt(void *object, struct park_self *ask) {
  return sync_rwlock_write(object, ask);
}
static void leave(void *object, struct park_self *ask) { sync_rwlock_leave(object, ask); }

static void end_read(lua_State *L, struct sync_object *object) {
  (void)L;
  sync_rwlock_end_read((struct sync_rwlock *)object);
}

static void end_write(lua_State *L, struct sync_object *object) {
  (void)L;
  sync_rwlock_end_write((struct sync_rwlock *)object);
}

static int reads(lua_State *L, void *object, struct park_self *ask, bool got) {
  if (!got) return object_timed_out(L, "timeout");
  return guard_push(L, object, end_read, ask->abandoned);
}

static int writes(lua_State *L, void *object, struct park_self *ask, bool got) {
  if (!got) return object_timed_out(L, "timeout");
  return guard_push(L, object, end_write, ask->abandoned);
}

static const struct loop_op read_op = {"rwlock:read", read_attempt, leave, reads, object_describe};
static const struct loop_op write_op = {"rwlock:write", write_attempt, leave, writes,
                                        object_describe};

// rwlock:read([timeout]) -> guard[, "abandoned"] | nil, "timeout"
static int m_read(lua_State *L) { return binding_wait(L, SYNC_RWLOCK, &read_op); }

// rwlock:write([timeout]) -> guard[, "abandoned"] | nil, "timeout"
static int m_write(lua_State *L) { return binding_wait(L, SYNC_RWLOCK, &write_op); }

// sync.rwlock() -> a new read-write lock, free
static int f_rwlock(lua_State *L) {
  object_push_new(L, (struct sync_object *)sync_rwlock_create());
  return 1;
}

static const luaL_Reg methods[] = {{"read", m_read}, {"write", m_write}, {NULL, NULL}};
static const luaL_Reg functions[] = {{"rwlock", f_rwlock}, {NULL, NULL}};

// Adds sync.rwlock to the module on top of the stack.
void sync_open_rwlock(lua_State *L) {
  object_open(L, SYNC_RWLOCK, methods);
  luaL_setfuncs(L, functions, 0);
}
