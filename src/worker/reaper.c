// The reaper: a thread in each process that starts others. It learns of their deaths by their
// pidfds, reaps them and buries them: their guards are released, their places in line given up,
// their locks abandoned, their waiters woken. It touches no Lua and takes no lock of libc's. A
// process whose parent died is taken over by the root, which is the subreaper of the program.
#include "worker/worker.h"

#include "base/clock.h"
#include "base/forked.h"
#include "trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

enum { STACK = 128 * 1024, EVENTS = 32, EXIT_NOT_STARTED = 1 };
enum { TOGETHER = 2 }; // ms
#define BELL UINT64_MAX
static const int64_t UNBORN = 500000000; // ns for an orphan to tell its pid; it dies anyhow

FORKED static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;
static sem_t up;
FORKED static int poller = -1;
FORKED static int bell[2] = {-1, -1};
FORKED static uint32_t seat = UINT32_MAX;

// burial ---------------------------------------------------------------------------------------

static struct worker *worker_of(uint32_t slot) {
  uint64_t at = program_process(slot)->worker;
  if (!sync_is_object(at)) return NULL;
  struct worker *w = arena_at(at);
  return w->head.kind == SYNC_WORKER ? w : NULL;
}

// A process that called os.exit(0) had a good end, without results. What one that was cut off in
// the middle of leaving its results has left is not looked at. Returns whether it was cut off: it
// had not left an outcome. Mostly the worker has ended before its process.
static bool end_worker(struct worker *w, int status) {
  uint32_t none = OUTCOME_NONE;
  bool cut_off = w->outcome == OUTCOME_NONE || status < 0;
  if (w->ended) return status < 0;
  w->exit_code = status;
  guard_step();
  worker_drop_start(w); // it died before it had read that
  if (status == 0)
    atomic_compare_exchange_strong(&w->outcome, &none, OUTCOME_DONE);
  else if (atomic_compare_exchange_strong(&w->outcome, &none, OUTCOME_DIED))
    worker_drop_message(&w->end, w->end_size);
  guard_step();
  worker_finish(w, OUTCOME_DIED);
  return cut_off;
}

// The root looks after them from now on.
static void give_children_away(uint32_t dead) {
  bool orphans = false;
  for (uint32_t i = 1; i < arena->process_top; i++) {
    struct program_process *p = program_process(i);
    if (p->state == PROCESS_FREE || p->parent != dead) continue;
    if (p->state != PROCESS_DEAD) program_signal(i, SIGKILL);
    p->orphan = clock_now();
    guard_step();
    p->parent = 0;
    guard_step();
    orphans = true;
  }
  if (orphans) program_ask(arena->reaper_seat, ATTENTION_WORKER);
}

// Those that it had the fork server start. A request not yet served is taken back.
static void end_workers_of(uint32_t starter) {
  for (uint32_t i = 1; i < arena->process_top; i++) {
    uint32_t requested = PROGRAM_REQUESTED;
    struct program_process *p = program_process(i);
    if (p->state != PROCESS_LIVE && p->state != PROCESS_STARTING) continue;
    const struct worker *w = worker_of(i);
    if (!w || w->starter != starter) continue;
    if (atomic_compare_exchange_strong(&p->parent, &requested, program_slot))
      reaper_bury(i, -SIGKILL);
    else
      program_signal(i, SIGKILL);
  }
}

static void ask_all_to_rescan(void) {
  for (uint32_t i = 0; i < arena->seat_top; i++)
    if (program_seat(i)->used && !(program_seat(i)->flags & SEAT_NO_LOOP))
      program_ask(i, ATTENTION_RESCAN);
}

// Another fork server is started for the requests that are left.
static void forget_forkserver(uint32_t slot) {
  uint32_t server = slot + 1;
  if (!atomic_compare_exchange_strong(&arena->forkserver, &server, 0)) return;
  guard_step();
  arena->fork_request = 1;
  for (uint32_t i = 1; i < arena->process_top; i++) {
    const struct program_process *p = program_process(i);
    if (p->state != PROCESS_STARTING || p->parent != PROGRAM_REQUESTED) continue;
    reaper_ask_forkserver();
    return;
  }
}

static void clear(uint32_t slot, struct worker *w) {
  struct program_process *p = program_process(slot);
  uint32_t dead = PROCESS_DEAD;
  program_bury_seats(slot);
  guard_step();
  p->worker = 0;
  guard_step();
  if (w) sync_release(&w->head);
  guard_step();
  if (atomic_compare_exchange_strong(&p->state, &dead, PROCESS_FREE))
    atomic_fetch_sub(&arena->processes, 1);
}

