// heddle.native.greenlet: coroutines of one task that switch to each other by name, as the greenlet
// library's do. Each task is a tree of them; its root, the main greenlet, is the task's own stack.
//
// The main greenlet's switch is a loop (`drive`): it resumes the greenlet that was asked for, and
// when that one switches on, or ends, it learns where to go next. So a greenlet is always resumed
// from the main one, however many there are, and a switch costs no depth. What one hands to the
// other is moved from stack to stack. A greenlet that blocks suspends the task around it.
#include "base/program.h"
#include "loop/coroutine_lua.h"
#include "loop/misuse_lua.h"
#include "loop/task.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#define GREENLET_META "heddle.greenlet"
#define EXIT_KEY "heddle.greenlet.exit"

enum state { PENDING, STARTED, DEAD };
enum { PARENT = 1, OWN, MAIN, CURRENT = MAIN, VALUES = MAIN }; // uservalues

// A greenlet, as userdata. Uservalues: its parent; its function, then its coroutine (the main
// one's: the task's handle); the main greenlet of its task (the main one's: the current one).
struct greenlet {
  struct greenlet *main;
  lua_State *co;
  uint32_t process;
  uint8_t state;
  bool failed; // what it ended with is an error
  // of the main one: what is being handed over, from the top of a stack
  struct greenlet *current;
  lua_State *from;
  int count;
  bool raise;   // it is an error
  bool leaving; // the running greenlet was suspended by a switch
};

// the tree -------------------------------------------------------------------------------------

static struct greenlet *new_greenlet(lua_State *L) {
  struct greenlet *g = lua_newuserdatauv(L, sizeof *g, VALUES);
  *g = (struct greenlet){.process = program_slot};
  luaL_setmetatable(L, GREENLET_META);
  return g;
}

// Pushes the main greenlet of the running task.
static struct greenlet *push_main(lua_State *L, const char *function) {
  if (!loop_self || !loop_self->current)
    loop_misuse(L, "no-task", "%s: there is no running task", function);
  task_push(L, loop_self, loop_self->current);
  int handle = lua_gettop(L);
  task_push_extras(L, handle);
  if (lua_getfield(L, -1, "greenlet") != LUA_TUSERDATA) {
    struct greenlet *main = new_greenlet(L);
    main->main = main->current = main;
    main->state = STARTED;
    lua_pushvalue(L, handle);
    lua_setiuservalue(L, -2, OWN);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, -2, CURRENT);
    lua_pushvalue(L, -1);
    lua_setfield(L, -4, "greenlet");
  }
  lua_replace(L, handle);
  lua_settop(L, handle);
  return lua_touserdata(L, handle);
}

static struct greenlet *check(lua_State *L, int arg, const char *function) {
  struct greenlet *g = luaL_testudata(L, arg, GREENLET_META);
  if (!g)
    loop_misuse(L, "bad-self", "%s: self: a greenlet expected, got %s (call it with a colon)",
                function, loop_typename(L, arg));
  return g;
}

static void check_same_task(lua_State *L, const struct greenlet *main, const struct greenlet *g,
                            const char *function) {
  if (g->main != main)
    loop_misuse(L, "greenlet-foreign",
                "%s: the greenlet belongs to another task (it stays in the one that made it)",
                function);
}

// Makes the greenlet at `index` the current one.
static void set_current(lua_State *L, struct greenlet *main, int index) {
  struct greenlet *g = lua_touserdata(L, index);
  main->current = g;
  lua_pushvalue(L, index);
  if (g == main) {
    lua_setiuservalue(L, -1, CURRENT);
    return;
  }
  lua_getiuservalue(L, index, MAIN);
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, CURRENT);
  lua_pop(L, 1);
}

static bool is_exit(lua_State *L, int index) {
  index = lua_absindex(L, index);
  lua_getfield(L, LUA_REGISTRYINDEX, EXIT_KEY);
  bool same = lua_rawequal(L, index, -1);
  lua_pop(L, 1);
  return same;
}

static void bury(lua_State *L, int index) {
  struct greenlet *g = lua_touserdata(L, index);
  g->state = DEAD;
  g->co = NULL;
  lua_pushnil(L);
  lua_setiuservalue(L, index, OWN);
}

