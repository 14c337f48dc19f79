// heddle.native.deadline: what task.timeout, task.shield and task.scope stand on. Both objects end
// with their block: they are to be kept in <close> variables.
#include "loop/deadline.h"
#include "loop/misuse_lua.h"
#include "loop/task.h"

#include <lauxlib.h>

#define DEADLINE_META "heddle.deadline"
#define SHIELD_META "heddle.shield"

static struct task *running(lua_State *L, const char *function) {
  if (!loop_self || !loop_self->current)
    loop_misuse(L, "no-task", "%s: there is no running task", function);
  return loop_self->current;
}

// deadline.begin([seconds]) -> deadline of the running task; without a time it fires only when told
// to
static int f_begin(lua_State *L) {
  double seconds = lua_isnoneornil(L, 1) ? -1 : luaL_checknumber(L, 1);
  struct task *task = running(L, "task.timeout");
  struct deadline *d = lua_newuserdatauv(L, sizeof *d, 0);
  *d = (struct deadline){0};
  luaL_setmetatable(L, DEADLINE_META);
  if (!deadline_begin(d, task, seconds)) return luaL_error(L, "not enough memory");
  return 1;
}

static void forget(lua_State *L, const void *address) {
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, address);
}

static int m_end(lua_State *L) {
  struct deadline *d = luaL_checkudata(L, 1, DEADLINE_META);
  deadline_end(d);
  if (d->raised) forget(L, d);
  if (d->passing) forget(L, &d->passing);
  return 0;
}

// deadline:fire(): the task's next (or present) blocking call inside it raises
static int m_fire(lua_State *L) {
  deadline_fire(luaL_checkudata(L, 1, DEADLINE_META));
  return 0;
}

// deadline:raised(err) -> whether the error is the one this deadline raised. Where no other cancel
// was about, each one is: who has swallowed it may raise heddle.CANCELLED in its place.
static int m_raised(lua_State *L) {
  const struct deadline *d = luaL_checkudata(L, 1, DEADLINE_META);
  lua_settop(L, 2);
  lua_rawgetp(L, LUA_REGISTRYINDEX, d);
  bool own = lua_rawequal(L, 2, 3) || (!d->passing && task_is_cancelled(L, 2));
  lua_pushboolean(L, d->raised && own);
  return 1;
}

// deadline.shield() -> shield of the running task
static int f_shield(lua_State *L) {
  struct task *task = running(L, "task.shield");
  struct task **shield = lua_newuserdatauv(L, sizeof *shield, 1);
  *shield = task;
  luaL_setmetatable(L, SHIELD_META);
  task_push(L, task->loop, task);
  lua_setiuservalue(L, -2, 1);
  task->shields++;
  return 1;
}

static int shield_end(lua_State *L) {
  struct task **shield = luaL_checkudata(L, 1, SHIELD_META);
  if (*shield) (*shield)->shields--;
  *shield = NULL;
  return 0;
}

static void open_meta(lua_State *L, const char *name, const luaL_Reg *methods) {
  if (luaL_newmetatable(L, name)) {
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);
}

static const luaL_Reg deadline_methods[] = {
    {"__close", m_end}, {"__gc", m_end}, {"fire", m_fire}, {"raised", m_raised}, {NULL, NULL}};

static const luaL_Reg shield_methods[] = {
    {"__close", shield_end}, {"__gc", shield_end}, {NULL, NULL}};

static const luaL_Reg functions[] = {{"begin", f_begin},
                                     {"keep_traceback", task_keep_traceback},
                                     {"shield", f_shield},
                                     {NULL, NULL}};

// Opens heddle.native.deadline.
int luaopen_heddle_native_deadline(lua_State *L) {
  open_meta(L, DEADLINE_META, deadline_methods);
  open_meta(L, SHIELD_META, shield_methods);
  luaL_newlib(L, functions);
  return 1;
}
