// The start method "fork": the child goes on in the parent's heap, as the forking thread alone.
#include "worker/rest.h"

#include "sync/object_lua.h"
#include "trace/trace.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void become_child(struct loop *loop, uint32_t slot, uint32_t seat, pid_t parent,
                                   const sigset_t *old) {
  trace_after_fork();
  park_after_fork();
  reaper_forget();
  rest_forget();
  process_adopt_slot(slot, seat, (uint32_t)parent);
  worker_own_loop(loop, seat);
  gate_renew();
  pthread_sigmask(SIG_SETMASK, old, NULL);
  process_child(loop, slot);
}

static bool has_isolates(void) {
  for (uint32_t i = 0; i < arena->seat_top; i++) {
    const struct program_seat *seat = program_seat(i);
    if (seat->used == program_slot + 1 && (seat->flags & SEAT_ISOLATE)) return true;
  }
  return false;
}

// What is not written yet would be written by the child as well. Threads of this interpreter are in
// no file now; an isolate may be, waiting for input for as long as it likes.
static void flush_files(void) {
  if (!has_isolates()) {
    fflush(NULL);
  } else if (ftrylockfile(stdout) == 0) {
    fflush(stdout);
    funlockfile(stdout);
  }
}

// Forks for a worker. Returns the child's pid, -1 with errno set; never in the child.
int process_fork(uint32_t slot, uint32_t seat) {
  sigset_t all, old;
  pid_t parent = getpid();
  object_retain_all_for(loop_self->interp, slot);
  flush_files();
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  gate_close();
  pid_t pid = fork();
  if (pid == 0) become_child(loop_self, slot, seat, parent, &old);
  gate_open();
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (pid > 0) {
    program_process(slot)->pid = pid;
    reaper_watch(slot, pid);
  }
  return pid;
}