static void reap(int pidfd) {
  siginfo_t info;
  if (pidfd < 0) return;
  waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
  close(pidfd);
}

// May be done again by another process after this one was cut off in the middle.
static void bury(uint32_t slot, int status, int pidfd) {
  struct program_process *p = program_process(slot);
  struct worker *w = worker_of(slot);
  p->status = status;
  p->state = PROCESS_DEAD;
  guard_step();
  if (w) sync_retain(&w->head); // the dead one's own go in a moment
  guard_step();
  program_bury_guards(slot);
  guard_step();
  trace_bury(slot, status);
  guard_step();
  end_workers_of(slot); // before this waits for a guard: a stopped one may hold it
  bool inside = sync_bury_process(slot);
  give_children_away(slot);
  forget_forkserver(slot);
  reap(pidfd);
  bool cut_off = !w || end_worker(w, status);
  if (inside) ask_all_to_rescan();
  if (cut_off) program_ring_all(); // it may have died about to ring
  clear(slot, w);
  program_forget_bells();
  deadlock_check();
}

// Everything that the death of the process in `slot` means for the rest.
void reaper_bury(uint32_t slot, int status) { bury(slot, status, -1); }

static int exit_status(const siginfo_t *info) {
  return info->si_code == CLD_EXITED ? info->si_status : -info->si_status;
}

// It stays a zombie until its pid is no use to anybody any more.
static void lay_to_rest(uint32_t slot, int pidfd) {
  siginfo_t info = {0};
  if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
    info.si_status = SIGKILL;
  bury(slot, exit_status(&info), pidfd);
}

// the thread -----------------------------------------------------------------------------------

// Looks after the processes whose parent has died. One that has no pid was about to be born and
// tells it now, or never was. Returns after how many milliseconds to look again, -1: not.
static int watch_orphans(void) {
  bool unborn = false;
  for (uint32_t i = 1; program_slot == 0 && i < arena->process_top; i++) {
    struct program_process *p = program_process(i);
    if (p->state == PROCESS_FREE || !p->orphan) continue;
    if (p->pid) {
      p->orphan = 0;
      reaper_watch(i, p->pid);
    } else if (clock_now() - p->orphan > UNBORN) {
      reaper_bury(i, -SIGKILL);
    } else {
      unborn = true;
    }
  }
  return unborn ? 20 : -1;
}

static bool start_server_in(uint32_t slot) {
  uint32_t server_seat = program_seat_alloc(slot, SEAT_NO_LOOP);
  struct program_process *p = program_process(slot);
  int pid;
  strcpy(p->name, "forkserver");
  p->lasting = 1; // this thread ends with the process
  arena->forkserver = slot + 1;
  atomic_fetch_add(&arena->processes, 1);
  if (server_seat == UINT32_MAX || !process_start_image("forkserver", slot, server_seat, &pid))
    return false;
  p->pid = pid;
  reaper_watch(slot, pid);
  return true;
}

static void refuse_requests(void) {
  for (uint32_t i = 1; i < arena->process_top; i++) {
    uint32_t requested = PROGRAM_REQUESTED;
    if (program_process(i)->state != PROCESS_STARTING) continue;
    if (atomic_compare_exchange_strong(&program_process(i)->parent, &requested, program_slot))
      reaper_bury(i, EXIT_NOT_STARTED);
  }
}

static void start_forkserver(void) {
  if (arena->forkserver) return;
  uint32_t slot = program_process_alloc(0);
  if (slot != UINT32_MAX && start_server_in(slot)) return;
  refuse_requests();
  if (slot != UINT32_MAX) reaper_bury(slot, EXIT_NOT_STARTED);
}

static void heed_bell(void) {
  char bytes[64];
  while (read(bell[0], bytes, sizeof bytes) > 0) {
  }
  program_seat(seat)->bell = BELL_POLLING;
  program_seat(seat)->attention = 0;
  if (program_slot == 0 && atomic_exchange(&arena->want_forkserver, 0)) start_forkserver();
}

static uint32_t slot_of(const struct epoll_event *event) {
  return (uint32_t)(event->data.u64 >> 32);
}

static bool is_urgent(const struct epoll_event *event) {
  if (event->data.u64 == BELL) return true;
  const struct worker *w = worker_of(slot_of(event));
  return !w || !w->ended;
}