// Who gets what is handed to the greenlet at 1: puts it there. A dead one's goes to its parent, and
// so does an error for one that has not begun, which dies of it.
static struct greenlet *find_target(lua_State *L, bool *raise) {
  for (;;) {
    struct greenlet *g = lua_touserdata(L, 1);
    if (g->state == PENDING && *raise) bury(L, 1);
    if (g->state != DEAD) return g;
    if (*raise && is_exit(L, -1)) *raise = false;
    lua_getiuservalue(L, 1, PARENT);
    lua_replace(L, 1);
  }
}

// running --------------------------------------------------------------------------------------

static int body_done(lua_State *L, int status, lua_KContext context) {
  struct greenlet *g = (struct greenlet *)context;
  g->failed = status != LUA_OK && status != LUA_YIELD;
  return g->failed ? 1 : lua_gettop(L) - 1;
}

// Runs a greenlet's function below a pcall in its own coroutine, so that `__close` may still wait
// after an error.
static int body(lua_State *L) {
  struct greenlet *g = lua_touserdata(L, 1);
  lua_pushcfunction(L, task_keep_traceback);
  lua_replace(L, 1);
  int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, (lua_KContext)g, body_done);
  return body_done(L, status, (lua_KContext)g);
}

// Gives the greenlet at 1 its coroutine, with its function and the `count` values on top of L as
// arguments. Returns how many values it is to be resumed with.
static int begin(lua_State *L, struct greenlet *g, int count) {
  lua_State *co = gil_new_coroutine(L);
  gil_extra(co)->root = 1;
  if (!lua_checkstack(co, count + 4)) luaL_error(L, "too many arguments to switch");
  lua_getiuservalue(L, 1, OWN);
  lua_pushcfunction(co, body);
  lua_pushlightuserdata(co, g);
  lua_xmove(L, co, 1);
  lua_setiuservalue(L, 1, OWN);
  lua_xmove(L, co, count);
  g->co = co;
  g->state = STARTED;
  return count + 2;
}

static int enter(lua_State *L, struct greenlet *g, int arguments) {
  int values = 0, status = coroutine_enter(L, g->co, arguments, &values);
  if (gil_wanted() && gil_running) gil_arm(L);
  if (!g->main->leaving) g->main->count = status > LUA_YIELD ? 1 : values;
  return status;
}

static bool being_stopped(void) { return loop_self->current->hard; }

// The main greenlet goes on, with an error.
static void give_up(lua_State *L, struct greenlet *main, const char *why) {
  if (lua_touserdata(L, 1) != main) lua_getiuservalue(L, 1, MAIN);
  lua_replace(L, 1);
  set_current(L, main, 1);
  luaL_error(L, "%s", why);
}

// Takes over what the greenlet at 1 leaves behind, and puts at 1 to whom it goes.
static void take_over(lua_State *L, struct greenlet *main, lua_State *from) {
  if (!lua_checkstack(L, main->count + 4)) give_up(L, main, "too many values in a switch");
  lua_xmove(from, L, main->count);
}

// The greenlet at 1 has come to its end: what it ended with goes to its parent. A stop for good
// goes straight to the main one.
static void ended(lua_State *L, struct greenlet *g, int status) {
  struct greenlet *main = g->main;
  main->raise = g->failed || status != LUA_OK;
  take_over(L, main, g->co);
  if (status != LUA_OK) coroutine_reset(g->co);
  if (main->raise && is_exit(L, -1)) main->raise = false;
  bury(L, 1);
  lua_getiuservalue(L, 1, main->raise && being_stopped() ? MAIN : PARENT);
  lua_replace(L, 1);
}

// The greenlet at 1 has switched on: what it hands over goes to whom it asked for.
static void left(lua_State *L, struct greenlet *main) {
  lua_State *from = main->from;
  main->leaving = loop_self->suspended = false;
  take_over(L, main, from);
  lua_pushvalue(from, 1);
  lua_xmove(from, L, 1);
  lua_replace(L, 1);
}

// What came of the run of the greenlet at 1. Returns false when it blocks: the task is to be
// suspended around it.
static bool came_back(lua_State *L, struct greenlet *g, int status) {
  bool yields = status == LUA_YIELD;
  gil_extra(g->co)->parked = yields;
  gil_extra(L)->parked = yields && !g->main->leaving;
  if (gil_extra(L)->parked) return false;
  if (yields)
    left(L, g->main);
  else
    ended(L, g, status);
  return true;
}

