// heddle.native.worker: threads, isolates and processes as Lua sees them. A handle's uservalue 1 is
// a table: the function and its arguments (1 .. n) until it starts, then `task` (a thread's main
// task) or `results` (a list with n), `error` and `trace` (copies, once asked for), `started`
// (function and line of the start), `locals`.
#include "base/clock.h"
#include "base/cores.h"
#include "loop/handle_lua.h"
#include "loop/misuse_lua.h"
#include "sync/object_lua.h"
#include "sync/queue.h"
#include "value/value.h"
#include "worker/worker.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const model_names[] = {"task", "thread", "isolate", "process"};
static const char *const default_names[] = {"Task", "Thread", "Isolate", "Process"};
static const char *const method_names[] = {"fork", "spawn", "forkserver", NULL};
static int default_method = -1; // -1: fork, or forkserver while other threads run
static bool warned_of_fork;

static struct worker *worker_of(lua_State *L, int arg) {
  return (struct worker *)((struct sync_handle *)lua_touserdata(L, arg))->object;
}

static struct worker *self(lua_State *L, const char *function) {
  struct sync_handle *handle = luaL_testudata(L, 1, "heddle.worker");
  if (!handle)
    loop_misuse(L, "bad-self",
                "%s: self: a worker's handle expected, got %s (call it with a colon)", function,
                loop_typename(L, 1));
  return (struct worker *)handle->object;
}

static const char *kind(const struct worker *w) { return model_names[w->model]; }

// registry of what this interpreter started
// -----------------------------------------------------------------

static void push_workers(lua_State *L) { luaL_getsubtable(L, LUA_REGISTRYINDEX, "heddle.workers"); }

static void remember(lua_State *L, int handle, struct worker *w) {
  push_workers(L);
  lua_pushvalue(L, handle);
  lua_rawsetp(L, -2, w);
  lua_pop(L, 1);
}

static void forget(lua_State *L, struct worker *w) {
  push_workers(L);
  lua_pushnil(L);
  lua_rawsetp(L, -2, w);
  lua_pop(L, 1);
}

// Pushes a list of the live workers of a model (0: all) that this interpreter started; forgets
// those that ended.
static void push_live(lua_State *L, int model) {
  lua_newtable(L);
  int list = lua_gettop(L);
  push_workers(L);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    struct worker *w = worker_of(L, -1);
    if (w->ended) {
      lua_pushvalue(L, -2);
      lua_pushnil(L);
      lua_rawset(L, -5);
    } else if (model == 0 || w->model == model) {
      lua_pushvalue(L, -1);
      lua_rawseti(L, list, (lua_Integer)lua_rawlen(L, list) + 1);
    }
  }
  lua_pop(L, 1);
}

// options
// ---------------------------------------------------------------------------------------------------

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

static int method_named(lua_State *L, int arg, const char *function) {
  const char *name = lua_type(L, arg) == LUA_TSTRING ? lua_tostring(L, arg) : "";
  for (int i = 0; method_names[i]; i++)
    if (strcmp(name, method_names[i]) == 0) return i;
  return loop_misuse(
      L, "bad-option", "%s: method: \"fork\", \"spawn\" or \"forkserver\" expected, got %s%s%s",
      function, *name ? "\"" : "", *name ? name : loop_typename(L, arg), *name ? "\"" : "");
}

static int other_threads(void) {
  int n = 0;
  for (uint32_t i = 0; i < arena->seat_top; i++)
    if (program_seat(i)->used == program_slot + 1 && !(program_seat(i)->flags & SEAT_NO_LOOP)) n++;
  return n - 1;
}

static void warn_of_fork(int threads) {
  if (warned_of_fork) return;
  warned_of_fork = true;
  char names[160] = "";
  for (uint32_t i = 0; i < arena->seat_top; i++) {
    const struct program_seat *s = program_seat(i);
    size_t n = strlen(names);
    if (s->used != program_slot + 1 || i == program_seat_index || (s->flags & SEAT_NO_LOOP))
      continue;
    snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", s->name);
  }
  fprintf(stderr,
          "heddle: fork while %d other OS thread%s of this process run%s (%s): only the forking "
          "thread goes on in "
          "the child; the method forkserver avoids that\n",
          threads, threads > 1 ? "s" : "", threads > 1 ? "" : "s", names);
}

