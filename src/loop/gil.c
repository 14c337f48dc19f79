#include "loop/gil.h"

#include "base/clock.h"
#include "base/program.h"
#include "loop/loop.h"
#include "trace/trace.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGNAL_SWITCH (SIGRTMIN + 3)
#define SIGNAL_LOOK (SIGRTMIN + 4)

static const int64_t SLOWEST_REPEAT = 50000000;
static const int64_t FORCED_WAIT = 5000000;

_Thread_local struct lua_State *volatile gil_running;
_Thread_local volatile sig_atomic_t gil_wants_switch, gil_wants_look;
static _Thread_local volatile sig_atomic_t setting_hook;
static _Thread_local volatile sig_atomic_t hook_armed; // the hook was set to serve a request
static void (*look_at_requests)(struct lua_State *co);

_Static_assert(sizeof(struct gil_extra) <= LUA_EXTRASPACE, "a coroutine's own record fits");

// The engine's record in a coroutine's extra space.
struct gil_extra *gil_extra(lua_State *co) {
  return lua_getextraspace(co);
}

static void user_hook(lua_State *L, lua_Debug *ar) {
  static const char *const names[] = {"call", "return", "line", "count", "tail call"};
  lua_getfield(L, LUA_REGISTRYINDEX, "heddle.hooks");
  lua_pushthread(L);
  if (lua_istable(L, -2) && lua_rawget(L, -2) == LUA_TFUNCTION) {
    lua_pushstring(L, names[ar->event]);
    if (ar->currentline >= 0)
      lua_pushinteger(L, ar->currentline);
    else
      lua_pushnil(L);
    lua_call(L, 2, 0);
  }
}

static bool somebody_waits(void) {
#ifdef HEDDLE_TSAN // signals come late there: look without being asked
  return loop_self && loop_self->interp->gil.waiting > 0;
#else
  return false;
#endif
}

static void master_hook(lua_State *L, lua_Debug *ar);

static struct task *being_stopped(void) {
  struct task *task = loop_self ? loop_self->current : NULL;
  return task && task->hard ? task : NULL;
}

static void set_hook(lua_State *co) {
  struct gil_extra *extra = gil_extra(co);
  if (being_stopped()) {
    gil_watch(co);
    return;
  }
#ifdef HEDDLE_TSAN
  lua_sethook(co, master_hook, extra->mask | LUA_MASKCOUNT, extra->count ? extra->count : 1000);
#else
  lua_sethook(co, extra->mask ? master_hook : NULL, extra->mask, extra->count);
#endif
}

// A stretch of the clean-up in a task that is stopped for good has run; when it has had its budget,
// it is stopped again.
static void spend(lua_State *L, struct task *task) {
  if (task->budget > 0) task->budget--;
  if (task->budget > 0) return;
  gil_wants_look = 1;
  gil_serve(L);
}

// Serves what the thread was asked. Returns false if the hook came for the user's own sake.
static bool serve_requests(lua_State *L, const lua_Debug *ar, bool armed) {
  struct task *stopped = being_stopped();
  bool asked = gil_wanted() || somebody_waits();
  if (!asked && !armed && !stopped) return false;
  set_hook(L);
  asked = asked || gil_wanted(); // the hook of a request that came meanwhile is gone
  if (asked) {
    if (!gil_wanted()) gil_wants_switch = 1;
    gil_serve(L);
  } else if (stopped && !armed && ar->event == LUA_HOOKCOUNT) {
    spend(L, stopped);
  }
  return asked || stopped || armed;
}

// The one hook of the engine: serves what the thread was asked, then the user's own hook.
static void master_hook(lua_State *L, lua_Debug *ar) {
  struct gil_extra *extra = gil_extra(L);
  bool armed = hook_armed;
  hook_armed = 0;
  bool served = serve_requests(L, ar, armed);
  if (!served && extra->mask == 0) {
    set_hook(L);
    if (gil_wanted()) gil_arm(L);
    return;
  }
  if (served && ar->event == LUA_HOOKCOUNT && extra->count != 1) return;
  int bit = ar->event == LUA_HOOKTAILCALL ? LUA_MASKCALL : 1 << ar->event;
  if (!(extra->mask & bit)) return;
  int top = lua_gettop(L);
  lua_getinfo(L, "l", ar);
  user_hook(L, ar);
  lua_settop(L, top);
}

