// Starting workers from Lua: options, the choice of the method, what the worker starts with.
#include "loop/handle_lua.h"
#include "loop/misuse_lua.h"
#include "sync/queue.h"
#include "value/value.h"
#include "worker/handles_lua.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const default_names[] = {"Task", "Thread", "Isolate", "Process"};
const char *const worker_method_names[] = {"fork", "spawn", "forkserver", NULL};
int worker_default_method = -1;
static bool warned_of_fork;

// options --------------------------------------------------------------------------------------

static const char *const thread_options[] = {"name", "daemon", NULL};
static const char *const isolate_options[] = {"name", "daemon", "memory", NULL};
static const char *const process_options[] = {"name", "daemon", "memory", "cpu", "method", NULL};
static const char *const *const options_of[] = {NULL, thread_options, isolate_options,
                                                process_options};

static uint64_t option_size(lua_State *L, const char *function, const char *key, const char *unit) {
  if (lua_isnil(L, 1)) return 0;
  int type = lua_getfield(L, 1, key);
  lua_Number n = lua_tonumber(L, -1);
  if (type != LUA_TNIL && (type != LUA_TNUMBER || !(n > 0)))
    loop_misuse(L, "bad-option", "%s: %s: a number of %s > 0 expected, got %s", function, key, unit,
                loop_typename(L, -1));
  lua_pop(L, 1);
  return type == LUA_TNIL ? 0 : n < 1 ? 1 : (uint64_t)n;
}

// The start method named at `arg`; anything else is misuse.
int worker_method_named(lua_State *L, int arg, const char *function) {
  const char *name = lua_type(L, arg) == LUA_TSTRING ? lua_tostring(L, arg) : "";
  for (int i = 0; worker_method_names[i]; i++)
    if (strcmp(name, worker_method_names[i]) == 0) return i;
  return loop_misuse(
      L, "bad-option", "%s: method: \"fork\", \"spawn\" or \"forkserver\" expected, got %s%s%s",
      function, *name ? "\"" : "", *name ? name : loop_typename(L, arg), *name ? "\"" : "");
}

// Whether another OS thread of this process, one that may run Lua, sits there.
static bool is_other_thread(uint32_t seat) {
  const struct program_seat *s = program_seat(seat);
  return s->used == program_slot + 1 && seat != program_seat_index &&
         !(s->flags & (SEAT_NO_LOOP | SEAT_LEAVING));
}

// How many other OS threads of this process run Lua.
int worker_other_threads(void) {
  int n = 0;
  for (uint32_t i = 0; i < arena->seat_top; i++)
    n += is_other_thread(i);
  return n;
}

static void warn_of_fork(int threads) {
  if (warned_of_fork) return;
  warned_of_fork = true;
  char names[160] = "";
  for (uint32_t i = 0; i < arena->seat_top; i++) {
    size_t n = strlen(names);
    const char *name = program_seat(i)->name; // empty: the program's first
    if (is_other_thread(i))
      snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", *name ? name : "main");
  }
  fprintf(stderr,
          "heddle: fork while %d other OS thread%s of this process run%s (%s): only the forking "
          "thread goes on in "
          "the child; the method forkserver avoids that\n",
          threads, threads > 1 ? "s" : "", threads > 1 ? "" : "s", names);
}

static int choose_method(lua_State *L, const char *function) {
  bool given = !lua_isnil(L, 1) && lua_getfield(L, 1, "method") != LUA_TNIL;
  int method = given ? worker_method_named(L, -1, function) : worker_default_method;
  if (!lua_isnil(L, 1)) lua_pop(L, 1);
  int threads = method == METHOD_FORK || method < 0 ? worker_other_threads() : 0;
  if (threads == 0) return method < 0 ? METHOD_FORK : method;
  if (method < 0) return METHOD_FORKSERVER;
  warn_of_fork(threads);
  return METHOD_FORK;
}

// start ----------------------------------------------------------------------------------------

static void read_options(lua_State *L, struct worker *w, const char *function) {
  bool daemon = handle_option_flag(L, function, "daemon");
  bool named = handle_option_name(L, function);
  w->daemon = daemon;
  if (named)
    snprintf(w->head.name, sizeof w->head.name, "%s", lua_tostring(L, -1));
  else
    snprintf(w->head.name, sizeof w->head.name, "%s-%u", default_names[w->model],
             ++loop_self->interp->names[w->model]);
  lua_pop(L, 1);
}

// Pushes a table of the values from index `first` on, with n, and what the start is to know later.
static void push_given(lua_State *L, int first) {
  int n = lua_gettop(L) - first + 1;
  lua_createtable(L, n, 4);
  for (int i = 1; i <= n; i++) {
    lua_pushvalue(L, first + i - 1);
    lua_rawseti(L, -2, i);
  }
  lua_pushinteger(L, n);
  lua_setfield(L, -2, "n");
  int line;
  lua_pushinteger(L, handle_started_at(L, &line));
  lua_setfield(L, -2, "source");
  lua_pushinteger(L, line);
  lua_setfield(L, -2, "line");
}

