#include "worker/handles_lua.h"

#include "loop/handle_lua.h"
#include "loop/misuse_lua.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *const worker_model_names[] = {"task", "thread", "isolate", "process"};

// The worker whose handle is at `arg`, which is one.
struct worker *worker_at(lua_State *L, int arg) {
  return (struct worker *)((struct sync_handle *)lua_touserdata(L, arg))->object;
}

// The worker at 1 as self of a method; anything else is misuse.
struct worker *worker_self(lua_State *L, const char *function) {
  struct sync_handle *handle = luaL_testudata(L, 1, "heddle.worker");
  if (!handle)
    loop_misuse(L, "bad-self",
                "%s: self: a worker's handle expected, got %s (call it with a colon)", function,
                loop_typename(L, 1));
  return (struct worker *)handle->object;
}

// "thread", "isolate" or "process".
const char *worker_kind(const struct worker *w) { return worker_model_names[w->model]; }

// registry of what this interpreter started ----------------------------------------------------

// Pushes the table of the workers that this interpreter started, by address.
void worker_push_all(lua_State *L) { luaL_getsubtable(L, LUA_REGISTRYINDEX, "heddle.workers"); }

// Keeps a handle for as long as its worker lives.
void worker_remember(lua_State *L, int handle, struct worker *w) {
  worker_push_all(L);
  lua_pushvalue(L, handle);
  lua_rawsetp(L, -2, w);
  lua_pop(L, 1);
}

// Its error may still have to be reported.
static void note_failure(lua_State *L, int handle, const struct worker *w) {
  if (!w->asked && strcmp(worker_status(w), "failed") == 0) handle_note_failure(L, handle);
}

// It has ended, and somebody knows.
void worker_forget(lua_State *L, struct worker *w) {
  worker_push_all(L);
  if (lua_rawgetp(L, -1, w) != LUA_TNIL) note_failure(L, -1, w);
  lua_pop(L, 1);
  lua_pushnil(L);
  lua_rawsetp(L, -2, w);
  lua_pop(L, 1);
}

