// The latch as Lua sees it.
#include "sync/bindings_lua.h"
#include "sync/latch.h"

static struct sync_latch *self(lua_State *L, const char *function) {
  return (struct sync_latch *)object_check(L, SYNC_LATCH, function)->object;
}

static bool attempt(void *object, struct park_self *ask) { return sync_latch_attempt(object, ask); }
static void leave(void *object, struct park_self *ask) { sync_latch_leave(object, ask); }

static const struct loop_op wait_op = {"latch:wait", attempt, leave, binding_finish_true,
                                       object_describe};

// latch:wait([timeout]) -> true | nil, "timeout"
static int m_wait(lua_State *L) { return binding_wait(L, SYNC_LATCH, &wait_op); }

// latch:count_down([k=1]): at 0 it stops, and everyone who waits goes on.
static int m_count_down(lua_State *L) {
  struct sync_latch *latch = self(L, "latch:count_down");
  sync_latch_count_down(latch, binding_count(L, 2, "latch:count_down", "k", 0, 1));
  return 0;
}

// latch:count() -> steps left
static int m_count(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)self(L, "latch:count")->count);
  return 1;
}

// sync.latch(n) -> a new latch that opens after n steps
static int f_latch(lua_State *L) {
  uint64_t count = binding_count(L, 1, "sync.latch", "n", 0, -1);
  object_push_new(L, (struct sync_object *)sync_latch_create(count));
  return 1;
}

static const luaL_Reg methods[] = {
    {"count", m_count}, {"count_down", m_count_down}, {"wait", m_wait}, {NULL, NULL}};

static const luaL_Reg functions[] = {{"latch", f_latch}, {NULL, NULL}};

// Adds sync.latch to the module on top of the stack.
void sync_open_latch(lua_State *L) {
  object_open(L, SYNC_LATCH, methods);
  luaL_setfuncs(L, functions, 0);
}
