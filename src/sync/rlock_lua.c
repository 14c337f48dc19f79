// The re-entrant lock as Lua sees it.
#include "sync/bindings_lua.h"
#include "sync/guard_lua.h"
#include "sync/rlock.h"

static bool attempt(void *object, struct park_self *ask) { return sync_rlock_attempt(object, ask); }
static void leave(void *object, struct park_self *ask) { sync_lock_leave(object, ask); }

// In a task that is stopped for good a condition may not have taken its lock back.
static void give_back(lua_State *L, struct sync_object *object) {
  struct sync_rlock *rlock = (struct sync_rlock *)object;
  if (sync_rlock_release(rlock, binding_task()) || binding_is_stopped()) return;
  loop_misuse(L, "lock-not-owned", "guard:release: the rlock is held by another task");
}

static int held(lua_State *L, void *object, struct park_self *ask, bool got) {
  if (!got) return object_timed_out(L, "timeout");
  return guard_push(L, object, give_back, ask->abandoned);
}

static const struct loop_op acquire_op = {"rlock:acquire", attempt, leave, binding_finish_true,
                                          object_describe};
static const struct loop_op hold_op = {"rlock:hold", attempt, leave, held, object_describe};

static struct sync_rlock *self(lua_State *L, const char *function) {
  return (struct sync_rlock *)object_check(L, SYNC_RLOCK, function)->object;
}

// Waits for an rlock that stands behind the object at 1, and pushes a guard. Tail position.
int rlock_hold(lua_State *L, struct sync_object *rlock, double timeout) {
  struct park_self ask = {0};
  return loop_block(L, &hold_op, rlock, &ask, timeout);
}

// The same without a guard.
int rlock_acquire(lua_State *L, struct sync_object *rlock, double timeout) {
  struct park_self ask = {0};
  return loop_block(L, &acquire_op, rlock, &ask, timeout);
}

// rlock:acquire([timeout]) -> true[, "abandoned"] | nil, "timeout"
static int m_acquire(lua_State *L) { return binding_wait(L, SYNC_RLOCK, &acquire_op); }

// rlock:hold([timeout]) -> guard[, "abandoned"] | nil, "timeout"
static int m_hold(lua_State *L) { return binding_wait(L, SYNC_RLOCK, &hold_op); }

// rlock:release(): one level; by anyone but its owner it is misuse.
static int m_release(lua_State *L) {
  struct sync_rlock *rlock = self(L, "rlock:release");
  if (sync_rlock_release(rlock, binding_task())) return 0;
  if (sync_lock_is_held(&rlock->lock))
    return loop_misuse(L, "lock-not-owned",
                       "rlock:release: it is held by another task (its owner must release it)");
  return loop_misuse(L, "lock-not-held",
                     "rlock:release: it is not held (acquire it before releasing it)");
}

// rlock:locked() -> boolean
static int m_locked(lua_State *L) {
  lua_pushboolean(L, sync_lock_is_held(&self(L, "rlock:locked")->lock));
  return 1;
}

// sync.rlock() -> a new re-entrant lock, free
static int f_rlock(lua_State *L) {
  object_push_new(L, (struct sync_object *)sync_rlock_create());
  return 1;
}

static const luaL_Reg methods[] = {{"acquire", m_acquire},
                                   {"hold", m_hold},
                                   {"locked", m_locked},
                                   {"release", m_release},
                                   {NULL, NULL}};

static const luaL_Reg functions[] = {{"rlock", f_rlock}, {NULL, NULL}};

// Adds sync.rlock to the module on top of the stack.
void sync_open_rlock(lua_State *L) {
  object_open(L, SYNC_RLOCK, methods);
  luaL_setfuncs(L, functions, 0);
}