static int choose_method(lua_State *L, const char *function) {
  bool given = !lua_isnil(L, 1) && lua_getfield(L, 1, "method") != LUA_TNIL;
  int method = given ? method_named(L, -1, function) : default_method;
  if (!lua_isnil(L, 1)) lua_pop(L, 1);
  int threads = method == METHOD_FORK || method < 0 ? other_threads() : 0;
  if (threads == 0) return method < 0 ? METHOD_FORK : method;
  if (method < 0) return METHOD_FORKSERVER;
  warn_of_fork(threads);
  return METHOD_FORK;
}

// start
// -----------------------------------------------------------------------------------------------------

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
  struct worker *w = worker_of(L, -1);
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

static _Thread_local struct buffer starting;

// The calling thread ends: its buffer is given back.
void worker_starter_end(void) { buffer_free(&starting); }

// Writes function, arguments and the paths of `require` as the message the worker starts with. May
// raise.
static void write_start(lua_State *L, struct worker *w) {
  lua_getiuservalue(L, 1, 1);
  int given = lua_gettop(L);
  lua_getfield(L, given, "n");
  int n = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  luaL_checkstack(L, n + 4, "too many arguments");
  for (int i = 1; i <= n; i++)
    lua_rawgeti(L, given, i);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "path");
  lua_getfield(L, -2, "cpath");
  lua_remove(L, -3);
  starting.len = 0;
  value_encode(L, given + 1, n + 2, "fn", &starting);
  w->start = sync_block(starting.data, starting.len);
  w->start_size = starting.len;
  if (w->start == 0) luaL_error(L, "not enough shared memory for the arguments");
  for (int i = 1; i <= n; i++) {
    lua_pushnil(L);
    lua_rawseti(L, given, i);
  }
  lua_settop(L, 1);
}

// Begins the worker whose handle is at 1.
static int begin(lua_State *L, struct worker *w) {
  static const char *const limits[] = {"", "threads", "isolates", "processes"};
  if (w->model != MODEL_THREAD) write_start(L, w);
  w->order = atomic_fetch_add(&arena->started, 1) + 1;
  remember(L, 1, w);
  bool started = w->model == MODEL_THREAD    ? worker_start_thread(w, loop_self->interp)
                 : w->model == MODEL_ISOLATE ? worker_start_isolate(w)
                                             : worker_start_process(L, w);
  if (!started) {
    int error = errno;
    forget(L, w);
    worker_drop_message(&w->start, w->start_size);
    return luaL_error(L, "%s.start: no more %s can be started: %s", kind(w), limits[w->model],
                      strerror(error));
  }
  if (w->seat) snprintf(program_seat(w->seat - 1)->name, 32, "%.31s", w->head.name);
  lua_settop(L, 1);
  return 1;
}

static int model_upvalue(lua_State *L) { return (int)lua_tointeger(L, lua_upvalueindex(1)); }

// M.start([options,] fn, ...) -> handle; it begins at once
static int f_start(lua_State *L) {
  static const char *const names[] = {"", "thread.start", "isolate.start", "process.start"};
  int model = model_upvalue(L);
  return begin(L, new_worker(L, model, names[model]));
}

// M.new([options,] fn, ...) -> handle that h:start() begins
static int f_new(lua_State *L) {
  static const char *const names[] = {"", "thread.new", "isolate.new", "process.new"};
  int model = model_upvalue(L);
  new_worker(L, model, names[model]);
  return 1;
}

static int m_start(lua_State *L) {
  struct worker *w = self(L, "start");
  if (w->ended || w->seat || w->process)
    return loop_misuse(L, "started-twice", "%s:start: it was started before (a handle starts once)",
                       kind(w));
  lua_settop(L, 1);
  return begin(L, w);
}

// join and result
// -------------------------------------------------------------------------------------------

static void push_started(lua_State *L, int given) {
  lua_getfield(L, given, "line");
  int line = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  lua_getfield(L, given, "source");
  int source = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  handle_push_place(L, (uint16_t)source, line);
}