// Makes the coroutine stop within its next few instructions. Safe in a signal handler. The VM sees
// a new hook at jumps and calls only: the varying count lets a switch come at any instruction of a
// loop.
void gil_arm(lua_State *co) {
  enum { SPREAD = 8 };
  static _Thread_local volatile sig_atomic_t turn;
  turn = (turn + 1) % SPREAD;
  hook_armed = 1;
  lua_sethook(co, master_hook, LUA_MASKCOUNT | gil_extra(co)->mask, 1 + turn);
}

enum { STRETCH = 10000, STRETCHES = 100 }; // instructions of a clean-up, and how many of these

// Lets the clean-up of a task that is stopped for good run for a while in `co` before it is stopped
// again.
void gil_budget(lua_State *co) {
  struct task *task = being_stopped();
  gil_wants_look = 0;
  if (task) task->budget = STRETCHES;
  gil_watch(co);
}

// What runs in `co` counts for the budget of the task that is being stopped.
void gil_watch(lua_State *co) {
  lua_sethook(co, master_hook, LUA_MASKCOUNT | gil_extra(co)->mask, STRETCH);
}

// Sets the user's own hook of a coroutine; mask 0: none. What it calls is kept in the registry.
void gil_set_user_hook(lua_State *co, int mask, int count) {
  setting_hook = 1;
  atomic_signal_fence(memory_order_seq_cst);
  gil_extra(co)->mask = (uint8_t)mask;
  gil_extra(co)->count = mask & LUA_MASKCOUNT ? count : 0;
  set_hook(co);
  atomic_signal_fence(memory_order_seq_cst);
  setting_hook = 0;
  if (gil_wanted()) gil_arm(co);
}

// A new coroutine with no hook and a clear record; pushes it.
lua_State *gil_new_coroutine(lua_State *L) {
  lua_State *co = lua_newthread(L);
  memset(gil_extra(co), 0, sizeof(struct gil_extra));
  set_hook(co);
  return co;
}

static void on_signal(int signal) {
  int saved = errno;
  if (signal == SIGNAL_SWITCH)
    gil_wants_switch = 1;
  else
    gil_wants_look = 1;
  lua_State *co = gil_running;
  if (co && !setting_hook) gil_arm(co);
  errno = saved;
}

// The calling OS thread begins to work for another interpreter: what the last one was asked is not
// meant for it.
void gil_thread_begin(void) {
  gil_running = NULL;
  gil_wants_switch = gil_wants_look = 0;
  setting_hook = hook_armed = 0;
}

// Installs the handlers of the signals by which threads are asked to give way. Once per process.
void gil_install_signals(void) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction(SIGNAL_SWITCH, &action, NULL);
  sigaction(SIGNAL_LOOK, &action, NULL);
}

// Makes the thread `tid` of this process look at its loop's requests at its next instruction.
void gil_ask_to_look(int tid) { gil_ask_thread_to_look(getpid(), tid); }

// The same for a thread of any process of the program.
void gil_ask_thread_to_look(int pid, int tid) { syscall(SYS_tgkill, pid, tid, SIGNAL_LOOK); }

// The signal that does it.
int gil_look_signal(void) { return SIGNAL_LOOK; }

// Hands over what is to be done when a running coroutine has been made to look; it may raise.
void gil_set_look(void (*look)(lua_State *co)) { look_at_requests = look; }

