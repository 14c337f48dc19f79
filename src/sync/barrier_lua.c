// The barrier as Lua sees it. Its action is the handle's uservalue 1; for other interpreters it is
// kept as a message.
#include "base/buffer.h"
#include "sync/barrier.h"
#include "sync/bindings_lua.h"
#include "sync/queue.h"
#include "value/value.h"

static struct sync_barrier *self(lua_State *L, const char *function) {
  return (struct sync_barrier *)object_check(L, SYNC_BARRIER, function)->object;
}

// the action -------------------------------------------------------------------------------------

// Keeps the function on top of the stack as the barrier's action for other interpreters.
static void keep_message(lua_State *L, struct sync_barrier *b) {
  struct buffer bytes = {0};
  value_encode(L, lua_gettop(L), 1, "action", &bytes);
  uint64_t block = sync_block(bytes.data, bytes.len);
  b->action_size = bytes.len;
  buffer_free(&bytes);
  if (!block) luaL_error(L, "not enough shared memory for the barrier's action");
  b->action = block;
}

// When the barrier is handed to another interpreter, the action goes along.
static void cross(lua_State *L, int index) {
  const struct sync_handle *handle = lua_touserdata(L, index);
  struct sync_barrier *b = (struct sync_barrier *)handle->object;
  if (!b->has_action || b->action) return;
  lua_getiuservalue(L, index, 1);
  keep_message(L, b);
  lua_pop(L, 1);
}

// Pushes the action of the handle at 1. Reading the message uses its references up, so that it is
// written anew for the next; only the leader of a round comes here.
static void push_action(lua_State *L, struct sync_barrier *b) {
  if (lua_getiuservalue(L, 1, 1) == LUA_TFUNCTION || !b->action) return;
  uint64_t block = b->action;
  lua_pop(L, 1);
  b->action = 0;
  value_decode(L, arena_at(block), b->action_size);
  arena_free(block);
  keep_message(L, b);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, 1, 1);
}

static int action_done(lua_State *L, int status, lua_KContext context) {
  struct sync_barrier *b = (struct sync_barrier *)context;
  if (status != LUA_OK && status != LUA_YIELD) {
    sync_barrier_abort(b);
    return lua_error(L);
  }
  if (!sync_barrier_open(b, binding_task())) return object_timed_out(L, "broken");
  lua_pushinteger(L, b->parties - 1);
  return 1;
}

// waiting ----------------------------------------------------------------------------------------

static bool attempt(void *object, struct park_self *ask) {
  return sync_barrier_attempt(object, ask);
}

static void leave(void *object, struct park_self *ask) {
  if (!sync_barrier_leave(object, ask)) ask->out = ask; // it had opened
}

static int finish(lua_State *L, void *object, struct park_self *ask, bool got) {
  struct sync_barrier *b = object;
  if (ask->closed) return object_timed_out(L, "broken");
  if (!got && !ask->out) {
    sync_barrier_abort(b);
    return object_timed_out(L, "timeout");
  }
  if (got && b->has_action && ask->number == b->parties - 1) {
    push_action(L, b);
    int status = lua_pcallk(L, 0, 0, 0, (lua_KContext)b, action_done);
    return action_done(L, status, (lua_KContext)b);
  }
  lua_pushinteger(L, (lua_Integer)ask->number);
  return 1;
}

static const struct loop_op wait_op = {"barrier:wait", attempt, leave, finish, object_describe};

// barrier:wait([timeout]) -> index | nil, "timeout"|"broken"
static int m_wait(lua_State *L) {
  struct sync_barrier *b = self(L, "barrier:wait");
  double timeout = loop_timeout(L, 2, "barrier:wait");
  struct park_self ask = {0};
  return loop_block(L, &wait_op, b, &ask, lua_isnoneornil(L, 2) ? b->timeout : timeout);
}

// barrier:reset(): as new; who waits gets nil, "broken"
static int m_reset(lua_State *L) {
  sync_barrier_reset(self(L, "barrier:reset"));
  return 0;
}

// barrier:abort(): broken until it is reset
static int m_abort(lua_State *L) {
  sync_barrier_abort(self(L, "barrier:abort"));
  return 0;
}

// barrier:parties() -> how many it takes
static int m_parties(lua_State *L) {
  lua_pushinteger(L, self(L, "barrier:parties")->parties);
  return 1;
}

// barrier:waiting() -> how many have arrived
static int m_waiting(lua_State *L) {
  lua_pushinteger(L, self(L, "barrier:waiting")->waiting);
  return 1;
}

// barrier:broken() -> boolean
static int m_broken(lua_State *L) {
  lua_pushboolean(L, self(L, "barrier:broken")->broken != 0);
  return 1;
}

// sync.barrier(parties[, action[, timeout]]) -> a new barrier
static int f_barrier(lua_State *L) {
  uint64_t parties = binding_count(L, 1, "sync.barrier", "parties", 1, 0);
  bool has_action = !lua_isnoneornil(L, 2);
  if (has_action && !lua_isfunction(L, 2))
    return loop_misuse(L, "bad-argument", "sync.barrier: action: a function expected, got %s",
                       loop_typename(L, 2));
  if (parties > INT32_MAX)
    return loop_misuse(L, "bad-argument", "sync.barrier: parties: too many, got %s",
                       lua_tostring(L, 1));
  double timeout = loop_timeout(L, 3, "sync.barrier");
  object_push_new(
      L, (struct sync_object *)sync_barrier_create((uint32_t)parties, has_action, timeout));
  if (!has_action) return 1;
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  return 1;
}

static const luaL_Reg methods[] = {{"abort", m_abort}, {"broken", m_broken}, {"parties", m_parties},
                                   {"reset", m_reset}, {"wait", m_wait},     {"waiting", m_waiting},
                                   {NULL, NULL}};

static const luaL_Reg functions[] = {{"barrier", f_barrier}, {NULL, NULL}};

// Lets barriers with an action cross between interpreters. Once per process.
void barrier_cross(void) { object_set_cross(SYNC_BARRIER, cross); }

// Adds sync.barrier to the module on top of the stack.
void sync_open_barrier(lua_State *L) {
  object_open(L, SYNC_BARRIER, methods);
  luaL_setfuncs(L, functions, 0);
}