// Pushes the joined traceback of the handle at 1: where raised, in which worker, where started.
static void push_trace(lua_State *L, struct worker *w, int given) {
  if (lua_getfield(L, given, "trace") != LUA_TSTRING) {
    lua_pop(L, 1);
    lua_pushliteral(L, "stack traceback:");
  }
  push_started(L, given);
  lua_pushfstring(L, "%s\n\tin %s %s, started at %s", lua_tostring(L, -2), kind(w), w->head.name,
                  lua_tostring(L, -1));
  lua_replace(L, -3);
  lua_pop(L, 1);
}

static int decode_end(lua_State *L) {
  struct worker *w = lua_touserdata(L, 1);
  return value_decode(L, arena_at(w->end), w->end_size);
}

// Reads the message the worker ended with into the handle's table, once.
static void take_message(lua_State *L, struct worker *w, int given) {
  int top = lua_gettop(L);
  lua_pushcfunction(L, decode_end);
  lua_pushlightuserdata(L, w);
  int status = lua_pcall(L, 1, LUA_MULTRET, 0);
  arena_free(w->end);
  w->end = 0;
  int n = lua_gettop(L) - top;
  if (status != LUA_OK || w->outcome != OUTCOME_DONE) {
    if (status != LUA_OK) w->outcome = OUTCOME_FAILED;
    if (n > 1) lua_setfield(L, given, "trace");
    lua_settop(L, top + 1);
    lua_setfield(L, given, "error");
    return;
  }
  lua_createtable(L, n, 1);
  lua_insert(L, top + 1);
  for (int i = n; i >= 1; i--)
    lua_rawseti(L, top + 1, i);
  lua_pushinteger(L, n);
  lua_setfield(L, top + 1, "n");
  lua_setfield(L, given, "results");
}

static void push_death(lua_State *L, const struct worker *w) {
  if (w->model == MODEL_ISOLATE)
    lua_pushliteral(L, "not enough memory to begin the isolate");
  else if (w->exit_code < 0)
    lua_pushfstring(L, "worker died: signal %d", -w->exit_code);
  else
    lua_pushfstring(L, "worker died: exit status %d", w->exit_code);
}

// Pushes the error of a worker that did not end well; index `given` is its table.
static void push_error(lua_State *L, struct worker *w, int given) {
  if (lua_getfield(L, given, "error") != LUA_TNIL || w->outcome != OUTCOME_DIED) return;
  lua_pop(L, 1);
  push_death(L, w);
}

static int thread_results(lua_State *L, struct worker *w, int given) {
  lua_getfield(L, given, "task");
  struct task *task = lua_touserdata(L, -1);
  int handle = lua_gettop(L);
  if (!task && w->outcome == OUTCOME_CANCELLED) return -1; // before it began
  if (!task) return luaL_error(L, "the thread could not be started");
  lua_getiuservalue(L, handle, 1);
  if (task->state == TASK_DONE) {
    int values = lua_gettop(L);
    if (task->results <= 1) return task->results;
    luaL_checkstack(L, task->results, "too many results");
    for (int i = 1; i <= task->results; i++)
      lua_rawgeti(L, values, i);
    return task->results;
  }
  lua_setfield(L, given, "error");
  if (lua_getiuservalue(L, handle, 2) == LUA_TTABLE) {
    lua_getfield(L, -1, "traceback");
    lua_setfield(L, given, "trace");
  }
  return -1;
}

static int copied_results(lua_State *L, struct worker *w, int given) {
  if (w->end) take_message(L, w, given);
  if (w->outcome != OUTCOME_DONE) return -1;
  if (lua_getfield(L, given, "results") != LUA_TTABLE) return 0;
  int values = lua_gettop(L);
  lua_getfield(L, values, "n");
  int n = (int)lua_tointeger(L, -1);
  luaL_checkstack(L, n, "too many results");
  for (int i = 1; i <= n; i++)
    lua_rawgeti(L, values, i);
  return n;
}

static int joined(lua_State *L, void *object, struct park_self *ask, bool got) {
  (void)ask;
  if (!got) return object_timed_out(L, "timeout");
  forget(L, object);
  lua_pushboolean(L, 1);
  return 1;
}

static int have_results(lua_State *L, void *object, struct park_self *ask, bool got) {
  struct worker *w = object;
  (void)ask;
  if (!got) return object_timed_out(L, "timeout");
  forget(L, w);
  lua_getiuservalue(L, 1, 1);
  int given = lua_gettop(L);
  int n = w->model == MODEL_THREAD ? thread_results(L, w, given) : copied_results(L, w, given);
  if (n >= 0) return n;
  push_error(L, w, given);
  push_trace(L, w, given);
  return handle_raise(L, kind(w));
}

