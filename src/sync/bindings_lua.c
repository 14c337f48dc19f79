#include "sync/bindings_lua.h"

// As a loop_op's finish: true[, "abandoned"], or nil, "timeout".
int binding_finish_true(lua_State *L, void *object, struct park_self *self, bool got) {
  (void)object;
  if (!got) return object_timed_out(L, "timeout");
  lua_pushboolean(L, 1);
  if (!self->abandoned) return 1;
  lua_pushliteral(L, "abandoned");
  return 2;
}

// A method that waits for `op` on its self, with an optional time-out as its only argument. Tail
// position.
int binding_wait(lua_State *L, enum sync_kind kind, const struct loop_op *op) {
  struct sync_handle *handle = object_check(L, kind, op->name);
  double timeout = loop_timeout(L, 2, op->name);
  struct park_self ask = {0};
  return loop_block(L, op, handle->object, &ask, timeout);
}

// The running task's id; 0: none runs.
uint32_t binding_task(void) {
  return loop_self && loop_self->current ? loop_self->current->self.task : 0;
}

// Whether the running task is being stopped for good.
bool binding_is_stopped(void) {
  return loop_self && loop_self->current && loop_self->current->hard;
}

// Shields the running task from cancels (+1), or does so no more (-1).
void binding_shield(int change) {
  struct task *task = loop_self->current;
  task->shields = (uint16_t)(task->shields + change);
}

// Raises a cancel of the running task that has come already.
void binding_raise_pending(lua_State *L) {
  struct task *task = loop_self ? loop_self->current : NULL;
  if (task && task_interrupted(task)) task_raise_pending(L, task);
}

// Reads a whole number >= least; nil or none: `unless_given`, where that is not below `least`.
uint64_t binding_count(lua_State *L, int arg, const char *function, const char *what,
                       lua_Integer least, lua_Integer unless_given) {
  int whole;
  if (lua_isnoneornil(L, arg) && unless_given >= least) return (uint64_t)unless_given;
  lua_Integer n = lua_tointegerx(L, arg, &whole);
  if (lua_type(L, arg) == LUA_TNUMBER && whole && n >= least) return (uint64_t)n;
  loop_misuse(L, "bad-argument", "%s: %s: a whole number >= %d expected, got %s", function, what,
              (int)least,
              lua_type(L, arg) == LUA_TNUMBER ? lua_tostring(L, arg) : loop_typename(L, arg));
  return 0;
}
