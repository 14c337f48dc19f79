// The global interpreter lock: threads of one interpreter run Lua one at a time.
//
// A thread that wants it waits on a condition. When nothing moved for the switch interval, it sends
// the holder's thread a signal; the handler sets a count hook on the coroutine that runs there, and
// the hook gives the lock up and queues for it again. A forced release waits until another thread
// has really taken it. A hook can get lost on Lua 5.4.4, so the request is repeated with back-off.
// No cost while nobody waits. Source: CPython's ceval_gil (drop request, forced switch); the hook
// from a signal handler as lua.c does for Ctrl-C. Stands on: base, trace, Lua.
#ifndef HEDDLE_LOOP_GIL_H
#define HEDDLE_LOOP_GIL_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct lua_State;
struct loop;

struct gil_figures {
  uint64_t switches; // times it went to another thread than the last
  uint64_t forced;   // of these, because the holder was asked
  int64_t wait;      // nanoseconds spent waiting for it
  int64_t held;      // nanoseconds it was held
};

struct gil {
  pthread_mutex_t mutex; // of all fields
  pthread_cond_t free;
  pthread_cond_t taken;
  bool held;
  pthread_t holder;    // meaningful while held
  uint32_t seat;       // of the holder
  struct loop *last;   // who held it last
  uint64_t turns;      // grows at each take
  _Atomic int waiting; // threads; changed under the mutex
  int64_t since;       // when it was taken
  int64_t interval;    // nanoseconds: the switch interval
  struct gil_figures figures;
};

// The coroutine that runs in this thread, NULL while none does; set around each lua_resume.
extern _Thread_local struct lua_State *volatile gil_running;
// What this thread has been asked to do at its next instruction: give way; look at its loop's
// requests.
extern _Thread_local volatile sig_atomic_t gil_wants_switch, gil_wants_look;

static inline bool gil_wanted(void) { return gil_wants_switch || gil_wants_look; }

void gil_init(struct gil *gil);
void gil_install_signals(void);
void gil_thread_begin(void);
void gil_take(struct gil *gil);
void gil_release(struct gil *gil, bool forced);
void gil_arm(struct lua_State *co);
void gil_budget(struct lua_State *co);
void gil_watch(struct lua_State *co);
void gil_serve(struct lua_State *co);
void gil_ask_to_look(int tid);
void gil_ask_thread_to_look(int pid, int tid);
int gil_look_signal(void);
void gil_set_look(void (*look)(struct lua_State *co));

// For C work that needs no Lua: give this thread's GIL up meanwhile.
void loop_gil_release(void);
void loop_gil_acquire(void);

// The extra space of each coroutine: the user's own hook (debug.sethook is the engine's), and
// whether the engine has parked it. Cleared in every new coroutine, since lua_newthread copies the
// main one's.
struct gil_extra {
  int32_t count;
  uint8_t mask;
  uint8_t parked;
  uint8_t pooled; // the loop keeps it for tasks to come
  uint8_t root;   // a greenlet's own: nobody resumed it who could be yielded to
};
struct gil_extra *gil_extra(struct lua_State *co);
struct lua_State *gil_new_coroutine(struct lua_State *L);
void gil_set_user_hook(struct lua_State *co, int mask, int count);

#endif
