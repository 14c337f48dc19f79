// The program's root: its start, Ctrl-C, and its end.
#include "worker/watch.h"
#include "worker/worker.h"

#include "base/clock.h"
#include "sync/object_lua.h"
#include "trace/trace.h"
#include "value/value.h"
#include "worker/peer.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { STATUS_DEADLOCK = 3, STATUS_INTERRUPTED = 130 };

static _Atomic uint32_t interrupts;
static uint32_t interrupts_seen; // of these the ones that somebody was asked to stop for
static volatile sig_atomic_t quits;
static bool interactive;
static struct task *entry; // of the REPL: a deadlock stops this one, not the program
static const int64_t PATIENCE = 1000000000;
static const int64_t SAME_INTERRUPT = 250000000;

static void signal_all(int signal) {
  for (uint32_t i = 1; program_slot == 0 && i < arena->process_top; i++) {
    struct program_process *p = program_process(i);
    if (p->state != PROCESS_FREE && p->pid > 0) kill(p->pid, signal);
  }
}

// Kills every other process of the program, if this is the root. All are stopped first: none must
// go on with a lock that another one leaves behind when it is killed.
void worker_kill_all(void) {
  signal_all(SIGSTOP);
  signal_all(SIGKILL);
}

// The first Ctrl-C asks the main task to stop, the second ends the program at once. What comes
// within a quarter of a second is the same one: a terminal's group and a supervisor may both send
// it.
static void on_interrupt(int signal) {
  static volatile int64_t first;
  (void)signal;
  if (!interactive && interrupts > 0 && clock_now() - first < SAME_INTERRUPT) return;
  first = clock_now();
  if (atomic_fetch_add(&interrupts, 1) >= 1 && !interactive) {
    worker_kill_all();
    _exit(STATUS_INTERRUPTED);
  }
  program_ask(arena->root_seat, ATTENTION_SIGNAL);
  gil_ask_to_look(program_seat(arena->root_seat)->tid);
}

// Ctrl-\ asks for a list of what lives; the program goes on.
static void on_quit(int signal) {
  (void)signal;
  quits = 1;
  program_ask(arena->root_seat, ATTENTION_SIGNAL);
  gil_ask_to_look(program_seat(arena->root_seat)->tid);
}

static int print_list(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "heddle.watch");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "print");
  lua_call(L, 0, 0);
  return 0;
}

static void print_if_asked(lua_State *L) {
  if (!quits || !lua_checkstack(L, 8)) return;
  quits = 0;
  lua_pushcfunction(L, print_list);
  if (lua_pcall(L, 0, 0, 0) == LUA_OK) return;
  fprintf(stderr, "heddle: can't list what lives: %s\n", luaL_tolstring(L, -1, NULL));
  lua_pop(L, 2);
}

static int finish_pictures(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "heddle.cli");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "finish");
  lua_pushinteger(L, STATUS_DEADLOCK);
  lua_call(L, 1, 0);
  return 0;
}

// A recording that was asked for on the command line shows how the deadlock came about.
static void draw_what_led_here(lua_State *L) {
  if (gil_running || arena->trace.recordings == 0 || !lua_checkstack(L, 8)) return;
  lua_pushcfunction(L, finish_pictures);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) lua_pop(L, 1);
}

static void attend(struct loop *loop, uint32_t why) {
  struct worker *w = loop->worker;
  if (why & ATTENTION_VIEW) {
    program_seat(loop->seat)->attention |= ATTENTION_VIEW; // it is taken back as it is answered
    watch_publish(loop);
  }
  if ((why & ATTENTION_NAME) && w) prctl(PR_SET_NAME, w->head.name);
  if ((why & ATTENTION_WORKER) && w && w->cancels) {
    uint32_t n = atomic_exchange(&w->cancels, 0);
    task_note_canceller(loop->main_task, w->by);
    while (n-- > 0)
      task_cancel(loop->main_task, REASON_CANCEL, false);
    for (uint32_t i = 0; w->hard && i < loop->task_cap; i++)
      if (loop->tasks[i]) task_cancel(loop->tasks[i], REASON_CANCEL, true);
    if (w->hard) loop_release(loop);
  }
  if (loop->seat != arena->root_seat || program_slot != 0) return;
  if (!gil_running) print_if_asked(loop->base);
  for (uint32_t n = atomic_exchange(&arena->main_cancels, 0); n > 0 && loop->main_task; n--)
    task_cancel(loop->main_task, REASON_CANCEL, false);
  if (arena->deadlock && entry) {
    arena->deadlock = 0;
    task_cancel(entry, REASON_CANCEL, false);
  }
  if (arena->deadlock) {
    draw_what_led_here(loop->base);
    fflush(NULL);
    worker_kill_all();
    _exit(STATUS_DEADLOCK);
  }
  uint32_t came = interrupts;
  if (came == interrupts_seen || !loop->main_task) return;
  // One that came as an entry had just ended is for whoever is in front next. An entry that goes on
  // after a Ctrl-C, or hides it, is stopped for good by the next.
  struct task *front = loop->main_task;
  bool twice = front->reason == REASON_INTERRUPTED || came - interrupts_seen > 1;
  bool again = interactive && !front->main && twice;
  if (task_cancel(front, REASON_INTERRUPTED, again) || !interactive) interrupts_seen = came;
}

