#include "worker/rest.h"

#include "base/clock.h"
#include "base/cores.h"
#include "base/forked.h"
#include "base/futex.h"
#include "worker/kernel.h"

#include <sys/prctl.h>

static const int64_t STAY = 20000000;   // ns that an OS thread waits for another isolate
static const int64_t SPIN_TIME = 30000; // of these awake, while a core is idle
enum { PAUSE = 16 };                    // turns without that when nobody came

// What the one that waits is about to do; else the cell of the worker that it is called for.
enum { NOBODY, AWAKE, ASLEEP };
FORKED static _Atomic uint32_t state;

static uint32_t cell_of(const struct worker *w) { return (uint32_t)(arena_offset(w) / ARENA_CELL); }
static struct worker *worker_in(uint32_t cell) { return arena_at((uint64_t)cell * ARENA_CELL); }

// The calling OS thread will be free in a moment. Returns false if another one waits already: then
// it must not wait.
bool rest_announce(void) {
  uint32_t nobody = NOBODY;
  return atomic_compare_exchange_strong(&state, &nobody, AWAKE);
}

// Gives an isolate's worker to the OS thread that waits or is about to. Returns false if there is
// none.
bool rest_call(const struct worker *w) {
  uint32_t now = atomic_load(&state);
  if (now != AWAKE && now != ASLEEP) return false;
  if (!atomic_compare_exchange_strong(&state, &now, cell_of(w))) return false;
  if (now == ASLEEP) futex_wake(&state, 1);
  return true;
}

// A start that comes at once finds the thread awake, if that takes no core from anybody.
static void spin(void) {
  static int pause; // one thread at a time is in here
  if (pause > 0) {
    pause--;
    return;
  }
  int64_t limit = clock_now() + SPIN_TIME;
  while (atomic_load_explicit(&state, memory_order_relaxed) == AWAKE) {
    if (arena->awake < cores_usable() && clock_now() < limit) continue;
    pause = PAUSE;
    return;
  }
}

// Waits to be called. Returns the worker, NULL when the time has run out: then the OS thread ends.
struct worker *rest_await(void) {
  int64_t deadline = clock_now() + STAY;
  uint32_t awake = AWAKE;
  spin();
  if (atomic_compare_exchange_strong(&state, &awake, ASLEEP)) {
    prctl(PR_SET_NAME, "heddle-resting");
    while (atomic_load(&state) == ASLEEP && clock_now() < deadline)
      futex_wait(&state, ASLEEP, deadline);
  }
  uint32_t called = atomic_exchange(&state, NOBODY);
  if (called == ASLEEP) return NULL;
  worker_kernel_begin();
  gil_thread_begin();
  return worker_in(called);
}

// In a forked child: the OS thread is the parent's.
void rest_forget(void) { state = NOBODY; }
