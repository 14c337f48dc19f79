// The condition as Lua sees it; wait_for is in Lua.
#include "sync/bindings_lua.h"
#include "sync/condition.h"
#include "sync/guard_lua.h"

static struct sync_condition *self(lua_State *L, const char *function) {
  return (struct sync_condition *)object_check(L, SYNC_CONDITION, function)->object;
}

static struct sync_condition *held_self(lua_State *L, const char *function) {
  struct sync_condition *c = self(L, function);
  if (!sync_condition_is_held(c, binding_task()))
    loop_misuse(L, "lock-not-held", "%s: the condition's lock is not held (acquire it first)",
                function);
  return c;
}

// waiting ----------------------------------------------------------------------------------------

static bool attempt(void *object, struct park_self *ask) {
  return sync_condition_attempt(object, ask);
}
static void leave(void *object, struct park_self *ask) { sync_condition_leave(object, ask); }

static const struct loop_op wait_op = {"condition:wait", attempt, leave, binding_finish_true,
                                       object_describe};

// self, timeout: waits for the notify, without the lock.
static int wait_notified(lua_State *L) {
  struct sync_handle *handle = lua_touserdata(L, 1);
  struct park_self ask = {0};
  return loop_block(L, &wait_op, handle->object, &ask, lua_tonumber(L, 2));
}

static bool relock(void *object, struct park_self *ask) {
  return sync_condition_relock(object, ask);
}

static void relock_leave(void *object, struct park_self *ask) {
  sync_lock_leave((struct sync_lock *)sync_condition_lock(object), ask);
}

static void relock_describe(void *object, char *text, size_t size) {
  object_describe(sync_condition_lock(object), text, size);
}

// The lock is back. The stack: self, levels, whether the wait failed, then its results or error.
static int relocked(lua_State *L, void *object, struct park_self *ask, bool got) {
  (void)object, (void)got;
  binding_shield(-1);
  if (lua_toboolean(L, 3)) return lua_error(L);
  if (ask->abandoned && lua_toboolean(L, 4)) {
    lua_settop(L, 4);
    lua_pushliteral(L, "abandoned");
  }
  return lua_gettop(L) - 3;
}

static const struct loop_op relock_op = {"condition:wait", relock, relock_leave, relocked,
                                         relock_describe};

// However the wait ended: takes the lock back, whatever cancels meanwhile.
static int wait_ended(lua_State *L, int status, lua_KContext context) {
  (void)context;
  struct sync_handle *handle = lua_touserdata(L, 1);
  struct park_self ask = {.number = (uint64_t)lua_tointeger(L, 2)};
  lua_pushboolean(L, status != LUA_OK && status != LUA_YIELD);
  lua_replace(L, 3);
  binding_shield(1);
  return loop_block(L, &relock_op, handle->object, &ask, -1);
}

// condition:wait([timeout]) -> true[, "abandoned"] | nil, "timeout"; all levels of the lock are
// given up meanwhile
static int m_wait(lua_State *L) {
  struct sync_condition *c = held_self(L, "condition:wait");
  double timeout = loop_timeout(L, 2, "condition:wait");
  if (!loop_may_block(L)) return loop_block(L, &wait_op, c, &(struct park_self){0}, -1);
  binding_raise_pending(L); // not while it waits without the lock
  lua_settop(L, 1);
  lua_pushinteger(L, sync_condition_levels(c));
  lua_pushboolean(L, 0);
  if (timeout == 0) {
    sync_condition_unlock(c);
    object_timed_out(L, "timeout");
    return wait_ended(L, LUA_OK, 0);
  }
  lua_pushcfunction(L, wait_notified);
  lua_pushvalue(L, 1);
  lua_pushnumber(L, timeout);
  int status = lua_pcallk(L, 2, LUA_MULTRET, 0, 0, wait_ended);
  return wait_ended(L, status, 0);
}

// condition:notify([n=1]): the first n waiters go on, when they have the lock.
static int m_notify(lua_State *L) {
  struct sync_condition *c = held_self(L, "condition:notify");
  sync_condition_notify(c, binding_count(L, 2, "condition:notify", "n", 0, 1));
  return 0;
}