static void describe_end(void *object, char *text, size_t size) {
  snprintf(text, size, "end of %s", ((struct sync_object *)object)->name);
}

static const struct loop_op join_op = {"join", worker_attempt_end, worker_leave_end, joined,
                                       describe_end};
static const struct loop_op result_op = {"result", worker_attempt_end, worker_leave_end,
                                         have_results, describe_end};

static int wait_for_end(lua_State *L, const struct loop_op *op) {
  struct worker *w = self(L, op->name);
  double timeout = loop_timeout(L, 2, op->name);
  struct park_self ask = {0};
  if (!w->ended && w->seat == 0 && w->process == 0)
    return loop_misuse(L, "not-started", "%s:%s: it was not started (call h:start() first)",
                       kind(w), op->name);
  if ((loop_self && w == loop_self->worker) || w->seat == program_seat_index + 1)
    return loop_misuse(L, "join-self", "%s:%s: a %s can't wait for its own end", kind(w), op->name,
                       kind(w));
  if (op == &result_op) w->asked = 1;
  return loop_block(L, op, w, &ask, timeout);
}

static int m_join(lua_State *L) { return wait_for_end(L, &join_op); }
static int m_result(lua_State *L) { return wait_for_end(L, &result_op); }

static int m_traceback(lua_State *L) {
  struct worker *w = self(L, "traceback");
  w->asked = 1;
  if (!w->ended || strcmp(worker_status(w), "failed") != 0) return 0;
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, 1);
  if (w->model == MODEL_THREAD)
    thread_results(L, w, 2);
  else if (w->end)
    take_message(L, w, 2);
  push_trace(L, w, 2);
  return 1;
}

// looking and stopping
// --------------------------------------------------------------------------------------

static int m_status(lua_State *L) {
  lua_pushstring(L, worker_status(self(L, "status")));
  return 1;
}

static int m_alive(lua_State *L) {
  const struct worker *w = self(L, "alive");
  lua_pushboolean(L, !w->ended && (w->seat || w->process));
  return 1;
}

// Sends a signal to a worker's process; one that is still being started begins with it.
static bool kill_process(struct worker *w, int signal) {
  if (w->ended || w->process == 0) return false;
  if (w->pid == 0) w->hard = (uint32_t)signal;
  return w->pid == 0 || kill(w->pid, signal) == 0;
}

