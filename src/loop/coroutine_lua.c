#include "loop/coroutine_lua.h"

#include "loop/loop.h"
#include "loop/misuse_lua.h"
#include "loop/task.h"

#include <lauxlib.h>
#include <string.h>

enum { CLOSE_DEPTH = 150 };
static _Thread_local int closing; // depth of coroutine.close inside coroutine.close

static bool being_stopped(void) {
  return loop_self && loop_self->current && loop_self->current->hard;
}

static lua_State *coroutine_at(lua_State *L, int arg, const char *function) {
  lua_State *co = lua_tothread(L, arg);
  if (!co)
    loop_misuse(L, "bad-argument", "coroutine.%s: co: a coroutine expected, got %s", function,
                loop_typename(L, arg));
  return co;
}

enum { FLAVOUR_RESUME, FLAVOUR_WRAP };

static int resumed(lua_State *L, int status, lua_KContext flavour);

static lua_State *subject(lua_State *L, lua_KContext flavour) {
  return lua_tothread(L, flavour == FLAVOUR_WRAP ? lua_upvalueindex(1) : 1);
}

// Closes what a coroutine left open; nothing can be suspended in there. Returns the status of the
// closing; its error is on top of `co` then.
int coroutine_reset(lua_State *co) {
  lua_State *outer = gil_running;
  bool outer_ok = loop_self && loop_self->chain_ok;
  closing++;
  if (loop_self) loop_self->chain_ok = false;
  gil_running = co;
  int status = lua_resetthread(co);
  gil_running = outer;
  if (loop_self) loop_self->chain_ok = outer_ok;
  closing--;
  return status;
}

// The coroutine died of the error on top of L: closes it as wrap does, and replaces the error.
static void close_dead(lua_State *L, lua_State *co) {
  int status = lua_status(co);
  if (status == LUA_OK || status == LUA_YIELD || closing >= CLOSE_DEPTH) return;
  lua_pushvalue(L, -1);
  lua_xmove(L, co, 1); // where lua_resetthread looks for it
  if (being_stopped()) gil_budget(co);
  coroutine_reset(co);
  lua_xmove(co, L, 1);
  lua_replace(L, -2);
}

static int f_xpcall(lua_State *L);

static int no_handler(lua_State *L) {
  lua_settop(L, 1);
  return 1;
}