static int drive_resumed(lua_State *L, int status, lua_KContext context);

static int drive(lua_State *L, struct greenlet *main) {
  for (;;) {
    int given = 0;
    struct greenlet *g = find_target(L, &main->raise);
    set_current(L, main, 1);
    if (g == main) return main->raise ? lua_error(L) : main->count;
    if (g->state == PENDING)
      given = begin(L, g, main->count);
    else
      main->from = L;
    if (!came_back(L, g, enter(L, g, given)))
      return lua_yieldk(L, 0, (lua_KContext)g, drive_resumed);
  }
}

static int drive_resumed(lua_State *L, int status, lua_KContext context) {
  struct greenlet *g = (struct greenlet *)context;
  (void)status;
  if (!came_back(L, g, enter(L, g, 0))) return lua_yieldk(L, 0, context, drive_resumed);
  return drive(L, g->main);
}

// Somebody has switched to this greenlet, which waited in a switch of its own.
static int arrived(lua_State *L, int status, lua_KContext context) {
  struct greenlet *main = (struct greenlet *)context;
  (void)status;
  luaL_checkstack(L, main->count, "too many values in a switch");
  lua_xmove(main->from, L, main->count);
  return main->raise ? lua_error(L) : main->count;
}

// Suspends the running greenlet; the main one sees to the rest.
static int leave(lua_State *L, struct greenlet *main) {
  main->from = L;
  main->leaving = loop_self->suspended = true;
  gil_extra(L)->parked = 1;
  return lua_yieldk(L, 0, (lua_KContext)main, arrived);
}

// Hands the `count` values on top of the stack to the greenlet at 1.
static int hand_over(lua_State *L, const char *function, int count, bool raise) {
  const struct greenlet *asked = check(L, 1, function);
  struct greenlet *main = push_main(L, function);
  lua_pop(L, 1);
  check_same_task(L, main, asked, function);
  const struct greenlet *g = find_target(L, &raise);
  if (g == main->current) return raise ? lua_error(L) : count;
  loop_check_may_block(L, function);
  main->count = count;
  main->raise = raise;
  return main->current == main ? drive(L, main) : leave(L, main);
}

// g:switch(...): goes on there, with these values; returns what is handed back here
static int m_switch(lua_State *L) {
  check(L, 1, "greenlet:switch");
  return hand_over(L, "greenlet:switch", lua_gettop(L) - 1, false);
}

// g:throw([err]): raises an error there, the one that means the greenlet's end if none is given
static int m_throw(lua_State *L) {
  check(L, 1, "greenlet:throw");
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_getfield(L, LUA_REGISTRYINDEX, EXIT_KEY);
    lua_replace(L, 2);
  }
  return hand_over(L, "greenlet:throw", 1, true);
}

// looking --------------------------------------------------------------------------------------

static bool is_dead(lua_State *L, struct greenlet *g) {
  if (g != g->main) return g->state == DEAD;
  lua_getiuservalue(L, 1, OWN);
  const struct task *task = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return task_ended(task);
}

static int m_index(lua_State *L) {
  struct greenlet *g = check(L, 1, "index");
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  if (strcmp(key, "dead") == 0)
    lua_pushboolean(L, is_dead(L, g));
  else if (strcmp(key, "parent") == 0)
    lua_getiuservalue(L, 1, PARENT);
  else
    return 0;
  return 1;
}

// The new parent is at 3: it may not be below the greenlet at 1.
static void check_no_cycle(lua_State *L, const struct greenlet *g) {
  lua_pushvalue(L, 3);
  for (const struct greenlet *p; (p = lua_touserdata(L, -1)); lua_replace(L, -2)) {
    if (p == g) loop_misuse(L, "greenlet-cycle", "greenlet.parent: it would be its own ancestor");
    lua_getiuservalue(L, -1, PARENT);
  }
  lua_pop(L, 1);
}