// condition:notify_all(): all of them.
static int m_notify_all(lua_State *L) {
  sync_condition_notify(held_self(L, "condition:notify_all"), UINT64_MAX);
  return 0;
}

// the lock's methods -----------------------------------------------------------------------------

// condition:acquire([timeout]) -> true[, "abandoned"] | nil, "timeout"
static int m_acquire(lua_State *L) {
  struct sync_object *lock = sync_condition_lock(self(L, "condition:acquire"));
  double timeout = loop_timeout(L, 2, "condition:acquire");
  return lock->kind == SYNC_RLOCK ? rlock_acquire(L, lock, timeout)
                                  : lock_acquire(L, lock, timeout);
}

// condition:hold([timeout]) -> guard[, "abandoned"] | nil, "timeout"
static int m_hold(lua_State *L) {
  struct sync_object *lock = sync_condition_lock(self(L, "condition:hold"));
  double timeout = loop_timeout(L, 2, "condition:hold");
  return lock->kind == SYNC_RLOCK ? rlock_hold(L, lock, timeout) : lock_hold(L, lock, timeout);
}

// condition:release(): as its lock's.
static int m_release(lua_State *L) {
  struct sync_object *lock = sync_condition_lock(self(L, "condition:release"));
  bool released = lock->kind == SYNC_RLOCK
                      ? sync_rlock_release((struct sync_rlock *)lock, binding_task())
                      : sync_lock_release((struct sync_lock *)lock);
  if (!released)
    return loop_misuse(L, "lock-not-held", "condition:release: the lock is not held by this task");
  return 0;
}

// condition:locked() -> boolean
static int m_locked(lua_State *L) {
  const struct sync_condition *c = self(L, "condition:locked");
  lua_pushboolean(L, sync_lock_is_held((struct sync_lock *)sync_condition_lock(c)));
  return 1;
}

static bool is_kind(lua_State *L, int arg, enum sync_kind kind, struct sync_object **object) {
  const struct sync_handle *handle = object_test(L, arg, kind);
  if (handle) *object = handle->object;
  return handle != NULL;
}

// sync.condition([lock]) -> a new condition on a lock or rlock, by default an rlock of its own
static int f_condition(lua_State *L) {
  struct sync_object *lock = NULL;
  bool given = !lua_isnoneornil(L, 1);
  if (given && !is_kind(L, 1, SYNC_LOCK, &lock) && !is_kind(L, 1, SYNC_RLOCK, &lock))
    return loop_misuse(L, "bad-argument", "sync.condition: lock: a lock or rlock expected, got %s",
                       loop_typename(L, 1));
  if (!given) lock = (struct sync_object *)sync_rlock_create();
  struct sync_condition *c = lock ? sync_condition_create(lock) : NULL;
  if (!given && lock) sync_release(lock);
  object_push_new(L, (struct sync_object *)c);
  return 1;
}

static const luaL_Reg methods[] = {{"acquire", m_acquire},
                                   {"hold", m_hold},
                                   {"locked", m_locked},
                                   {"notify", m_notify},
                                   {"notify_all", m_notify_all},
                                   {"release", m_release},
                                   {"wait", m_wait},
                                   {NULL, NULL}};

// sync.condition_check(condition, function[, held]): it is a condition, and if `held` its lock is
// held, else it is misuse of that function.
static int f_check(lua_State *L) {
  const char *function = luaL_checkstring(L, 2);
  if (lua_toboolean(L, 3))
    held_self(L, function);
  else
    self(L, function);
  return 0;
}

static const luaL_Reg functions[] = {
    {"condition", f_condition}, {"condition_check", f_check}, {NULL, NULL}};

// Adds sync.condition, and the conditions' methods, to the module on top of the stack.
void sync_open_condition(lua_State *L) {
  object_open(L, SYNC_CONDITION, methods);
  luaL_setfuncs(L, functions, 0);
  luaL_getmetatable(L, "heddle.condition");
  lua_getfield(L, -1, "methods");
  lua_setfield(L, -3, "condition_methods");
  lua_pop(L, 1);
}
