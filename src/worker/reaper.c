// The reaper: a thread in each process that starts others. It learns of their deaths by their
// pidfds, reaps them and buries them: their guards are released, their places in line given up,
// their locks abandoned, their waiters woken. It touches no Lua and takes no lock of libc's. A
// process whose parent died is taken over by the root, which is the subreaper of the program.
#include "worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
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

enum { STACK = 128 * 1024, EVENTS = 32 };
#define BELL UINT64_MAX

static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;
static int poller = -1;
static int bell[2] = {-1, -1};
static uint32_t seat = UINT32_MAX;

// burial
// ----------------------------------------------------------------------------------------------------

// Ends the worker of a process. Returns whether the process was cut off: it had not left an
// outcome.
static bool end_worker(uint32_t slot, int status) {
  uint64_t at = program_process(slot)->worker;
  if (!sync_is_object(at)) return true;
  struct worker *w = arena_at(at);
  bool cut_off = w->outcome == OUTCOME_NONE || status < 0;
  w->exit_code = status;
  worker_finish(w, status == 0 ? OUTCOME_DONE
                               : OUTCOME_DIED); // os.exit(0) is a good end without results
  return cut_off;
}

static void take_over_children(uint32_t dead) {
  bool orphans = false;
  for (uint32_t i = 1; i < arena->process_top; i++) {
    struct program_process *p = program_process(i);
    if (p->state == PROCESS_FREE || p->parent != dead) continue;
    if (p->pid) kill(p->pid, SIGKILL);
    p->parent = 0;
    p->orphan = 1;
    orphans = true;
  }
  if (orphans) program_ask(arena->reaper_seat, ATTENTION_WORKER);
}

static void kill_workers_of(uint32_t starter) {
  for (uint32_t i = 1; i < arena->process_top; i++) {
    struct program_process *p = program_process(i);
    if (p->state != PROCESS_LIVE || !sync_is_object(p->worker)) continue;
    if (((struct worker *)arena_at(p->worker))->starter == starter && p->pid) kill(p->pid, SIGKILL);
  }
}

static void ask_all_to_rescan(void) {
  for (uint32_t i = 0; i < arena->seat_top; i++)
    if (program_seat(i)->used && !(program_seat(i)->flags & SEAT_NO_LOOP))
      program_ask(i, ATTENTION_RESCAN);
}

static void forget_forkserver(uint32_t slot) {
  uint32_t server = slot + 1;
  if (!atomic_compare_exchange_strong(&arena->forkserver, &server, 0)) return;
  for (uint32_t i = 1; i < arena->process_top; i++)
    if (program_process(i)->state == PROCESS_STARTING && program_process(i)->pid == 0)
      end_worker(i, -SIGKILL);
}

// Everything that the death of the process in `slot` means for the rest. May be done again after
// being cut off.
void reaper_bury(uint32_t slot, int status) {
  struct program_process *p = program_process(slot);
  p->status = status;
  p->state = PROCESS_DEAD;
  program_bury_guards(slot);
  bool inside = sync_bury_process(slot);
  kill_workers_of(slot);
  take_over_children(slot);
  forget_forkserver(slot);
  bool cut_off = end_worker(slot, status);
  program_bury_seats(slot);
  atomic_fetch_sub(&arena->processes, 1);
  program_process_free(slot);
  if (inside) ask_all_to_rescan();
  if (cut_off) program_ring_all(); // it may have died about to ring
  program_forget_bells();
  deadlock_check();
}

static int exit_status(const siginfo_t *info) {
  return info->si_code == CLD_EXITED ? info->si_status : -info->si_status;
}

static void reap(uint32_t slot, int pidfd) {
  siginfo_t info = {0};
  if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) != 0)
    info.si_status = SIGKILL;
  close(pidfd);
  reaper_bury(slot, exit_status(&info));
}

// the thread
// ------------------------------------------------------------------------------------------------

static void watch_orphans(void) {
  for (uint32_t i = 1; program_slot == 0 && i < arena->process_top; i++) {
    struct program_process *p = program_process(i);
    if (p->state == PROCESS_FREE || !p->orphan || p->pid == 0) continue;
    p->orphan = 0;
    reaper_watch(i, p->pid);
  }
}

static void start_forkserver(void) {
  if (arena->forkserver || program_slot != 0) return;
  uint32_t slot = program_process_alloc(0);
  uint32_t server_seat = slot == UINT32_MAX ? UINT32_MAX : program_seat_alloc(slot, SEAT_NO_LOOP);
  int pid;
  if (server_seat == UINT32_MAX) return;
  strcpy(program_process(slot)->name, "forkserver");
  atomic_fetch_add(&arena->processes, 1);
  if (!process_start_image("forkserver", slot, server_seat, &pid)) return;
  program_process(slot)->pid = pid;
  reaper_watch(slot, pid);
}

static void heed_bell(void) {
  char bytes[64];
  while (read(bell[0], bytes, sizeof bytes) > 0) {
  }
  program_seat(seat)->bell = BELL_POLLING;
  program_seat(seat)->attention = 0;
  watch_orphans();
  if (atomic_exchange(&arena->want_forkserver, 0)) start_forkserver();
}

static void *reap_for_ever(void *argument) {
  struct epoll_event events[EVENTS];
  (void)argument;
  program_seat_sit(seat);
  prctl(PR_SET_NAME, "heddle-reaper");
  heed_bell();
  for (;;) {
    int n = epoll_wait(poller, events, EVENTS, -1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.u64 == BELL)
        heed_bell();
      else
        reap((uint32_t)(events[i].data.u64 >> 32), (int)(uint32_t)events[i].data.u64);
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

static bool start_thread(void) {
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  pthread_attr_setstacksize(&attributes, STACK);
#endif
  bool fine = pthread_create(&thread, &attributes, reap_for_ever, NULL) == 0;
  pthread_attr_destroy(&attributes);
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
    reaper_bury(slot, -SIGKILL);
    return false;
  }
  struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT,
                              .data.u64 = (uint64_t)slot << 32 | (uint32_t)pidfd};
  return epoll_ctl(poller, EPOLL_CTL_ADD, pidfd, &event) == 0;
}

// Has the root start the fork server.
void reaper_ask_forkserver(void) {
  arena->want_forkserver = 1;
  program_ask(arena->reaper_seat, ATTENTION_WORKER);
}
