#include "worker/worker.h"

#include "base/clock.h"
#include "base/forked.h"
#include "base/futex.h"
#include "trace/trace.h"
#include "value/value.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLOWEST_BIRTH 10.0 // s that a process which the fork server makes may take

static const int64_t PATIENCE = 1000000000;

FORKED static pid_t parent_pid;
static int signal_parent;

// The kernel sends this when the *thread* that started us ends, too: only a dead process ends its
// children.
static void on_parent_death(int signal) {
  (void)signal;
  if (getppid() != parent_pid) kill(getpid(), SIGKILL);
}

// Called in each process that is no forked child, before it has a parent to die with.
void process_install_signals(void) {
  struct sigaction action = {.sa_handler = on_parent_death, .sa_flags = SA_RESTART};
  signal_parent = SIGRTMIN + 5;
  sigaction(signal_parent, &action, NULL);
}

static void die_with_parent(pid_t parent, bool lasting) {
  parent_pid = parent;
  prctl(PR_SET_PDEATHSIG, lasting ? SIGKILL : signal_parent);
}

// The slot may be another's by now if the parent died long ago. The root, which looks after
// orphans, needs the pid.
static void check_parent(struct program_process *p, pid_t parent) {
  bool orphan = getppid() != parent;
  if (!orphan || p->orphan) p->pid = getpid();
  guard_step();
  if (orphan) kill(getpid(), SIGKILL);
  if (p->doomed) kill(getpid(), p->doomed);
}

static void ignored(int signal) { (void)signal; }

// Ctrl-C and Ctrl-\ reach every process of the terminal's group; the root decides what they mean. A
// handler, not SIG_IGN: programs that are run from here get the default back.
static void leave_interrupts_to_root(void) {
  struct sigaction action = {.sa_handler = ignored, .sa_flags = SA_RESTART};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGQUIT, &action, NULL);
}

// The calling process becomes the one in `slot`: takes its seat, will die with its parent.
void process_adopt_slot(uint32_t slot, uint32_t seat, uint32_t parent) {
  struct program_process *p = program_process(slot);
  program_slot = slot;
  die_with_parent((pid_t)parent, p->lasting);
  check_parent(p, (pid_t)parent);
  leave_interrupts_to_root();
  program_seat_sit(seat);
  p->state = PROCESS_LIVE;
  prctl(PR_SET_NAME, p->name);
  trace_thread_begin(p->name, p->order);
}

static void limit(int resource, uint64_t value) {
  struct rlimit r = {value, value};
  if (value) setrlimit(resource, &r);
}

// The cap on the interpreter makes for good messages, the one on the address space holds for the
// rest, too.
static void limit_memory(struct loop *loop, uint64_t memory) {
  loop->interp->memory_cap = memory;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  limit(RLIMIT_AS, memory ? memory + ARENA_SIZE : 0);
#endif
}

static int exit_status(const struct worker *w) { return w->outcome == OUTCOME_DONE ? 0 : 1; }

static _Atomic uint32_t *pid_word(struct worker *w) { return (_Atomic uint32_t *)&w->pid; }

// The fork server's children have theirs a moment after the start. Returns 0 for one that was not
// started, or could not be.
int32_t process_pid(struct worker *w) {
  if (w->pid || !w->process || w->ended) return w->pid;
  int64_t limit = clock_deadline(SLOWEST_BIRTH);
  loop_gil_release();
  while (w->pid == 0 && w->process && !w->ended && clock_now() < limit)
    futex_wait(pid_word(w), 0, limit);
  loop_gil_acquire();
  return w->pid;
}

// Its pid is known, or it has ended without one.
void process_pid_known(struct worker *w, int32_t pid) {
  if (pid) w->pid = pid;
  futex_wake(pid_word(w), INT32_MAX);
}

static bool is_alone(void) {
  for (uint32_t i = 0; i < arena->seat_top; i++)
    if (program_seat(i)->used == program_slot + 1 && i != program_seat_index) return false;
  return true;
}