// h:cancel([{hard=true}]) -> whether the request was taken
static int m_cancel(lua_State *L) {
  struct worker *w = self(L, "cancel");
  if (!lua_isnoneornil(L, 2) && !lua_istable(L, 2))
    return loop_misuse(L, "bad-argument",
                       "%s:cancel: options: a table such as {hard=true} expected, got %s", kind(w),
                       loop_typename(L, 2));
  bool hard = lua_istable(L, 2) && (lua_getfield(L, 2, "hard"), lua_toboolean(L, -1));
  if (!w->ended && w->seat == 0 && w->process == 0) {
    worker_finish(w, OUTCOME_CANCELLED);
    lua_getiuservalue(L, 1, 1);
    task_push_cancelled(L, "cancel", NULL);
    lua_setfield(L, -2, "error");
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushboolean(L, hard && w->model == MODEL_PROCESS ? kill_process(w, SIGKILL)
                                                       : worker_cancel(w, hard));
  return 1;
}

static struct worker *process_self(lua_State *L, const char *function) {
  struct worker *w = self(L, function);
  if (w->model != MODEL_PROCESS)
    loop_misuse(L, "bad-self", "%s: a process's handle expected, got a %s's", function, kind(w));
  return w;
}

static int signal_number(lua_State *L, int arg) {
  static const struct {
    const char *name;
    int number;
  } signals[] = {{"SIGKILL", SIGKILL}, {"SIGTERM", SIGTERM}, {"SIGINT", SIGINT},
                 {"SIGSTOP", SIGSTOP}, {"SIGCONT", SIGCONT}, {"SIGHUP", SIGHUP},
                 {"SIGUSR1", SIGUSR1}, {"SIGUSR2", SIGUSR2}};
  if (lua_isnoneornil(L, arg)) return SIGKILL;
  if (lua_isinteger(L, arg) && lua_tointeger(L, arg) > 0 && lua_tointeger(L, arg) < NSIG)
    return (int)lua_tointeger(L, arg);
  const char *name = lua_type(L, arg) == LUA_TSTRING ? lua_tostring(L, arg) : "";
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    if (strcmp(name, signals[i].name) == 0) return signals[i].number;
  return loop_misuse(
      L, "bad-argument",
      "process:kill: signal: a number or a name such as \"SIGTERM\" expected, got %s",
      *name ? name : loop_typename(L, arg));
}

// h:kill([signal="SIGKILL"]) -> whether it was sent
static int m_kill(lua_State *L) {
  struct worker *w = process_self(L, "process:kill");
  lua_pushboolean(L, kill_process(w, signal_number(L, 2)));
  return 1;
}

// h:terminate() -> whether SIGTERM was sent
static int m_terminate(lua_State *L) {
  lua_pushboolean(L, kill_process(process_self(L, "process:terminate"), SIGTERM));
  return 1;
}

// h:exitcode() -> nil while it lives; 0, 1 after an error, os.exit's argument, minus the signal
// that killed it
static int m_exitcode(lua_State *L) {
  struct worker *w = process_self(L, "process:exitcode");
  if (!w->ended) return 0;
  lua_pushinteger(L, w->exit_code);
  return 1;
}

static int m_index(lua_State *L) {
  struct worker *w = worker_of(L, 1);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  if (strcmp(key, "name") == 0)
    lua_pushstring(L, w->head.name);
  else if (strcmp(key, "id") == 0)
    lua_pushinteger(L, w->id);
  else if (strcmp(key, "pid") == 0 && w->model == MODEL_PROCESS && w->pid)
    lua_pushinteger(L, w->pid);
  else
    return 0;
  return 1;
}

static int m_tostring(lua_State *L) {
  const struct worker *w = worker_of(L, 1);
  lua_pushfstring(L, "%s %s (%s)", kind(w), w->head.name, worker_status(w));
  return 1;
}

// the error nobody asked for
// --------------------------------------------------------------------------------

static void report_unread(lua_State *L, struct worker *w) {
  if (!w->ended || w->asked || w->starter != program_slot ||
      strcmp(worker_status(w), "failed") != 0)
    return;
  w->asked = 1;
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, 1);
  if (w->model == MODEL_THREAD)
    thread_results(L, w, 2);
  else if (w->end)
    take_message(L, w, 2);
  lua_settop(L, 2);
  lua_pushstring(L, w->head.name);
  push_error(L, w, 2);
  push_trace(L, w, 2);
  handle_push_report(L, kind(w));
  fputs(lua_tostring(L, -1), stderr);
}

static int m_gc(lua_State *L) {
  struct sync_handle *handle = lua_touserdata(L, 1);
  if (!handle->object) return 0;
  report_unread(L, (struct worker *)handle->object);
  sync_release(handle->object);
  handle->object = NULL;
  return 0;
}

// Reports what nobody asked for, of the workers that this interpreter started and that have ended.
static int f_report_unread(lua_State *L) {
  lua_settop(L, 0);
  push_workers(L);
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
    lua_pushcfunction(L, m_gc);
    lua_pushvalue(L, 3);
    if (worker_of(L, 3) && worker_of(L, 3)->ended)
      lua_call(L, 1, 0);
    else
      lua_pop(L, 2);
  }
  return 0;
}

// the running one
// -------------------------------------------------------------------------------------------

static bool is_thread(const struct loop *loop) {
  return loop->worker && ((const struct worker *)loop->worker)->model == MODEL_THREAD;
}

// The seat of the loop that this interpreter began with.
static uint32_t main_seat(void) {
  for (const struct loop *l = loop_self->interp->loops; l; l = l->next)
    if (!is_thread(l)) return l->seat;
  return loop_self->seat;
}

// Pushes the handle that stands for the main thread, isolate or process of this interpreter.
static void push_main(lua_State *L, int model) {
  char key[32];
  snprintf(key, sizeof key, "heddle.main.%s", model_names[model]);
  if (lua_getfield(L, LUA_REGISTRYINDEX, key) == LUA_TUSERDATA) return;
  lua_pop(L, 1);
  object_push_new(L, (struct sync_object *)worker_create((enum worker_model)model));
  struct worker *w = worker_of(L, -1);
  strcpy(w->head.name, "main");
  w->seat = main_seat() + 1;
  w->pid = getpid();
  w->asked = 1;
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
  push_current(L, model_upvalue(L));
  return 1;
}

