// The start method "forkserver": one clean process with one thread of Lua forks on request. It is
// started by the root, with the first request, and keeps an interpreter with its libraries open
// that each child goes on with.
#include "worker/worker.h"

#include "base/futex.h"
#include "trace/trace.h"

#include <signal.h>
#include <unistd.h>

enum { EXIT_NOT_STARTED = 1 };

// The server's slot + 1 while it lives.
static bool have_server(void) { return arena->forkserver != 0; }

// Asks the fork server for a process. Returns 0 (the pid comes later).
int process_forkserver(uint32_t slot, uint32_t seat) {
  (void)seat;
  guard_step();
  program_process(slot)->parent = PROGRAM_REQUESTED;
  guard_step();
  arena->fork_request = 1;
  guard_step();
  if (have_server())
    program_ring_process(arena->forkserver - 1);
  else
    reaper_ask_forkserver();
  return 0;
}

static uint32_t seat_of(uint32_t slot) {
  for (uint32_t i = 0; i < arena->seat_top; i++)
    if (program_seat(i)->used == slot + 1) return i;
  return UINT32_MAX;
}

static void fork_one(struct loop *loop, uint32_t slot) {
  pid_t server = getpid();
  uint32_t seat = seat_of(slot);
  struct program_process *p = program_process(slot);
  sigset_t all, old;
  p->lasting = 1;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &old);
  pid_t pid = fork();
  if (pid == 0) {
    trace_after_fork();
    park_after_fork();
    reaper_forget();
    process_adopt_slot(slot, seat, (uint32_t)server);
    loop->seat = seat;
    atomic_fetch_add(&arena->awake, 1);
    loop->interp->id = atomic_fetch_add(&arena->next_id, 1);
    gil_init(&loop->interp->gil);
    gil_take(&loop->interp->gil);
    sigprocmask(SIG_SETMASK, &old, NULL);
    process_child(loop, slot);
  }
  sigprocmask(SIG_SETMASK, &old, NULL);
  if (pid < 0) {
    reaper_bury(slot, EXIT_NOT_STARTED);
    return;
  }
  p->pid = pid;
  if (sync_is_object(p->worker)) process_pid_known(arena_at(p->worker), pid);
  reaper_watch(slot, pid);
}

// A request is taken by becoming its parent; one whose starter died may be taken by who buries
// that.
static void serve_requests(struct loop *loop) {
  if (atomic_exchange(&arena->fork_request, 0) == 0) return;
  for (uint32_t i = 1; i < arena->process_top; i++) {
    struct program_process *p = program_process(i);
    uint32_t nobody = PROGRAM_REQUESTED;
    if (p->state != PROCESS_STARTING || p->parent != nobody) continue;
    if (atomic_compare_exchange_strong(&p->parent, &nobody, program_slot)) fork_one(loop, i);
  }
}

// The fork server's life: ends with the root.
static _Noreturn void serve_for_ever(struct loop *loop, uint32_t seat) {
  struct program_seat *s = program_seat(seat);
  for (;;) {
    serve_requests(loop);
    atomic_store(&s->bell, BELL_ASLEEP);
    if (arena->fork_request == 0) futex_wait(&s->bell, BELL_ASLEEP, INT64_MAX);
    atomic_store(&s->bell, BELL_AWAKE);
  }
}

// Makes this process the fork server.
_Noreturn void process_serve_forks(uint32_t seat) {
  struct loop *loop = worker_open_interpreter(0);
  if (!loop || !worker_open_now(loop) || !reaper_start()) _exit(1);
  atomic_fetch_sub(&arena->awake, 1); // this loop never runs
  serve_for_ever(loop, seat);
}
