#include "loop/callback_lua.h"

#include <lauxlib.h>
#include <stdio.h>

enum { WHAT = 1, HANDLER = 2 }; // places on the stack of a callback's body

static int add_traceback(lua_State *L) {
  if (task_is_cancelled(L, 1)) return 1;
  luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
  return 1;
}

static int ended(lua_State *L, int status, lua_KContext context) {
  (void)context;
  if (status == LUA_OK || status == LUA_YIELD) return 0;
  if (task_is_cancelled(L, -1)) return lua_error(L);
  lua_pushfstring(L, "heddle: error in a callback of %s: %s\n", lua_tostring(L, WHAT),
                  luaL_tolstring(L, -1, NULL));
  fputs(lua_tostring(L, -1), stderr);
  return 0;
}

// The body of a callback's task: [what][fn][arguments...].
static int body(lua_State *L) {
  lua_pushcfunction(L, add_traceback);
  lua_insert(L, HANDLER);
  int status = lua_pcallk(L, lua_gettop(L) - HANDLER - 1, 0, HANDLER, 0, ended);
  return ended(L, status, 0);
}

// With [what][fn][arguments...] on top of the stack: makes a task of the loop that calls the
// function, and puts its handle in their place. `what` names the callback in the report of an
// error. It is then begun by loop_ready or task_run. Raises on lack of memory.
struct task *callback_new(lua_State *L, struct loop *loop, int arguments, bool daemon) {
  int what = lua_gettop(L) - arguments - 1;
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  struct task *task = task_new(L, loop);
  task->daemon = daemon;
  task->number = ++loop->interp->names[0];
  lua_insert(L, what);
  lua_pushcfunction(L, body);
  lua_insert(L, what + 1);
  task_admit(L, task, what, arguments + 2);
  lua_settop(L, what);
  return task;
}

// The same, begun: it is ready.
void callback_begin(lua_State *L, struct loop *loop, int arguments, bool daemon) {
  loop_ready(loop, callback_new(L, loop, arguments, daemon));
}
