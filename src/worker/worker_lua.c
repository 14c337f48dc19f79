// heddle.native.worker: threads, isolates and processes as Lua sees them.
#include "base/clock.h"
#include "base/cores.h"
#include "loop/misuse_lua.h"
#include "worker/handles_lua.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// the running one ------------------------------------------------------------------------------

// Pushes the handle that stands for the main thread, isolate or process of this interpreter.
static void push_main(lua_State *L, int model) {
  char key[32];
  snprintf(key, sizeof key, "heddle.main.%s", worker_model_names[model]);
  if (lua_getfield(L, LUA_REGISTRYINDEX, key) == LUA_TUSERDATA) return;
  lua_pop(L, 1);
  object_push_new(L, (struct sync_object *)worker_create((enum worker_model)model));
  struct worker *w = worker_at(L, -1);
  strcpy(w->head.name, "main");
  w->seat = worker_main_loop()->seat + 1;
  w->pid = getpid();
  w->asked = w->standing = 1;
  if (model == MODEL_PROCESS) w->id = arena->root_id;
  lua_newtable(L);
  lua_setiuservalue(L, -2, 1);
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, key);
}

static struct worker *current_worker(int model) {
  struct worker *w = loop_self->worker;
  if (w && w->model == model) return w;
  for (struct loop *l = loop_self->interp->loops; model == MODEL_ISOLATE && l; l = l->next)
    if (l->worker && ((struct worker *)l->worker)->model == MODEL_ISOLATE) return l->worker;
  uint64_t at = program_process(program_slot)->worker;
  return model == MODEL_PROCESS && sync_is_object(at) ? arena_at(at) : NULL;
}

static void push_current(lua_State *L, int model) {
  struct worker *w = current_worker(model);
  if (!w) {
    push_main(L, model);
    return;
  }
  sync_retain(&w->head);
  object_push(L, &w->head);
  if (lua_getiuservalue(L, -1, 1) != LUA_TTABLE) {
    lua_newtable(L);
    lua_setiuservalue(L, -3, 1);
    lua_pushvalue(L, -2); // kept, so that it is the same object every time
    lua_setfield(L, LUA_REGISTRYINDEX, model == MODEL_PROCESS ? "heddle.me.process" : "heddle.me");
  }
  lua_pop(L, 1);
}

// M.current() -> the handle of what runs
static int f_current(lua_State *L) {
  push_current(L, worker_model_upvalue(L));
  return 1;
}

// M.list() -> the live ones that this interpreter started
static int f_list(lua_State *L) {
  worker_push_live(L, worker_model_upvalue(L));
  return 1;
}

// M.locals() -> a table of the running one's own
static int f_locals(lua_State *L) {
  push_current(L, worker_model_upvalue(L));
  lua_getiuservalue(L, -1, 1);
  luaL_getsubtable(L, -1, "locals");
  return 1;
}

// what belongs to one model, and to none -------------------------------------------------------

#define LONGEST_INTERVAL 3.2e9 // s: a hundred years, for what is longer, infinity too

static double checked_interval(lua_State *L) {
  double s = loop_seconds(L, 1, "thread.switch_interval", "seconds");
  if (s < 1e-6)
    loop_misuse(L, "bad-time", "thread.switch_interval: seconds: at least 1e-6 expected, got %g",
                s);
  return s;
}

// thread.switch_interval([seconds]) -> the interval
static int f_switch_interval(lua_State *L) {
  struct gil *gil = &loop_self->interp->gil;
  if (!lua_isnoneornil(L, 1)) {
    double s = checked_interval(L);
    gil->interval = (int64_t)(fmin(s, LONGEST_INTERVAL) * 1e9);
  }
  lua_pushnumber(L, clock_seconds(gil->interval));
  return 1;
}

static void push_figures(lua_State *L, const struct gil_figures *f) {
  lua_createtable(L, 0, 5);
  lua_pushinteger(L, (lua_Integer)f->switches);
  lua_setfield(L, -2, "switches");
  lua_pushinteger(L, (lua_Integer)f->forced);
  lua_setfield(L, -2, "forced");
  lua_pushnumber(L, clock_seconds(f->wait));
  lua_setfield(L, -2, "wait");
  lua_pushnumber(L, clock_seconds(f->held));
  lua_setfield(L, -2, "held");
}

