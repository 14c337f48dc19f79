#include "worker/rest.h"

#include "sync/object_lua.h"
#include "trace/trace.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

enum { STACK = 1024 * 1024 }; // what 200 nested C calls, Lua's limit, can need

static bool start_os_thread(void *(*body)(void *), void *given) {
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

// A seat for the OS thread that is about to work for `w`. Returns false when there is none.
static bool reserve_seat(struct worker *w, uint32_t flags) {
  uint32_t seat = program_seat_alloc(program_slot, flags);
  if (seat == UINT32_MAX) return false;
  snprintf(program_seat(seat)->name, 32, "%.31s", w->head.name);
  w->seat = seat + 1;
  w->pid = (int32_t)arena->root_pid;
  sync_retain(&w->head);
  return true;
}

// There is no OS thread to be had.
static bool give_seat_back(struct worker *w) {
  uint32_t seat = w->seat - 1;
  w->seat = 0;
  sync_release(&w->head);
  program_seat_free(seat);
  return false;
}

static void sit_down(const struct worker *w) {
  program_seat_sit(w->seat - 1);
  prctl(PR_SET_NAME, w->head.name);
  trace_thread_begin(w->head.name, w->order);
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

struct given {
  struct worker *worker;
  struct interp *interp;
};

static void *thread_main(void *argument) {
  struct given given = *(struct given *)argument;
  free(argument);
  sit_down(given.worker);
  gil_take(&given.interp->gil);
  struct loop *loop = loop_new(given.interp, program_seat_index);
  loop->model = MODEL_THREAD;
  enum worker_outcome outcome = worker_run_thread(loop, given.worker);
  loop_free(loop);
  finish(given.worker, outcome);
  stand_up();
  return NULL;
}

// Starts a thread of an interpreter. Its function is in the handle's uservalue. Returns false when
// there is no room for another.
bool worker_start_thread(struct worker *w, struct interp *interp) {
  struct given *given = malloc(sizeof *given);
  if (given && reserve_seat(w, 0)) {
    *given = (struct given){w, interp};
    if (start_os_thread(thread_main, given)) return true;
    give_seat_back(w);
  }
  free(given);
  return false;
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
  interp->id = atomic_fetch_add(&arena->next_id, 1); // a forked child may have the same spare
  gil_take(&interp->gil);
  return loop_new(interp, program_seat_index);
}

// Works for one isolate. Returns whether the OS thread is to wait for another.
static bool serve(struct worker *w) {
  sit_down(w);
  struct loop *loop = open_interpreter(w->memory);
  if (loop) {
    loop->model = MODEL_ISOLATE;
    worker_run(loop, w);
    loop_free(loop);
  }
  bool stays = rest_announce(); // first: who has waited for this one may start the next at once
  finish(w, OUTCOME_DIED);      // unless it has left its outcome
  prepare_spare();
  stand_up();
  return stays;
}

static void *isolate_main(void *argument) {
  struct worker *w = argument;
  while (w)
    w = serve(w) ? rest_await() : NULL;
  return NULL;
}

// Starts an isolate: an OS thread with an interpreter of its own. Returns false when there is no
// room for another.
bool worker_start_isolate(struct worker *w) {
  if (!reserve_seat(w, SEAT_ISOLATE)) return false;
  return rest_call(w) || start_os_thread(isolate_main, w) || give_seat_back(w);
}
