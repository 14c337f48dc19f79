#include "worker/worker.h"

#include "sync/object_lua.h"
#include "trace/trace.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

enum { STACK = 256 * 1024 };

static bool start_os_thread(void *(*body)(void *), struct worker_thread *given) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  pthread_attr_setstacksize(&attributes, STACK);
#endif
  bool started = pthread_create(&thread, &attributes, body, given) == 0;
  pthread_attr_destroy(&attributes);
  return started;
}

// Starts an OS thread with a seat for a worker. Returns false when there is no room for another.
static bool start_with_seat(struct worker *w, struct interp *interp, void *(*body)(void *)) {
  uint32_t seat = program_seat_alloc(program_slot, interp ? 0 : SEAT_ISOLATE);
  if (seat == UINT32_MAX) return false;
  struct worker_thread *given = malloc(sizeof *given);
  if (!given) return false;
  *given = (struct worker_thread){w, seat, interp};
  snprintf(program_seat(seat)->name, 32, "%.31s", w->head.name);
  w->seat = seat + 1;
  w->pid = (int32_t)arena->root_pid;
  sync_retain(&w->head);
  if (start_os_thread(body, given)) return true;
  w->seat = 0;
  sync_release(&w->head);
  program_seat_free(seat);
  free(given);
  return false;
}

static struct worker *sit_down(void *argument, struct interp **interp) {
  struct worker_thread given = *(struct worker_thread *)argument;
  free(argument);
  program_seat_sit(given.seat);
  prctl(PR_SET_NAME, given.worker->head.name);
  trace_thread_begin(given.worker->head.name, given.worker->order);
  *interp = given.interp;
  return given.worker;
}

static void finish(struct worker *w, enum worker_outcome outcome) {
  program_seat(program_seat_index)->flags |= SEAT_LEAVING;
  worker_finish(w, outcome);
  sync_release(&w->head);
}

static void stand_up(void) {
  uint32_t seat = program_seat_index;
  park_thread_end();
  queue_thread_end();
  dict_thread_end();
  jobs_thread_end();
  worker_thread_end();
  worker_starter_end();
  program_forget_bells();
  trace_thread_end();
  program_seat_free(seat);
  deadlock_check(); // who looked while the seat was still taken saw hope in it
}

// threads --------------------------------------------------------------------------------------

static void *thread_main(void *argument) {
  struct interp *interp;
  struct worker *w = sit_down(argument, &interp);
  gil_take(&interp->gil);
  struct loop *loop = loop_new(interp, program_seat_index);
  loop->model = MODEL_THREAD;
  enum worker_outcome outcome = worker_run_thread(loop, w);
  loop_free(loop);
  finish(w, outcome);
  stand_up();
  return NULL;
}

// Starts a thread of an interpreter. Its function is in the handle's uservalue.
bool worker_start_thread(struct worker *w, struct interp *interp) {
  return start_with_seat(w, interp, thread_main);
}

// isolates -------------------------------------------------------------------------------------

static struct interp *_Atomic spare; // with its libraries open, for the next isolate

// Opening an interpreter takes as long as starting an OS thread: an isolate that has ended, and
// that nobody waits for any more, does it for the next one.
static void prepare_spare(void) {
  if (atomic_load(&spare)) return;
  struct loop *loop = worker_open_interpreter(0);
  if (!loop) return;
  struct interp *interp = loop->interp, *none = NULL;
  bool fine = worker_open_now(loop);
  loop_detach(loop);
  if (!fine || !atomic_compare_exchange_strong(&spare, &none, interp)) loop_interp_free(interp);
}

static struct loop *open_interpreter(size_t memory_cap) {
  struct interp *interp = memory_cap ? NULL : atomic_exchange(&spare, NULL);
  if (!interp) return worker_open_interpreter(memory_cap);
  gil_take(&interp->gil);
  return loop_new(interp, program_seat_index);
}

static void *isolate_main(void *argument) {
  struct interp *none;
  struct worker *w = sit_down(argument, &none);
  struct loop *loop = open_interpreter(w->memory);
  if (loop) {
    loop->model = MODEL_ISOLATE;
    worker_run(loop, w);
    loop_free(loop);
  }
  finish(w, OUTCOME_DIED); // unless it has left its outcome
  prepare_spare();
  stand_up();
  return NULL;
}

// Starts an isolate: an OS thread with an interpreter of its own.
bool worker_start_isolate(struct worker *w) { return start_with_seat(w, NULL, isolate_main); }