static int m_newindex(lua_State *L) {
  const struct greenlet *g = check(L, 1, "newindex");
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
  const struct greenlet *parent = luaL_testudata(L, 3, GREENLET_META);
  if (strcmp(key, "parent") != 0)
    return loop_misuse(L, "no-field", "greenlet: field '%s' can't be set (only parent can)", key);
  if (g == g->main)
    return loop_misuse(L, "greenlet-main", "greenlet.parent: the main greenlet can't have one");
  if (!parent)
    return loop_misuse(L, "bad-argument", "greenlet.parent: a greenlet expected, got %s",
                       loop_typename(L, 3));
  check_same_task(L, g->main, parent, "greenlet.parent");
  check_no_cycle(L, g);
  lua_settop(L, 3);
  lua_setiuservalue(L, 1, PARENT);
  return 0;
}

static int m_tostring(lua_State *L) {
  static const char *const states[] = {"pending", "suspended", "dead"};
  struct greenlet *g = check(L, 1, "tostring");
  const char *state = is_dead(L, g) ? "dead" : g->main->current == g ? "current" : states[g->state];
  lua_pushfstring(L, "greenlet %p (%s%s)", (void *)g, g == g->main ? "main, " : "", state);
  return 1;
}

// It can't be switched to any more: what it left open is closed, as coroutine.close does.
static int m_gc(lua_State *L) {
  struct greenlet *g = lua_touserdata(L, 1);
  if (!g->co || g->process != program_slot || lua_status(g->co) != LUA_YIELD) return 0;
  lua_State *co = g->co;
  g->co = NULL;
  g->state = DEAD;
  if (coroutine_reset(co) == LUA_OK) return 0;
  luaL_tolstring(co, -1, NULL);
  fprintf(stderr, "heddle: error while an unfinished greenlet was closed: %s\n",
          lua_tostring(co, -1));
  return 0;
}

// greenlet.current() -> the running greenlet; the task's main one outside of all others
static int f_current(lua_State *L) {
  push_main(L, "greenlet.current");
  lua_getiuservalue(L, -1, CURRENT);
  return 1;
}

// greenlet.new(fn[, parent]) -> a greenlet that has not begun
static int f_new(lua_State *L) {
  if (!lua_isfunction(L, 1))
    return loop_misuse(L, "bad-argument", "greenlet.new: fn: a function expected, got %s",
                       loop_typename(L, 1));
  if (!lua_isnoneornil(L, 2) && !luaL_testudata(L, 2, GREENLET_META))
    return loop_misuse(L, "bad-argument", "greenlet.new: parent: a greenlet expected, got %s",
                       loop_typename(L, 2));
  lua_settop(L, 2);
  struct greenlet *main = push_main(L, "greenlet.new");
  if (lua_isnil(L, 2)) {
    lua_getiuservalue(L, 3, CURRENT);
    lua_replace(L, 2);
  }
  check_same_task(L, main, lua_touserdata(L, 2), "greenlet.new: parent");
  new_greenlet(L)->main = main;
  lua_insert(L, 1);
  lua_setiuservalue(L, 1, MAIN);
  lua_setiuservalue(L, 1, PARENT);
  lua_setiuservalue(L, 1, OWN);
  return 1;
}

static int exit_tostring(lua_State *L) {
  lua_pushliteral(L, "greenlet exit");
  return 1;
}

// Pushes the error that ends a greenlet and goes no further.
static void push_exit(lua_State *L) {
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "greenlet-exit");
  lua_setfield(L, -2, "code");
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, exit_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, EXIT_KEY);
}

static const luaL_Reg methods[] = {{"switch", m_switch}, {"throw", m_throw}, {NULL, NULL}};

static const luaL_Reg meta[] = {
    {"__gc", m_gc}, {"__newindex", m_newindex}, {"__tostring", m_tostring}, {NULL, NULL}};

static const luaL_Reg functions[] = {{"current", f_current}, {"new", f_new}, {NULL, NULL}};

// Opens heddle.native.greenlet: new, current, EXIT.
int luaopen_heddle_native_greenlet(lua_State *L) {
  luaL_newmetatable(L, GREENLET_META);
  luaL_setfuncs(L, meta, 0);
  luaL_newlib(L, methods);
  lua_pushcclosure(L, m_index, 1);
  lua_setfield(L, -2, "__index");
  luaL_newlib(L, functions);
  push_exit(L);
  lua_setfield(L, -2, "EXIT");
  return 1;
}
