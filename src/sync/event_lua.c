// The event as Lua sees it.
#include "sync/bindings_lua.h"
#include "sync/event.h"

static struct sync_event *self(lua_State *L, const char *function) {
  return (struct sync_event *)object_check(L, SYNC_EVENT, function)->object;
}

static bool attempt(void *object, struct park_self *ask) { return sync_event_attempt(object, ask); }
static void leave(void *object, struct park_self *ask) { sync_event_leave(object, ask); }

static const struct loop_op wait_op = {"event:wait", attempt, leave, binding_finish_true,
                                       object_describe};

// event:wait([timeout]) -> true | nil, "timeout"
static int m_wait(lua_State *L) { return binding_wait(L, SYNC_EVENT, &wait_op); }

// event:set(): everyone who waits goes on, and so does who comes later.
static int m_set(lua_State *L) {
  sync_event_set(self(L, "event:set"));
  return 0;
}

// event:clear(): who comes later waits.
static int m_clear(lua_State *L) {
  sync_event_clear(self(L, "event:clear"));
  return 0;
}

// event:is_set() -> boolean
static int m_is_set(lua_State *L) {
  lua_pushboolean(L, self(L, "event:is_set")->set != 0);
  return 1;
}

// sync.event() -> a new event, not set
static int f_event(lua_State *L) {
  object_push_new(L, (struct sync_object *)sync_event_create());
  return 1;
}

static const luaL_Reg methods[] = {
    {"clear", m_clear}, {"is_set", m_is_set}, {"set", m_set}, {"wait", m_wait}, {NULL, NULL}};

static const luaL_Reg functions[] = {{"event", f_event}, {NULL, NULL}};

// Adds sync.event to the module on top of the stack.
void sync_open_event(lua_State *L) {
  object_open(L, SYNC_EVENT, methods);
  luaL_setfuncs(L, functions, 0);
}