// Pushes a list of the live workers of a model (0: all) that this interpreter started; forgets
// those that ended.
void worker_push_live(lua_State *L, int model) {
  lua_newtable(L);
  int list = lua_gettop(L);
  worker_push_all(L);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    struct worker *w = worker_at(L, -1);
    if (w->ended) {
      note_failure(L, -1, w);
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

// looking and stopping -------------------------------------------------------------------------

static int m_status(lua_State *L) {
  lua_pushstring(L, worker_status(worker_self(L, "status")));
  return 1;
}

static int m_alive(lua_State *L) {
  const struct worker *w = worker_self(L, "alive");
  lua_pushboolean(L, !w->ended && (w->seat || w->process));
  return 1;
}

// Is it the loop of a thread that was started, not of what the interpreter began with?
bool worker_is_thread(const struct loop *loop) {
  return loop->worker && ((const struct worker *)loop->worker)->model == MODEL_THREAD;
}

// Sends a signal to a worker's process; one that is still being started begins with it.
static bool kill_process(struct worker *w, int signal) {
  if (w->ended || (w->process == 0 && !w->standing)) return false;
  if (w->pid == 0) w->hard = (uint32_t)signal;
  return w->pid == 0 || kill(w->pid, signal) == 0;
}

// A process is stopped for good by being killed, which is no failure to report then.
static bool stop_process(struct worker *w) {
  if (!kill_process(w, SIGKILL)) return false;
  w->asked = 1;
  return true;
}

// The loop that this interpreter began with.
struct loop *worker_main_loop(void) {
  struct loop *l = loop_self->interp->loops;
  while (l->next && worker_is_thread(l))
    l = l->next;
  return l;
}

// Asks what the program or interpreter began with to stop. The program's main task can't be stopped
// for good.
static bool cancel_main(lua_State *L, const struct worker *w, bool hard) {
  struct loop *loop = worker_main_loop();
  bool elsewhere = w->model == MODEL_PROCESS && loop->seat != arena->root_seat;
  if (!elsewhere) return loop->main_task && task_cancel_now(L, loop->main_task, hard);
  if (hard) return false;
  atomic_fetch_add(&arena->main_cancels, 1);
  program_ask(arena->root_seat, ATTENTION_SIGNAL);
  return true;
}

// h:cancel([{hard=true}]) -> whether the request was taken
static int m_cancel(lua_State *L) {
  struct worker *w = worker_self(L, "cancel");
  static const char *const names[] = {"", "thread:cancel", "isolate:cancel", "process:cancel"};
  bool hard = handle_wants_hard(L, 2, names[w->model]);
  if (!worker_begun(w)) {
    worker_finish(w, OUTCOME_CANCELLED);
    lua_getiuservalue(L, 1, 1);
    task_push_cancelled(L, "cancel", NULL);
    lua_setfield(L, -2, "error");
    lua_pushboolean(L, 1);
    return 1;
  }
  task_write_canceller(L, w->by, sizeof w->by);
  lua_pushboolean(L, w->standing                         ? cancel_main(L, w, hard)
                     : hard && w->model == MODEL_PROCESS ? stop_process(w)
                                                         : worker_cancel(w, hard));
  return 1;
}

static struct worker *process_self(lua_State *L, const char *function) {
  struct worker *w = worker_self(L, function);
  if (w->model != MODEL_PROCESS)
    loop_misuse(L, "bad-self", "%s: a process's handle expected, got a %s's", function,
                worker_kind(w));
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

// Pushes a process's pid; nothing for one that has none.
static int push_pid(lua_State *L, struct worker *w) {
  int32_t pid = w->model == MODEL_PROCESS ? process_pid(w) : 0;
  if (pid) lua_pushinteger(L, pid);
  return pid ? 1 : 0;
}

static int m_index(lua_State *L) {
  struct worker *w = worker_self(L, "index");
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  if (strcmp(key, "name") == 0)
    lua_pushstring(L, w->head.name);
  else if (strcmp(key, "id") == 0)
    lua_pushinteger(L, w->id);
  else if (strcmp(key, "pid") == 0)
    return push_pid(L, w);
  else
    return 0;
  return 1;
}

// An OS thread of this process is named here; another process names itself.
static void name_os_thread(struct worker *w) {
  uint32_t seat = w->seat;
  if (w->process) snprintf(program_process(w->process - 1)->name, 32, "%.31s", w->head.name);
  if (seat == 0) return;
  struct program_seat *s = program_seat(seat - 1);
  snprintf(s->name, sizeof s->name, "%.31s", w->head.name);
  if (s->used != program_slot + 1 || !s->tid) {
    program_ask(seat - 1, ATTENTION_NAME);
    return;
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/comm", s->tid);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t written = write(fd, w->head.name, strlen(w->head.name));
  (void)written; // a thread that has ended meanwhile needs no name
  close(fd);
}

static int m_newindex(lua_State *L) {
  struct worker *w = worker_self(L, "newindex");
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
  if (strcmp(key, "name") != 0)
    return loop_misuse(L, "no-field", "%s: field '%s' can't be set (only name can)", worker_kind(w),
                       key);
  if (lua_type(L, 3) != LUA_TSTRING)
    return loop_misuse(L, "bad-argument", "%s.name: a string expected, got %s", worker_kind(w),
                       loop_typename(L, 3));
  snprintf(w->head.name, sizeof w->head.name, "%s", lua_tostring(L, 3));
  name_os_thread(w);
  return 0;
}

static int m_tostring(lua_State *L) {
  const struct worker *w = worker_self(L, "tostring");
  lua_pushfstring(L, "%s %s (%s)", worker_kind(w), w->head.name, worker_status(w));
  return 1;
}

static const luaL_Reg methods[] = {
    {"alive", m_alive},
    {"cancel", m_cancel},
    {"exitcode", m_exitcode},
    {"join", worker_m_join},
    {"kill", m_kill},
    {"result", worker_m_result},
    {"start", worker_m_start},
    {"status", m_status},
    {"terminate", m_terminate},
    {"traceback", worker_m_traceback},
    {NULL, NULL},
};

// Makes the class of the handles; what is common to all shared objects comes from object_open.
void worker_open_handles(lua_State *L) {
  object_open(L, SYNC_WORKER, methods);
  luaL_getmetatable(L, "heddle.worker");
  lua_getfield(L, -1, "methods");
  lua_pushnil(L);
  lua_setfield(L, -2, "name"); // a handle's own
  lua_pushcclosure(L, m_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, m_newindex);
  lua_setfield(L, -2, "__newindex");
  lua_pushcfunction(L, m_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, worker_m_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