// Does what this thread was asked, while `co` runs: gives the GIL up and takes it again, looks at
// requests.
void gil_serve(lua_State *co) {
  struct loop *loop = loop_self;
  if (gil_wants_switch && loop) {
    gil_wants_switch = 0;
    gil_running = NULL;
    loop->running = co; // for who looks at this loop meanwhile
    gil_release(&loop->interp->gil, true);
    gil_take(&loop->interp->gil);
    gil_running = co;
  }
  if (gil_wants_look && look_at_requests) {
    gil_wants_look = 0;
    look_at_requests(co);
  }
}

// A GIL that nobody holds, with CPython's switch interval.
void gil_init(struct gil *gil) {
  pthread_condattr_t monotonic;
  int64_t interval = gil->interval ? gil->interval : 5000000;
  *gil = (struct gil){.interval = interval};
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init(&gil->mutex, NULL);
  pthread_cond_init(&gil->free, &monotonic);
  pthread_cond_init(&gil->taken, &monotonic);
  pthread_condattr_destroy(&monotonic);
}

static bool wait_until(pthread_cond_t *cond, struct gil *gil, int64_t moment) {
  struct timespec t = {moment / 1000000000, moment % 1000000000};
  return pthread_cond_timedwait(cond, &gil->mutex, &t) != ETIMEDOUT;
}

// Waits for the GIL to be free, asking its holder to give way each time nothing moved for the
// interval.
static void wait_for_turn(struct gil *gil) {
  int64_t pause = gil->interval, start = clock_now();
  uint64_t turns = gil->turns;
  gil->waiting++;
  trace_event(TRACE_WANT, 0, trace_task, gil->held ? gil->seat + 1 : 0, 0);
  while (gil->held) {
    if (turns != gil->turns) {
      turns = gil->turns;
      pause = gil->interval;
    }
    if (wait_until(&gil->free, gil, clock_now() + pause) || !gil->held) continue;
    if (turns != gil->turns) continue;
    pthread_kill(gil->holder, SIGNAL_SWITCH);
    if (pause < SLOWEST_REPEAT) pause *= 2;
  }
  gil->waiting--;
  trace_event(TRACE_HAVE, 0, trace_task, 0, 0);
  int64_t waited = clock_now() - start;
  gil->figures.wait += waited;
  if (loop_self) loop_self->figures.wait += waited;
}

// Takes the GIL for this thread.
void gil_take(struct gil *gil) {
  pthread_mutex_lock(&gil->mutex);
  if (gil->held) wait_for_turn(gil);
  gil->held = true;
  gil->holder = pthread_self();
  gil->seat = program_seat_index;
  gil->turns++;
  gil->since = clock_now();
  if (gil->last != loop_self) {
    gil->last = loop_self;
    gil->figures.switches++;
    if (loop_self) loop_self->figures.switches++;
  }
  pthread_cond_broadcast(&gil->taken);
  pthread_mutex_unlock(&gil->mutex);
  if (loop_self && loop_self->interp->adopt) loop_self->interp->adopt(loop_self);
}

// Gives the GIL up. `forced`: returns only when another thread has taken it (or nobody waits any
// more).
void gil_release(struct gil *gil, bool forced) {
  if (loop_self && loop_self->interp->left) loop_self->interp->left(loop_self);
  pthread_mutex_lock(&gil->mutex);
  int64_t held = clock_now() - gil->since;
  gil->figures.held += held;
  if (loop_self) loop_self->figures.held += held;
  gil->held = false;
  gil_wants_switch = 0;
  uint64_t turns = gil->turns;
  if (gil->waiting) pthread_cond_signal(&gil->free);
  if (forced && gil->waiting) {
    gil->figures.forced++;
    if (loop_self) loop_self->figures.forced++;
    int64_t limit = clock_now() + FORCED_WAIT;
    while (gil->turns == turns && gil->waiting && wait_until(&gil->taken, gil, limit)) {
    }
  }
  pthread_mutex_unlock(&gil->mutex);
}

// Gives this thread's GIL up for C work that needs no Lua; does nothing outside a loop.
void loop_gil_release(void) {
  if (loop_self) loop_leave(loop_self);
}

// Takes it again.
void loop_gil_acquire(void) {
  if (loop_self) loop_enter(loop_self);
}
