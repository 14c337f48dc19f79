// The semaphores as Lua sees them: with a bound or without.
#include "sync/bindings_lua.h"
#include "sync/guard_lua.h"
#include "sync/semaphore.h"

static bool acquire(void *object, struct park_self *ask) {
  return sync_semaphore_acquire(object, ask);
}
static bool hold(void *object, struct park_self *ask) { return sync_semaphore_hold(object, ask); }
static void leave(void *object, struct park_self *ask) { sync_semaphore_leave(object, ask); }

static int refuse(lua_State *L, const struct sync_semaphore *semaphore, const char *function) {
  return loop_misuse(L, "too-many-permits",
                     "%s: released more often than acquired (the bound is %lld)", function,
                     (long long)semaphore->bound);
}

static void give_back(lua_State *L, struct sync_object *object) {
  struct sync_semaphore *semaphore = (struct sync_semaphore *)object;
  if (!sync_semaphore_give_back(semaphore)) refuse(L, semaphore, "guard:release");
}

static int held(lua_State *L, void *object, struct park_self *ask, bool got) {
  if (!got) return object_timed_out(L, "timeout");
  return guard_push(L, object, give_back, ask->abandoned);
}

static const struct loop_op acquire_op = {"semaphore:acquire", acquire, leave, binding_finish_true,
                                          object_describe};
static const struct loop_op hold_op = {"semaphore:hold", hold, leave, held, object_describe};

static struct sync_semaphore *self(lua_State *L, const char *function) {
  return (struct sync_semaphore *)object_check(L, SYNC_SEMAPHORE, function)->object;
}

// semaphore:acquire([timeout]) -> true | nil, "timeout"
static int m_acquire(lua_State *L) { return binding_wait(L, SYNC_SEMAPHORE, &acquire_op); }

// semaphore:hold([timeout]) -> guard | nil, "timeout"; what a process holds comes back when it dies
static int m_hold(lua_State *L) { return binding_wait(L, SYNC_SEMAPHORE, &hold_op); }

// semaphore:release([k=1]): by any task; above the bound it is misuse.
static int m_release(lua_State *L) {
  struct sync_semaphore *semaphore = self(L, "semaphore:release");
  uint64_t k = binding_count(L, 2, "semaphore:release", "k", 1, 1);
  return sync_semaphore_release(semaphore, k) ? 0 : refuse(L, semaphore, "semaphore:release");
}

// semaphore:value() -> free permits
static int m_value(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)sync_semaphore_value(self(L, "semaphore:value")));
  return 1;
}

// sync.semaphore([n=1]) -> a new semaphore with n permits
static int f_semaphore(lua_State *L) {
  uint64_t n = binding_count(L, 1, "sync.semaphore", "n", 0, 1);
  object_push_new(L, (struct sync_object *)sync_semaphore_create(n, SYNC_SEMAPHORE_MOST));
  return 1;
}

// sync.bounded_semaphore([n=1]) -> the same, never with more than n permits
static int f_bounded(lua_State *L) {
  uint64_t n = binding_count(L, 1, "sync.bounded_semaphore", "n", 0, 1);
  object_push_new(L, (struct sync_object *)sync_semaphore_create(n, n));
  return 1;
}

static const luaL_Reg methods[] = {{"acquire", m_acquire},
                                   {"hold", m_hold},
                                   {"release", m_release},
                                   {"value", m_value},
                                   {NULL, NULL}};

static const luaL_Reg functions[] = {
    {"bounded_semaphore", f_bounded}, {"semaphore", f_semaphore}, {NULL, NULL}};

// Adds sync.semaphore and sync.bounded_semaphore to the module on top of the stack.
void sync_open_semaphore(lua_State *L) {
  object_open(L, SYNC_SEMAPHORE, methods);
  luaL_setfuncs(L, functions, 0);
}
