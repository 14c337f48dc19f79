#include "loop/uv_lua.h"

#include "base/clock.h"
#include "base/forked.h"
#include "base/program.h"
#include "loop/callback_lua.h"
#include "loop/fds.h"
#include "loop/misuse_lua.h"

#include <fcntl.h>
#include <lauxlib.h>
#include <luv/luv.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

enum { MOST_LOOPS = 1024, LAST_WAIT = 20, LAST_ROUNDS = 100 };

struct loop_uv {
  uv_loop_t loop;
  bool running;        // inside uv_run: callbacks become tasks
  bool called;         // inside a callback of uv_run's
  bool closing;        // callbacks are not called any more
  bool stopped;        // uv.stop was called
  int timeout;         // uv_backend_timeout after the last run
  uint32_t callbacks;  // so far
  struct task *runner; // the task that waits in uv.run
  uint32_t until;      // it waits for the callbacks to differ from this; 0: for the end
};

// Every libuv loop of the process: a forked child must let go of them all.
static _Atomic(struct loop_uv *) all[MOST_LOOPS];
FORKED static _Atomic int used; // of these, or about to be

// running --------------------------------------------------------------------------------------

// A frame of its own: luv empties the one it is called in after a piece of work.
static int run_callbacks(lua_State *L) {
  uv_run(lua_touserdata(L, 1), UV_RUN_NOWAIT);
  return 0;
}

// libuv takes a loop without active handles for one without timers: it is made to look alive.
static void run_once(struct loop *loop) {
  struct loop_uv *uv = loop->uv;
  uv->loop.active_handles++;
  lua_pushcfunction(loop->base, run_callbacks);
  lua_pushlightuserdata(loop->base, &uv->loop);
  lua_call(loop->base, 1, 0);
  uv->timeout = uv_backend_timeout(&uv->loop);
  uv->loop.active_handles--;
}

static bool run_is_over(const struct loop_uv *uv) {
  if (uv->stopped) return true;
  if (loop_self->calling) return false; // a callback that waits may open more handles
  return !uv_loop_alive(&uv->loop) || (uv->until && uv->callbacks >= uv->until);
}

// Runs libuv's callbacks that are due. Returns whether the loop has something to look at: tasks are
// ready, callbacks have run, or libuv does not keep it any more.
bool loop_uv_run(struct loop *loop) {
  struct loop_uv *uv = loop->uv;
  bool alive = uv_loop_alive(&uv->loop);
  uint32_t callbacks = uv->callbacks;
  if (uv->running) return false;
  uv->running = true;
  loop->interp->overdraw = true; // luv pushes values unprotected
  run_once(loop);
  loop->interp->overdraw = false;
  uv->running = false;
  if (uv->runner && run_is_over(uv)) loop_ready(loop, uv->runner);
  if (loop->resting && !loop_held(loop)) loop_ready(loop, loop->resting);
  return loop->ready_first || uv->callbacks != callbacks || (alive && !uv_loop_alive(&uv->loop));
}

// A task that called back for luv has ended.
void loop_uv_called(struct loop *loop) {
  loop->calling--;
  if (loop->uv && loop->uv->runner && run_is_over(loop->uv)) loop_ready(loop, loop->uv->runner);
}

// Whether libuv's loop has active handles or requests.
bool loop_uv_alive(const struct loop *loop) { return uv_loop_alive(&loop->uv->loop); }

// Whether something in it may still wake a task.
bool loop_uv_hopes(const struct loop *loop) {
  return loop->uv->timeout >= 0 || loop_uv_alive(loop);
}

// When it wants to run next, CLOCK_NEVER: when its descriptor says so.
int64_t loop_uv_next(const struct loop *loop) {
  int timeout = loop->uv->timeout;
  return timeout < 0 ? CLOCK_NEVER : clock_now() + (int64_t)timeout * 1000000;
}

// callbacks ------------------------------------------------------------------------------------

// [fn][arguments...]. The task runs at once, until it waits: what a callback stops or closes must
// not call any more in the same round.
static int run_task(lua_State *L) {
  struct loop *loop = loop_self;
  lua_pushliteral(L, "luv");
  lua_insert(L, 1);
  struct task *task = callback_new(L, loop, lua_gettop(L) - 2, false);
  task->of_luv = true;
  loop->calling++;
  loop->uv->called = true;
  loop->interp->overdraw = false;
  if (loop->current)
    task_run_within(loop, task);
  else
    task_run(loop, task);
  return 0;
}