// thread.gil() -> {switches=, forced=, wait=, held=, threads={[id]=…}}
static int f_gil(lua_State *L) {
  push_main(L, MODEL_THREAD);
  uint32_t main_id = worker_at(L, -1)->id;
  push_figures(L, &loop_self->interp->gil.figures);
  lua_newtable(L);
  for (struct loop *l = loop_self->interp->loops; l; l = l->next) {
    push_figures(L, &l->figures);
    lua_rawseti(L, -2, worker_is_thread(l) ? ((struct worker *)l->worker)->id : main_id);
  }
  lua_setfield(L, -2, "threads");
  return 1;
}

// process.methods() -> the start methods
static int f_methods(lua_State *L) {
  lua_newtable(L);
  for (int i = 0; worker_method_names[i]; i++) {
    lua_pushstring(L, worker_method_names[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

// process.default_method([method]) -> the method used when none is named
static int f_default_method(lua_State *L) {
  if (!lua_isnoneornil(L, 1))
    worker_default_method = worker_method_named(L, 1, "process.default_method");
  int method = worker_default_method >= 0   ? worker_default_method
               : worker_other_threads() > 0 ? METHOD_FORKSERVER
                                            : METHOD_FORK;
  lua_pushstring(L, worker_method_names[method]);
  return 1;
}

// heddle.seed(n): from now on this interpreter's chance and that of each worker follow from n
static int f_seed(lua_State *L) {
  int whole;
  lua_Integer n = lua_tointegerx(L, 1, &whole);
  if (!whole)
    return loop_misuse(L, "bad-argument", "heddle.seed: n: a whole number expected, got %s",
                       loop_typename(L, 1));
  arena->seed = (uint64_t)n;
  arena->started = 0;
  worker_seed(L, 0);
  return 0;
}

// heddle.cores() -> how many cores this program may use, and what limits them
static int f_cores(lua_State *L) {
  const char *why;
  lua_pushinteger(L, (lua_Integer)ceil(cores_quota(&why)));
  lua_pushstring(L, why);
  return 2;
}

static int f_live(lua_State *L) {
  worker_push_live(L, 0);
  return 1;
}

static int f_is_daemon(lua_State *L) {
  lua_pushboolean(L, worker_self(L, "is_daemon")->daemon);
  return 1;
}

static int f_model_of(lua_State *L) {
  lua_pushstring(L, worker_kind(worker_self(L, "model_of")));
  return 1;
}

static const luaL_Reg per_model[] = {{"current", f_current},    {"list", f_list},
                                     {"locals", f_locals},      {"new", worker_f_new},
                                     {"start", worker_f_start}, {NULL, NULL}};

// Reaps the dead that came from elsewhere; returns how many.
static int f_reap_strangers(lua_State *L) {
  lua_pushinteger(L, reaper_reap_strangers());
  return 1;
}

static const luaL_Reg functions[] = {
    {"reap_strangers", f_reap_strangers},
    {"cores", f_cores},
    {"default_method", f_default_method},
    {"gil", f_gil},
    {"is_daemon", f_is_daemon},
    {"live", f_live},
    {"methods", f_methods},
    {"model_of", f_model_of},
    {"report_unread", worker_f_report_unread},
    {"seed", f_seed},
    {"switch_interval", f_switch_interval},
    {NULL, NULL},
};

// Opens heddle.native.worker: functions, `methods` (of the handles), and a table of functions for
// each model.
int luaopen_heddle_native_worker(lua_State *L) {
  worker_open_handles(L);
  luaL_newlib(L, functions);
  luaL_getmetatable(L, "heddle.worker");
  lua_getfield(L, -1, "methods");
  lua_setfield(L, -3, "handle_methods");
  lua_pop(L, 1);
  for (int model = MODEL_THREAD; model <= MODEL_PROCESS; model++) {
    luaL_newlibtable(L, per_model);
    lua_pushinteger(L, model);
    luaL_setfuncs(L, per_model, 1);
    lua_setfield(L, -2, worker_model_names[model]);
  }
  return 1;
}