// M.list() -> the live ones that this interpreter started
static int f_list(lua_State *L) {
  push_live(L, model_upvalue(L));
  return 1;
}

// M.locals() -> a table of the running one's own
static int f_locals(lua_State *L) {
  push_current(L, model_upvalue(L));
  lua_getiuservalue(L, -1, 1);
  luaL_getsubtable(L, -1, "locals");
  return 1;
}

// what belongs to one model, and to none
// --------------------------------------------------------------------

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
    gil->interval = (int64_t)(s * 1e9);
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
  uint32_t main_id = worker_of(L, -1)->id;
  push_figures(L, &loop_self->interp->gil.figures);
  lua_newtable(L);
  for (struct loop *l = loop_self->interp->loops; l; l = l->next) {
    push_figures(L, &l->figures);
    lua_rawseti(L, -2, is_thread(l) ? ((struct worker *)l->worker)->id : main_id);
  }
  lua_setfield(L, -2, "threads");
  return 1;
}

// process.methods() -> the start methods
static int f_methods(lua_State *L) {
  lua_newtable(L);
  for (int i = 0; method_names[i]; i++) {
    lua_pushstring(L, method_names[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

// process.default_method([method]) -> the method used when none is named
static int f_default_method(lua_State *L) {
  if (!lua_isnoneornil(L, 1)) default_method = method_named(L, 1, "process.default_method");
  int method = default_method >= 0   ? default_method
               : other_threads() > 0 ? METHOD_FORKSERVER
                                     : METHOD_FORK;
  lua_pushstring(L, method_names[method]);
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
  arena->seeded = 1;
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
  push_live(L, 0);
  return 1;
}

static int f_is_daemon(lua_State *L) {
  lua_pushboolean(L, self(L, "is_daemon")->daemon);
  return 1;
}

static int f_model_of(lua_State *L) {
  lua_pushstring(L, kind(self(L, "model_of")));
  return 1;
}

static const luaL_Reg methods[] = {
    {"alive", m_alive},         {"cancel", m_cancel}, {"exitcode", m_exitcode},
    {"join", m_join},           {"kill", m_kill},     {"result", m_result},
    {"start", m_start},         {"status", m_status}, {"terminate", m_terminate},
    {"traceback", m_traceback}, {NULL, NULL},
};

static const luaL_Reg per_model[] = {{"current", f_current}, {"list", f_list},
                                     {"locals", f_locals},   {"new", f_new},
                                     {"start", f_start},     {NULL, NULL}};

static const luaL_Reg functions[] = {
    {"cores", f_cores},
    {"default_method", f_default_method},
    {"gil", f_gil},
    {"is_daemon", f_is_daemon},
    {"live", f_live},
    {"methods", f_methods},
    {"model_of", f_model_of},
    {"report_unread", f_report_unread},
    {"seed", f_seed},
    {"switch_interval", f_switch_interval},
    {NULL, NULL},
};

static void open_handles(lua_State *L) {
  object_open(L, SYNC_WORKER, methods);
  luaL_getmetatable(L, "heddle.worker");
  lua_getfield(L, -1, "methods");
  lua_pushnil(L);
  lua_setfield(L, -2, "name"); // a handle's own
  lua_pushcclosure(L, m_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushnil(L);
  lua_setfield(L, -2, "__newindex");
  lua_pushcfunction(L, m_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, m_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}

// Opens heddle.native.worker: functions, `methods` (of the handles), and a table of functions for
// each model.
int luaopen_heddle_native_worker(lua_State *L) {
  open_handles(L);
  luaL_newlib(L, functions);
  luaL_getmetatable(L, "heddle.worker");
  lua_getfield(L, -1, "methods");
  lua_setfield(L, -3, "handle_methods");
  lua_pop(L, 1);
  for (int model = MODEL_THREAD; model <= MODEL_PROCESS; model++) {
    luaL_newlibtable(L, per_model);
    lua_pushinteger(L, model);
    luaL_setfuncs(L, per_model, 1);
    lua_setfield(L, -2, model_names[model]);
  }
  return 1;
}