// luv's way to call back: [fn][arguments...] on top of the stack. Never raises.
static int call_back(lua_State *L, int arguments, int results, int flags) {
  struct loop_uv *uv = loop_self ? loop_self->uv : NULL;
  if (uv && uv->closing) {
    lua_pop(L, arguments + 1);
    return 0;
  }
  if (!uv || !uv->running || uv->called || results != 0)
    return luv_cfpcall(L, arguments, results, flags | LUVF_CALLBACK_NOEXIT);
  uv->callbacks++;
  lua_pushcfunction(L, run_task);
  lua_insert(L, -arguments - 2);
  int status = lua_pcall(L, arguments + 1, 0, 0);
  uv->called = false;
  loop_self->interp->overdraw = true;
  if (status == LUA_OK) return 0;
  fprintf(stderr, "heddle: a callback of luv could not be called: %s\n", lua_tostring(L, -1));
  lua_pop(L, 1);
  return -status;
}

// a thread's own loop --------------------------------------------------------------------------

static bool enter_list(struct loop_uv *uv) {
  used++;
  for (int i = 0; i < MOST_LOOPS; i++) {
    struct loop_uv *none = NULL;
    if (atomic_compare_exchange_strong(&all[i], &none, uv)) return true;
  }
  used--;
  return false;
}

static void leave_list(const struct loop_uv *uv) {
  for (int i = 0; i < MOST_LOOPS; i++) {
    if (all[i] != uv) continue;
    all[i] = NULL;
    used--;
  }
}

static bool open_loop(struct loop *loop) {
  struct loop_uv *uv = calloc(1, sizeof *uv);
  if (!uv || uv_loop_init(&uv->loop) != 0) {
    free(uv);
    return false;
  }
  uv->timeout = -1;
  if (enter_list(uv) && fds_add_source(loop, uv_backend_fd(&uv->loop))) {
    loop->uv = uv;
    return true;
  }
  leave_list(uv);
  uv_loop_close(&uv->loop);
  free(uv);
  return false;
}

// At each take of the GIL: luv works for this thread from now on. Where no loop can be had, what
// luv is asked for goes to another thread's.
static void adopt(struct loop *loop) {
  luv_ctx_t *context = loop->interp->luv;
  if (!loop->uv && !open_loop(loop)) return;
  context->loop = &loop->uv->loop;
  context->L = loop->base;
}

// A thread may have changed another one's handles: as it gives the GIL up, an owner that sleeps has
// to look anew.
static void left(struct loop *mine) {
  for (struct loop *loop = mine->interp->loops; loop; loop = loop->next) {
    struct loop_uv *uv = loop->uv;
    if (loop == mine || !uv || program_seat(loop->seat)->bell == BELL_AWAKE) continue;
    uv->loop.active_handles++;
    int timeout = uv_backend_timeout(&uv->loop);
    uv->loop.active_handles--;
    bool watched = uv->loop.watcher_queue[0] != &uv->loop.watcher_queue;
    if (timeout != uv->timeout || watched) program_ring(loop->seat);
  }
}

// Closes the handles that this thread's scripts have left.
static int close_handles(lua_State *L) {
  static const char code[] = "local uv = ... uv.walk(function(handle) "
                             "if not handle:is_closing() then handle:close() end end)";
  if (luaL_loadbufferx(L, code, sizeof code - 1, "=luv", "t") != LUA_OK) return lua_error(L);
  lua_getfield(L, LUA_REGISTRYINDEX, "heddle.luv");
  lua_call(L, 1, 0);
  return 0;
}

// Requests that a thread of libuv's works on take their time.
static bool wait_for_requests(struct loop *loop) {
  struct loop_uv *uv = loop->uv;
  for (int i = 0; i < LAST_ROUNDS; i++) {
    run_once(loop);
    if (uv_loop_close(&uv->loop) == 0) return true;
    struct pollfd fd = {.fd = uv_backend_fd(&uv->loop), .events = POLLIN};
    loop_leave(loop);
    poll(&fd, 1, uv->timeout == 0 ? 0 : LAST_WAIT);
    loop_enter(loop);
  }
  return false;
}

// The loop ends: closes what is open in libuv's loop. What can't be ended (a read of a pipe nobody
// writes to) is left to itself, with the memory it needs. The memory is freed by the caller.
void loop_uv_close(struct loop *loop) {
  struct loop_uv *uv = loop->uv;
  lua_State *L = loop->base;
  if (!uv) return;
  lua_pushcfunction(L, close_handles);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) lua_pop(L, 1);
  uv->closing = true;
  if (!wait_for_requests(loop)) loop->uv = NULL;
  leave_list(uv);
}

// forked children ------------------------------------------------------------------------------

static void cover(int fd, int nothing) {
  if (fd >= 0) dup3(nothing, fd, O_CLOEXEC);
}

// In a forked child: what a parent's loop has open is shared with the parent, which would see it
// change.
static void let_go(struct loop_uv *uv, int nothing) {
  cover(uv->loop.backend_fd, nothing);
  cover(uv->loop.async_io_watcher.fd, nothing);
  cover(uv->loop.async_wfd, nothing);
  cover(uv->loop.signal_pipefd[0], nothing);
  cover(uv->loop.signal_pipefd[1], nothing);
  cover(uv->loop.inotify_fd, nothing);
}