// A running coroutine was made to look: requests are seen to, and a stop for good or Ctrl-C is
// raised right here.
static void look(lua_State *L) {
  struct loop *loop = loop_self;
  struct program_seat *seat = program_seat(loop->seat);
  struct task *task = loop->current;
  bool root = loop->seat == arena->root_seat && program_slot == 0;
  bool interrupted = root && interrupts != interrupts_seen;
  uint32_t why = atomic_exchange(&seat->attention, 0);
  if (why) attend(loop, why);
  uint32_t later = why & (ATTENTION_RESCAN | ATTENTION_CAUGHT | ATTENTION_BACK);
  if (later) program_ask(loop->seat, later);
  if (root) print_if_asked(L);
  if (!task) return;
  bool mine = task == loop->main_task || !interactive;
  if (interrupted && mine && task != loop->main_task) {
    task_cancel(task, REASON_INTERRUPTED, false);
  }
  bool stop = task->hard && task->budget == 0; // not while its clean-up runs
  if (stop || (interrupted && mine && task->cancels && !task->shields)) task_raise_pending(L, task);
}

// From now on a deadlock stops this task of the root's main loop alone, and the program goes on;
// NULL: it ends the program. For a REPL.
void worker_set_entry(struct task *task) { entry = task; }

// From now on Ctrl-C and a deadlock stop this task of the root's main loop alone; the program goes
// on. For a REPL at a terminal. A Ctrl-C that the one before did not get to see is for this one.
void worker_set_foreground(struct task *task) {
  struct task *before = loop_self->main_task;
  bool first = !interactive;
  interactive = true;
  entry = loop_self->main_task = task;
  bool unseen = !first && before != task && before->cancels && !before->hard;
  if (unseen && before->reason == REASON_INTERRUPTED) {
    before->cancels = 0;
    task_cancel(task, REASON_INTERRUPTED, false);
  }
  if (interrupts != interrupts_seen) program_ask(arena->root_seat, ATTENTION_SIGNAL);
}

// How often Ctrl-C came so far. From any thread of the root.
uint32_t worker_interrupts(void) { return interrupts; }

// How many of them somebody was asked to stop for.
uint32_t worker_interrupts_seen(void) { return interrupts_seen; }

// Those that came so far are dealt with; the running task, which did it, is not to be stopped.
void worker_forget_interrupts(void) {
  interrupts_seen = interrupts;
  loop_self->current->cancels = 0;
}

// What every process of the program does first.
void worker_init_process(void) {
  sync_classes[SYNC_WORKER] = &worker_class;
  value_set_key(arena->key);
  object_cross();
  queue_cross();
  barrier_cross();
  dict_cross();
  pipe_cross();
  gil_install_signals();
  process_install_signals();
  gil_set_look(look);
  loop_set_attention(attend);
  loop_set_deadlock_checks(deadlock_check, deadlock_check_cycle);
  signal(SIGPIPE, SIG_IGN);
}

// Makes the calling process the program's root; the arena is new.
void worker_init_root(void) {
  uint32_t slot = program_process_alloc(0);
  uint32_t seat = program_seat_alloc(slot, 0);
  struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
  program_slot = slot;
  program_process(slot)->pid = getpid();
  program_process(slot)->state = PROCESS_LIVE;
  program_seat_sit(seat);
  trace_thread_begin("main", 0);
  arena->root_seat = seat;
  arena->layout = peer_layout();
  arena->root_id = atomic_fetch_add(&arena->next_id, 1);
  worker_init_process();
  sigaction(SIGINT, &action, NULL);
  action.sa_handler = on_quit;
  sigaction(SIGQUIT, &action, NULL);
}

static bool others_live(void) {
  for (uint32_t i = 1; i < arena->process_top; i++)
    if (program_process(i)->state != PROCESS_FREE) return true;
  return false;
}

static void await_processes(void) {
  int64_t limit = clock_now() + PATIENCE;
  if (others_live()) program_ask(arena->reaper_seat, ATTENTION_WORKER); // not to await others
  while (others_live() && clock_now() < limit)
    usleep(200);
}

// Ends the program's other processes (the fork server, and what was left) and closes the main
// interpreter.
void worker_end_root(struct loop *loop) {
  worker_kill_all();
  await_processes();
  if (loop->interp->loop_count == 1) {
    loop_free(loop);
  } else {
    fflush(NULL); // a thread that could not be stopped is still in there
    _exit(1);
  }
}