// Processes whose workers ended before them have left nothing that anybody waits for. They are
// buried a few at a time: while this thread runs, each fork and each page that the starting thread
// writes to after one has the kernel interrupt this thread's core.
static int await_others(struct epoll_event *events, int n) {
  struct pollfd ring = {.fd = bell[0], .events = POLLIN};
  for (int i = 0; i < n; i++)
    if (is_urgent(&events[i])) return n;
  if (n <= 0 || n == EVENTS) return n;
  poll(&ring, 1, TOGETHER);
  int more = epoll_wait(poller, events + n, EVENTS - n, 0);
  return more > 0 ? n + more : n;
}

static void *reap_for_ever(void *argument) {
  struct epoll_event events[EVENTS];
  (void)argument;
  program_seat_sit(seat);
  prctl(PR_SET_NAME, "heddle-reaper");
  trace_thread_begin("reaper", 0);
  heed_bell();
  sem_post(&up);
  for (;;) {
    int n = await_others(events, epoll_wait(poller, events, EVENTS, watch_orphans()));
    for (int i = 0; i < n; i++) {
      if (events[i].data.u64 == BELL)
        heed_bell();
      else
        lay_to_rest(slot_of(&events[i]), (int)(uint32_t)events[i].data.u64);
    }
  }
  return NULL;
}

static bool open_bell(void) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = BELL};
  poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0 || pipe2(bell, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  seat = program_seat_alloc(program_slot, SEAT_NO_LOOP);
  if (seat == UINT32_MAX) return false;
  program_seat(seat)->bell_fd = bell[1];
  program_seat(seat)->bell = BELL_POLLING;
  return epoll_ctl(poller, EPOLL_CTL_ADD, bell[0], &event) == 0;
}

// Returns when the thread has its start behind it: a fork must not catch it there, in the C
// library.
static bool start_thread(void) {
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  sem_init(&up, 0, 0);
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  pthread_attr_setstacksize(&attributes, STACK);
#endif
  bool fine = pthread_create(&thread, &attributes, reap_for_ever, NULL) == 0;
  pthread_attr_destroy(&attributes);
  while (fine && sem_wait(&up) != 0) {
  }
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return fine;
}

// Makes sure that this process has its reaper. Returns false when it can't be had.
bool reaper_start(void) {
  pthread_mutex_lock(&starting);
  bool fine = poller >= 0;
  if (!fine) {
    if (program_slot == 0) prctl(PR_SET_CHILD_SUBREAPER, 1);
    fine = open_bell() && start_thread();
    if (program_slot == 0) arena->reaper_seat = seat;
  }
  pthread_mutex_unlock(&starting);
  return fine;
}

// In a forked child: the reaper is the parent's.
void reaper_forget(void) {
  pthread_mutex_init(&starting, NULL);
  if (poller >= 0) close(poller);
  if (bell[0] >= 0) close(bell[0]);
  if (bell[1] >= 0) close(bell[1]);
  poller = bell[0] = bell[1] = -1;
  seat = UINT32_MAX;
}

// The reaper looks after this process from now on. Returns false when it does not exist any more.
bool reaper_watch(uint32_t slot, int pid) {
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (pidfd < 0) {
    if (errno != ESRCH)
      kill(pid, SIGKILL); // out of descriptors: what can't be watched can't be had
    const struct program_process *p = program_process(slot);
    reaper_bury(slot, p->state == PROCESS_DEAD ? p->status : -SIGKILL);
    return false;
  }
  struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT,
                              .data.u64 = (uint64_t)slot << 32 | (uint32_t)pidfd};
  return epoll_ctl(poller, EPOLL_CTL_ADD, pidfd, &event) == 0;
}

static bool is_ours(pid_t pid) {
  for (uint32_t i = 1; i < arena->process_top; i++)
    if (program_process(i)->state != PROCESS_FREE && program_process(i)->pid == pid) return true;
  return false;
}

// Reaps the dead that this process has taken in from elsewhere, as the root does with whatever its
// descendants leave behind. To be called when no child of a library (popen) is waited for: it would
// be taken, too. Returns how many.
int reaper_reap_strangers(void) {
  int n = 0;
  for (;; n++) {
    siginfo_t info = {0};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return n;
    if (is_ours(info.si_pid)) return n;
    waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
  }
}

// Has the root start the fork server.
void reaper_ask_forkserver(void) {
  arena->want_forkserver = 1;
  program_ask(arena->reaper_seat, ATTENTION_WORKER);
}
