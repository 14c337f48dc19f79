// heddle.native.sync: the lock as Lua sees it.
#include "base/program.h"
#include "sync/bindings_lua.h"
#include "sync/guard_lua.h"
#include "sync/lock.h"

// waiting --------------------------------------------------------------------------------------

static bool attempt(void *object, struct park_self *self) {
  return sync_lock_attempt(object, self);
}
static void leave(void *object, struct park_self *self) { sync_lock_leave(object, self); }

static int acquired(lua_State *L, void *object, struct park_self *self, bool got) {
  (void)object;
  if (!got) return object_timed_out(L, "timeout");
  lua_pushboolean(L, 1);
  if (!self->abandoned) return 1;
  lua_pushliteral(L, "abandoned");
  return 2;
}

static void give_back(lua_State *L, struct sync_object *object) {
  (void)L;
  sync_lock_release((struct sync_lock *)object);
}

static int held(lua_State *L, void *object, struct park_self *self, bool got) {
  if (!got) return object_timed_out(L, "timeout");
  return guard_push(L, object, give_back, self->abandoned);
}

static const struct loop_op acquire_op = {"lock:acquire", attempt, leave, acquired,
                                          object_describe};
static const struct loop_op hold_op = {"lock:hold", attempt, leave, held, object_describe};

static int take(lua_State *L, const struct loop_op *op) {
  struct sync_handle *handle = object_check(L, SYNC_LOCK, op->name);
  double timeout = lua_gettop(L) == 1 ? -1 : loop_timeout(L, 2, op->name);
  struct park_self ask = {0};
  return loop_block(L, op, handle->object, &ask, timeout);
}

// lock:acquire([timeout]) -> true[, "abandoned"] | nil, "timeout"
static int m_acquire(lua_State *L) { return take(L, &acquire_op); }

// lock:hold([timeout]) -> guard[, "abandoned"] | nil, "timeout"
static int m_hold(lua_State *L) { return take(L, &hold_op); }

// lock:release(): by any task; a lock that is not held is misuse.
static int m_release(lua_State *L) {
  struct sync_handle *handle = object_check(L, SYNC_LOCK, "lock:release");
  if (!sync_lock_release((struct sync_lock *)handle->object))
    return loop_misuse(L, "lock-not-held",
                       "lock:release: the lock is not held (acquire it before releasing it)");
  return 0;
}

// lock:locked() -> boolean
static int m_locked(lua_State *L) {
  struct sync_handle *handle = object_check(L, SYNC_LOCK, "lock:locked");
  lua_pushboolean(L, sync_lock_is_held((struct sync_lock *)handle->object));
  return 1;
}

// Waits for a lock that stands behind the object at 1. Tail position.
int lock_acquire(lua_State *L, struct sync_object *lock, double timeout) {
  struct park_self ask = {0};
  return loop_block(L, &acquire_op, lock, &ask, timeout);
}

// The same, and pushes a guard.
int lock_hold(lua_State *L, struct sync_object *lock, double timeout) {
  struct park_self ask = {0};
  return loop_block(L, &hold_op, lock, &ask, timeout);
}

// sync.lock() -> a new lock, free
static int f_lock(lua_State *L) {
  object_push_new(L, (struct sync_object *)sync_lock_create());
  return 1;
}

// sync.objects() -> how many shared objects there are in the whole program
static int f_objects(lua_State *L) {
  lua_pushinteger(L, sync_count());
  return 1;
}

static void set_field(lua_State *L, const char *key, uint64_t value) {
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, key);
}

static uint64_t count_waits(void) {
  uint64_t n = 0;
  for (uint32_t i = 1; i < arena->wait_top; i++)
    n += park_record(i)->seat != 0;
  return n;
}

static uint64_t count_seats(void) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < arena->seat_top; i++)
    n += program_seat(i)->used != 0;
  return n;
}

// sync.memory() -> what the whole program uses of the arena now: `live` bytes of blocks, `objects`,
// `waits` (waiter records, those included that threads keep for the next), `seats`, `processes`
static int f_memory(lua_State *L) {
  lua_createtable(L, 0, 5);
  set_field(L, "live", arena->live);
  set_field(L, "objects", sync_count());
  set_field(L, "waits", count_waits());
  set_field(L, "seats", count_seats());
  set_field(L, "processes", arena->processes);
  return 1;
}

static const luaL_Reg lock_methods[] = {{"acquire", m_acquire},
                                        {"hold", m_hold},
                                        {"locked", m_locked},
                                        {"release", m_release},
                                        {NULL, NULL}};

#ifdef HEDDLE_STRESS
// sync.die_after(stores): this process is killed after so many more stores into shared memory.
static int f_die_after(lua_State *L) {
  guard_signal_after((long)luaL_checkinteger(L, 1), SIGKILL);
  return 0;
}

// sync.stop_after(stores): the same, but it is stopped there.
static int f_stop_after(lua_State *L) {
  guard_signal_after((long)luaL_checkinteger(L, 1), SIGSTOP);
  return 0;
}
#endif

static const luaL_Reg functions[] = {
#ifdef HEDDLE_STRESS
    {"die_after", f_die_after}, {"stop_after", f_stop_after},
#endif
    {"lock", f_lock},           {"memory", f_memory},         {"objects", f_objects}, {NULL, NULL},
};

// Opens heddle.native.sync.
int luaopen_heddle_native_sync(lua_State *L) {
  object_open(L, SYNC_LOCK, lock_methods);
  guard_open(L);
  luaL_newlib(L, functions);
  sync_open_event(L);
  sync_open_latch(L);
  sync_open_rlock(L);
  sync_open_condition(L);
  sync_open_semaphore(L);
  sync_open_barrier(L);
  sync_open_rwlock(L);
  return 1;
}