// The worker ends before its process: the kernel takes as long to take one apart as to make it, and
// who waits need not wait for that. Nothing of it must run or be held any more: it gives up what
// the reaper would take from it, and its descriptors.
static void end_before_process(struct worker *w) {
  program_forget_bells();
  close_range(STDERR_FILENO + 1, ~0u, 0);
  sync_leave_process();
  w->exit_code = exit_status(w);
  guard_step();
  program_seat(program_seat_index)->flags |= SEAT_LEAVING;
  worker_finish(w, OUTCOME_DIED); // unless it has left its outcome
}

// The whole life of a worker process from its loop on. Ends the process without the exit handlers
// of its parent.
_Noreturn void process_child(struct loop *loop, uint32_t slot) {
  uint64_t at = program_process(slot)->worker;
  if (!sync_is_object(at)) _exit(1);
  struct worker *w = arena_at(at);
  process_pid_known(w, getpid());
  if (w->hard) kill(getpid(), (int)w->hard);
  worker_open_now(loop); // fails again, with a message, in worker_run
  limit_memory(loop, w->memory);
  limit(RLIMIT_CPU, w->cpu);
  loop->model = MODEL_PROCESS;
  worker_run(loop, w);
  fflush(NULL);
  if (is_alone()) end_before_process(w);
  _exit(exit_status(w));
}

static int start_by_method(const struct worker *w, uint32_t slot, uint32_t seat) {
  switch (w->method) {
  case METHOD_FORK:
    return process_fork(slot, seat);
  case METHOD_SPAWN:
    return process_spawn(slot, seat);
  default:
    return process_forkserver(slot, seat);
  }
}

enum { MOST_LEAVING = 32 };

// Whether many processes whose workers have ended are not gone yet.
static bool many_are_leaving(void) {
  int n = 0;
  for (uint32_t i = 1; i < arena->process_top; i++) {
    const struct program_process *p = program_process(i);
    uint64_t at = p->worker;
    if (p->state == PROCESS_FREE || !sync_is_object(at)) continue;
    n += ((const struct worker *)arena_at(at))->ended;
  }
  return n > MOST_LEAVING;
}

// Who starts and joins in a row must not be faster for long than the kernel and the reaper.
static void let_them_leave(void) {
  int64_t limit = clock_now() + PATIENCE;
  if (!many_are_leaving()) return;
  loop_gil_release();
  while (many_are_leaving() && clock_now() < limit)
    usleep(100);
  loop_gil_acquire();
}

// Starts the process of a worker by the worker's method. Returns false, with errno set, when it
// could not.
bool worker_start_process(struct worker *w) {
  let_them_leave();
  uint32_t slot = program_process_alloc(program_slot);
  if (slot == UINT32_MAX) return errno = EAGAIN, false;
  uint32_t seat = program_seat_alloc(slot, 0);
  if (seat == UINT32_MAX || !reaper_start()) {
    program_process_free(slot);
    return errno = EAGAIN, false;
  }
  struct program_process *p = program_process(slot);
  p->worker = arena_offset(w);
  p->order = w->order;
  snprintf(p->name, sizeof p->name, "%.31s", w->head.name);
  snprintf(program_seat(seat)->name, 32, "%.31s", w->head.name);
  w->seat = seat + 1;
  w->process = slot + 1;
  sync_retain_for(&w->head, slot);
  worker_claim_start(w, slot);
  atomic_fetch_add(&arena->processes, 1);
  int pid = start_by_method(w, slot, seat);
  if (pid >= 0) {
    if (pid > 0) w->pid = pid;
    return true;
  }
  int error = errno;
  atomic_fetch_sub(&arena->processes, 1);
  w->seat = w->process = 0;
  sync_bury_process(slot);
  program_seat_free(seat);
  program_process_free(slot);
  return errno = error, false;
}