// Raises the error on top of L, in a task that is being stopped for good. The user's message
// handlers on the way are left out: no hook could end one that runs for ever.
int coroutine_stop(lua_State *L) {
  enum { MOST_LEVELS = 5000, HANDLER = 2 };
  lua_Debug ar;
  luaL_checkstack(L, 4, NULL);
  for (int level = 0; level < MOST_LEVELS && lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "f", &ar);
    if (lua_tocfunction(L, -1) == f_xpcall) {
      lua_pushcfunction(L, no_handler);
      if (!lua_setlocal(L, &ar, HANDLER)) lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
  return lua_error(L);
}

// Hands an error on as resume or wrap do; the error is on top.
static int failed(lua_State *L, lua_State *co, lua_KContext flavour) {
  if (being_stopped()) {
    close_dead(L, co);
    gil_budget(L);
    return coroutine_stop(L);
  }
  if (flavour == FLAVOUR_RESUME) {
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
  }
  close_dead(L, co);
  if (lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

// Resumes `co` from L with the `arguments` values on top of `co`, as lua_resume does, in the
// engine's own way: the running coroutine, and whether what runs may block, are kept.
int coroutine_enter(lua_State *L, lua_State *co, int arguments, int *values) {
  struct loop *loop = loop_self;
  lua_State *outer = gil_running;
  bool outer_ok = loop->chain_ok;
  loop->chain_ok = outer_ok && lua_isyieldable(L);
  gil_extra(co)->parked = 0;
  gil_running = co;
  if (being_stopped()) gil_watch(co);
  if (gil_wanted()) gil_arm(co);
  int status = lua_resume(co, L, arguments, values);
  gil_running = outer;
  loop->chain_ok = outer_ok;
  return status;
}

// Resumes `co` with the `arguments` values on top of L and hands its values on. When the engine
// parked something inside, it suspends L as well, and goes on from here when the task is resumed.
static int resume(lua_State *L, lua_State *co, int arguments, lua_KContext flavour) {
  int values;
  if (!lua_checkstack(co, arguments)) {
    lua_pushliteral(L, "too many arguments to resume");
    return failed(L, co, flavour);
  }
  if (arguments) lua_xmove(L, co, arguments);
  int status = coroutine_enter(L, co, arguments, &values);
  if (status == LUA_YIELD && loop_self->suspended) {
    gil_extra(co)->parked = 1;
    gil_extra(L)->parked = 1;
    return lua_yieldk(L, 0, flavour, resumed);
  }
  if (gil_wanted() && gil_running) gil_arm(L);
  if (status > LUA_YIELD) {
    lua_xmove(co, L, 1);
    return failed(L, co, flavour);
  }
  if (!lua_checkstack(L, values + 1)) {
    lua_pop(co, values);
    lua_pushliteral(L, "too many results to resume");
    return failed(L, co, flavour);
  }
  if (flavour == FLAVOUR_RESUME) lua_pushboolean(L, 1);
  if (values) lua_xmove(co, L, values);
  return flavour == FLAVOUR_RESUME ? values + 1 : values;
}

static int resumed(lua_State *L, int status, lua_KContext flavour) {
  (void)status;
  return resume(L, subject(L, flavour), 0, flavour);
}

static const char *state_of(lua_State *L, lua_State *co) {
  lua_Debug ar;
  if (co == L) return "running";
  if (gil_extra(co)->parked) return "normal";
  switch (lua_status(co)) {
  case LUA_YIELD:
    return "suspended";
  case LUA_OK:
    if (lua_getstack(co, 0, &ar)) return "normal";
    return lua_gettop(co) == 0 ? "dead" : "suspended";
  default:
    return "dead";
  }
}

// The reason why a coroutine can't be resumed, in Lua's words; NULL if it can.
static const char *not_resumable(lua_State *L, lua_State *co) {
  const char *state = state_of(L, co);
  if (strcmp(state, "suspended") == 0) return NULL;
  return strcmp(state, "dead") == 0 ? "cannot resume dead coroutine"
                                    : "cannot resume non-suspended coroutine";
}

static int f_resume(lua_State *L) {
  lua_State *co = coroutine_at(L, 1, "resume");
  const char *why = not_resumable(L, co);
  if (!why) return resume(L, co, lua_gettop(L) - 1, FLAVOUR_RESUME);
  lua_pushboolean(L, 0);
  lua_pushstring(L, why);
  return 2;
}

static int wrapped(lua_State *L) {
  lua_State *co = subject(L, FLAVOUR_WRAP);
  const char *why = not_resumable(L, co);
  if (!why) return resume(L, co, lua_gettop(L), FLAVOUR_WRAP);
  lua_pushstring(L, why);
  return failed(L, co, FLAVOUR_WRAP);
}

static int create(lua_State *L, const char *function) {
  if (!lua_isfunction(L, 1))
    loop_misuse(L, "bad-argument", "coroutine.%s: f: a function expected, got %s", function,
                loop_typename(L, 1));
  lua_State *co = gil_new_coroutine(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  return 1;
}

static int f_create(lua_State *L) { return create(L, "create"); }

static int f_wrap(lua_State *L) {
  create(L, "wrap");
  lua_pushcclosure(L, wrapped, 1);
  return 1;
}

static bool is_task_body(lua_State *L) {
  if (gil_extra(L)->root) return true;
  return loop_self && loop_self->current && loop_self->current->co == L;
}

// A task's own function and a greenlet's have no consumer to yield to; only coroutines inside them
// have.
static int f_yield(lua_State *L) {
  if (is_task_body(L))
    return luaL_error(
        L, "attempt to yield from outside a coroutine (task.yield lets other tasks run)");
  return lua_yield(L, lua_gettop(L));
}

static int f_status(lua_State *L) {
  lua_pushstring(L, state_of(L, coroutine_at(L, 1, "status")));
  return 1;
}

static int f_running(lua_State *L) {
  bool main = lua_pushthread(L) || is_task_body(L);
  lua_pushboolean(L, main);
  return 2;
}

static int f_isyieldable(lua_State *L) {
  lua_State *co = lua_isnone(L, 1) ? L : coroutine_at(L, 1, "isyieldable");
  lua_pushboolean(L, lua_isyieldable(co) && !is_task_body(co));
  return 1;
}

// Lua 5.4.4 recurses on the C stack when a closing coroutine closes another: the depth is limited
// here.
static int f_close(lua_State *L) {
  lua_State *co = coroutine_at(L, 1, "close");
  const char *state = state_of(L, co);
  if (strcmp(state, "dead") != 0 && strcmp(state, "suspended") != 0)
    return luaL_error(L, "cannot close a %s coroutine", state);
  if (closing >= CLOSE_DEPTH)
    return luaL_error(L, "C stack overflow (coroutine.close inside coroutine.close)");
  int status = coroutine_reset(co);
  lua_pushboolean(L, status == LUA_OK);
  if (status == LUA_OK) return 1;
  lua_xmove(co, L, 1);
  return 2;
}

// pcall and xpcall -----------------------------------------------------------------------------

static int protected_done(lua_State *L, int status, lua_KContext extra) {
  if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - (int)extra;
  if (being_stopped()) return coroutine_stop(L);
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 2;
}

static int f_pcall(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, 1);
  lua_insert(L, 1);
  int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, protected_done);
  return protected_done(L, status, 0);
}

static int f_xpcall(lua_State *L) {
  int n = lua_gettop(L);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_pushboolean(L, 1);
  lua_pushvalue(L, 1);
  lua_rotate(L, 3, 2);
  int status = lua_pcallk(L, n - 2, LUA_MULTRET, 2, 2, protected_done);
  return protected_done(L, status, 2);
}

// debug hooks ----------------------------------------------------------------------------------

static lua_State *hook_subject(lua_State *L, int *arg) {
  *arg = lua_isthread(L, 1) ? 1 : 0;
  return *arg ? lua_tothread(L, 1) : L;
}

static int hook_mask(const char *events, lua_Integer count) {
  int mask = count > 0 ? LUA_MASKCOUNT : 0;
  if (strchr(events, 'c')) mask |= LUA_MASKCALL;
  if (strchr(events, 'r')) mask |= LUA_MASKRET;
  if (strchr(events, 'l')) mask |= LUA_MASKLINE;
  return mask;
}

static void push_hooks(lua_State *L) {
  if (luaL_getsubtable(L, LUA_REGISTRYINDEX, "heddle.hooks") == 0) {
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_pushvalue(L, -1);
    lua_setmetatable(L, -2);
  }
}

static void push_thread(lua_State *L, lua_State *co) {
  if (co == L)
    lua_pushthread(L);
  else
    lua_pushvalue(L, 1);
}

static int f_sethook(lua_State *L) {
  int arg, mask = 0;
  lua_State *co = hook_subject(L, &arg);
  lua_Integer count = luaL_optinteger(L, arg + 3, 0);
  if (lua_isnoneornil(L, arg + 1)) {
    lua_settop(L, arg + 1);
  } else {
    mask = hook_mask(luaL_checkstring(L, arg + 2), count);
    luaL_checktype(L, arg + 1, LUA_TFUNCTION);
  }
  push_hooks(L);
  push_thread(L, co);
  lua_pushvalue(L, arg + 1);
  lua_rawset(L, -3);
  gil_set_user_hook(co, mask, (int)count);
  return 0;
}

static int f_gethook(lua_State *L) {
  int arg, n = 0;
  char events[4];
  lua_State *co = hook_subject(L, &arg);
  const struct gil_extra *extra = gil_extra(co);
  push_hooks(L);
  push_thread(L, co);
  lua_rawget(L, -2);
  if (extra->mask & LUA_MASKCALL) events[n++] = 'c';
  if (extra->mask & LUA_MASKRET) events[n++] = 'r';
  if (extra->mask & LUA_MASKLINE) events[n++] = 'l';
  lua_pushlstring(L, events, (size_t)n);
  lua_pushinteger(L, extra->count);
  return 3;
}

static const luaL_Reg coroutine_functions[] = {
    {"close", f_close},   {"create", f_create},   {"isyieldable", f_isyieldable},
    {"resume", f_resume}, {"running", f_running}, {"status", f_status},
    {"wrap", f_wrap},     {"yield", f_yield},     {NULL, NULL},
};

static const luaL_Reg debug_functions[] = {
    {"gethook", f_gethook},
    {"sethook", f_sethook},
    {NULL, NULL},
};

// Puts the engine's versions in place of Lua's, in an interpreter whose libraries are open.
void coroutine_open(lua_State *L) {
  lua_getglobal(L, "coroutine");
  luaL_setfuncs(L, coroutine_functions, 0);
  lua_getglobal(L, "debug");
  luaL_setfuncs(L, debug_functions, 0);
  lua_pop(L, 2);
  lua_pushcfunction(L, f_pcall);
  lua_setglobal(L, "pcall");
  lua_pushcfunction(L, f_xpcall);
  lua_setglobal(L, "xpcall");
}