// In a forked child, with all signals blocked: lets go of the parent's libuv loops. Their memory
// stays, since handles that Lua still has refer to it.
void loop_uv_forget(struct interp *interp) {
  int nothing = -1;
  for (int i = 0; used > 0 && i < MOST_LOOPS; i++) {
    if (!all[i]) continue;
    if (nothing < 0) nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing >= 0) let_go(all[i], nothing);
    all[i] = NULL;
  }
  used = 0;
  if (nothing >= 0) close(nothing);
  for (struct loop *loop = interp->loops; loop; loop = loop->next)
    loop->uv = NULL;
}

// the functions of ours ------------------------------------------------------------------------

static struct loop_uv *own(lua_State *L) {
  if (!loop_self || !loop_self->uv) luaL_error(L, "uv: no loop could be opened in this OS thread");
  return loop_self->uv;
}

static bool run_attempt(void *object, struct park_self *self) {
  struct loop_uv *uv = object;
  bool over = run_is_over(uv);
  self->entered = !over && self->enlist;
  uv->runner = self->entered ? loop_self->current : NULL;
  return over;
}

static void run_leave(void *object, struct park_self *self) {
  (void)self;
  ((struct loop_uv *)object)->runner = NULL;
}

static int run_finish(lua_State *L, void *object, struct park_self *self, bool got) {
  struct loop_uv *uv = object;
  (void)self, (void)got;
  uv->stopped = false;
  lua_pushboolean(L, uv_loop_alive(&uv->loop));
  return 1;
}

static const struct loop_op run_op = {
    .name = "uv.run", .attempt = run_attempt, .leave = run_leave, .finish = run_finish};

static int ran(lua_State *L, int status, lua_KContext context) {
  struct task *task = (struct task *)context;
  (void)status;
  if (task_interrupted(task)) task_raise_pending(L, task);
  lua_pushboolean(L, uv_loop_alive(&own(L)->loop));
  return 1;
}

// uv.run([mode]) -> whether handles are active still. The task waits: until none is ("default"),
// until callbacks were called ("once"), or only while others go on ("nowait").
static int f_run(lua_State *L) {
  static const char *const modes[] = {"default", "once", "nowait", NULL};
  int mode = luaL_checkoption(L, 1, "default", modes);
  struct loop_uv *uv = own(L);
  struct park_self ask = {0};
  if (uv->runner || (loop_self->current && loop_self->current->of_luv)) {
    lua_pushnil(L);
    lua_pushliteral(L, "loop already running");
    return 2;
  }
  loop_uv_run(loop_self);
  if (mode == UV_RUN_NOWAIT) return loop_yield(L, ran);
  uv->until = mode == UV_RUN_ONCE ? uv->callbacks + 1 : 0;
  return loop_block(L, &run_op, uv, &ask, -1);
}

// uv.stop(): uv.run returns
static int f_stop(lua_State *L) {
  struct loop_uv *uv = own(L);
  uv->stopped = true;
  if (uv->runner) loop_ready(loop_self, uv->runner);
  return 0;
}

// uv.sleep(milliseconds): the task sleeps
static int f_sleep(lua_State *L) {
  lua_Integer milliseconds = luaL_checkinteger(L, 1);
  luaL_argcheck(L, milliseconds >= 0, 1, "a number >= 0 expected");
  return loop_sleep(L, "uv.sleep", (double)milliseconds / 1000);
}

// uv.loop_close() -> 0, or nil and why not: the loop is the OS thread's and ends with it
static int f_loop_close(lua_State *L) {
  if (uv_loop_alive(&own(L)->loop)) {
    lua_pushnil(L);
    lua_pushliteral(L, "EBUSY: resource busy or locked");
    lua_pushliteral(L, "EBUSY");
    return 3;
  }
  lua_pushinteger(L, 0);
  return 1;
}

static const luaL_Reg ours[] = {{"loop_close", f_loop_close},
                                {"run", f_run},
                                {"sleep", f_sleep},
                                {"stop", f_stop},
                                {NULL, NULL}};

// Opens luv, bound to the loops of the interpreter's OS threads.
int loop_open_luv(lua_State *L) {
  struct loop *loop = loop_self;
  struct interp *interp = loop->interp;
  if (!loop->uv && !open_loop(loop)) return luaL_error(L, "luv: no loop can be opened");
  luv_set_loop(L, &loop->uv->loop);
  luv_set_callback(L, call_back);
  luv_ctx_t *context = luv_context(L);
  context->L = loop->base;
  context->mode = -1;
  luaopen_luv(L);
  luaL_setfuncs(L, ours, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, "heddle.luv");
  interp->luv = context;
  interp->adopt = adopt;
  interp->left = left;
  return 1;
}