// Checks ([options,] fn, ...) at 1 and pushes a handle, not begun. `function`: "thread.start" and
// the like.
static struct worker *new_worker(lua_State *L, int model, const char *function) {
  handle_split(L, function, options_of[model]);
  if (!loop_self) loop_misuse(L, "no-loop", "%s: there is no loop in this OS thread", function);
  uint64_t memory = model == MODEL_THREAD ? 0 : option_size(L, function, "memory", "bytes");
  uint64_t cpu = model == MODEL_PROCESS ? option_size(L, function, "cpu", "seconds") : 0;
  int method = model == MODEL_PROCESS ? choose_method(L, function) : 0;
  handle_option_flag(L, function, "daemon");
  handle_option_name(L, function);
  lua_pop(L, 1);
  push_given(L, 2);
  int given = lua_gettop(L);
  object_push_new(L, (struct sync_object *)worker_create((enum worker_model)model));
  struct worker *w = worker_at(L, -1);
  read_options(L, w, function);
  w->memory = memory;
  w->cpu = cpu;
  w->method = (uint8_t)method;
  lua_pushvalue(L, given);
  lua_setiuservalue(L, -2, 1);
  lua_replace(L, 1);
  lua_settop(L, 1);
  return w;
}

enum { KEPT = 1 << 20 };
static _Thread_local struct buffer starting; // empty while Lua code may run

// The calling thread ends: its buffer is given back.
void worker_starter_end(void) { buffer_free(&starting); }

// Pushes the paths of `require`. They are a message of their own, since modules must be found by
// the time that the function and what it refers to are read; writing it can't fail as that can.
static void push_paths(lua_State *L) {
  static const char *const names[] = {"path", "cpath"};
  lua_getglobal(L, "package");
  for (int i = 0; i < 2; i++)
    if (lua_getfield(L, -1 - i, names[i]) != LUA_TSTRING && !lua_isnil(L, -1))
      luaL_error(L, "'package.%s' must be a string", names[i]);
  lua_remove(L, -3);
}

// Writes function, arguments and the paths of `require`, which the worker starts with. May raise.
static void write_start(lua_State *L, struct worker *w) {
  lua_getiuservalue(L, 1, 1);
  int given = lua_gettop(L);
  lua_getfield(L, given, "n");
  int n = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  luaL_checkstack(L, n + 4, "too many arguments");
  for (int i = 1; i <= n; i++)
    lua_rawgeti(L, given, i);
  push_paths(L);
  starting.len = 0; // whatever a lack of memory left
  value_encode(L, given + 1, n, "fn", &starting);
  w->start_size = starting.len;
  value_encode(L, given + 1 + n, 2, "package", &starting);
  w->paths_size = (uint32_t)(starting.len - w->start_size);
  w->start = sync_block(starting.data, starting.len);
  starting.len = 0;
  buffer_trim(&starting, KEPT);
  if (w->start == 0) luaL_error(L, "not enough shared memory for the arguments");
  for (int i = 1; i <= n; i++) {
    lua_pushnil(L);
    lua_rawseti(L, given, i);
  }
  lua_settop(L, 1);
}

enum { WEIGHT = 1 }; // KiB

// To the collector a handle is small. But each one that is left over costs a fork and a burial
// time: it holds a shared object.
static void weigh_handle(lua_State *L) {
  if (lua_gc(L, LUA_GCISRUNNING)) lua_gc(L, LUA_GCSTEP, WEIGHT);
}

// Begins the worker whose handle is at 1.
static int begin(lua_State *L, struct worker *w) {
  static const char *const limits[] = {"", "threads", "isolates", "processes"};
  if (w->model == MODEL_PROCESS) weigh_handle(L);
  if (w->model != MODEL_THREAD) write_start(L, w);
  w->order = atomic_fetch_add(&arena->started, 1) + 1;
  w->parent = loop_self->worker ? ((struct worker *)loop_self->worker)->id : arena->root_id;
  worker_remember(L, 1, w);
  bool started = w->model == MODEL_THREAD    ? worker_start_thread(w, loop_self->interp)
                 : w->model == MODEL_ISOLATE ? worker_start_isolate(w)
                                             : worker_start_process(w);
  if (!started) {
    int error = errno;
    worker_forget(L, w);
    worker_drop_start(w);
    return luaL_error(L, "%s.start: no more %s can be started: %s", worker_kind(w),
                      limits[w->model], strerror(error));
  }
  lua_settop(L, 1);
  return 1;
}

// The model that a function of a model's table belongs to.
int worker_model_upvalue(lua_State *L) { return (int)lua_tointeger(L, lua_upvalueindex(1)); }

// M.start([options,] fn, ...) -> handle; it begins at once
int worker_f_start(lua_State *L) {
  static const char *const names[] = {"", "thread.start", "isolate.start", "process.start"};
  int model = worker_model_upvalue(L);
  return begin(L, new_worker(L, model, names[model]));
}

// M.new([options,] fn, ...) -> handle that h:start() begins
int worker_f_new(lua_State *L) {
  static const char *const names[] = {"", "thread.new", "isolate.new", "process.new"};
  int model = worker_model_upvalue(L);
  new_worker(L, model, names[model]);
  return 1;
}

// h:start() -> h, which task.new and the like made
int worker_m_start(lua_State *L) {
  struct worker *w = worker_self(L, "start");
  if (worker_begun(w))
    return loop_misuse(L, "started-twice", "%s:start: it was started before (a handle starts once)",
                       worker_kind(w));
  lua_settop(L, 1);
  return begin(L, w);
}
