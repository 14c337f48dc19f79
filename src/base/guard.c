#include "base/guard.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/cores.h"
#include "base/futex.h"
#include "base/program.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define WAITERS 0x80000000u
#define DIED 0x40000000u
#define OWNER 0x3fffffffu

enum { SPINS = 100 };
static const int64_t PATIENCE = 10000000; // ns until a waiter asks whether the holder has died

static _Thread_local struct guard_at *my_at;
static _Thread_local uint32_t my_owner;
static _Thread_local int depth;

#ifdef HEDDLE_STRESS
static _Atomic long stores_left = -1;
static int last_signal;

// A thread may lose its core between any two stores: every now and then it does.
static void lose_core(void) {
  static _Thread_local uint64_t stores;
  int error = errno;
  if (((my_owner + ++stores) * 0x9e3779b97f4a7c15u) >> 57 == 0) usleep(100);
  errno = error;
}

// Counts one store into shared memory and sends this process its signal when it was the one asked
// for.
void guard_step(void) {
  lose_core();
  if (atomic_load_explicit(&stores_left, memory_order_relaxed) < 0) return;
  if (atomic_fetch_sub(&stores_left, 1) == 0) kill(getpid(), last_signal);
}

// After `stores` more stores into shared memory this process gets a signal: SIGKILL or SIGSTOP; -1:
// never.
void guard_signal_after(long stores, int signal) {
  last_signal = signal;
  atomic_store(&stores_left, stores);
}
#endif

// Tells who this OS thread is: `owner` is its seat and generation, never 0; `at` is published
// there.
void guard_set_owner(struct guard_at *at, uint32_t owner) {
  my_at = at;
  my_owner = owner & OWNER;
  depth = 0;
}

static inline void publish(uint64_t guard) {
  atomic_store_explicit(&my_at->at[depth], guard, memory_order_relaxed);
  atomic_signal_fence(memory_order_seq_cst); // before the exchange, in this thread's own order
}

static void bury_one(struct guard *guard, uint32_t owner) {
  uint32_t v = atomic_load(&guard->word), next;
  do {
    next = (v & OWNER) == owner ? WAITERS | DIED : v | WAITERS;
  } while (!atomic_compare_exchange_weak(&guard->word, &v, next));
  futex_wake(&guard->word, INT32_MAX);
}

// A dead holder is not waited for: who is to bury it may be waiting here itself, busy with another
// one that died just before.
static void sleep_on(struct guard *guard, uint32_t v) {
  futex_wait(&guard->word, v, clock_now() + PATIENCE);
  if (atomic_load(&guard->word) == v && program_owner_died(v & OWNER)) bury_one(guard, v & OWNER);
}

static bool lock_slowly(struct guard *guard) {
  uint32_t keep = 0;
  for (int spin = 0;;) {
    uint32_t v = atomic_load_explicit(&guard->word, memory_order_relaxed);
    if ((v & OWNER) == 0) {
      // who slept keeps the waiters bit: others may sleep still
      if (atomic_compare_exchange_strong(&guard->word, &v, (v & WAITERS) | keep | my_owner))
        return guard_step(), (v & DIED) != 0;
      continue;
    }
    if (keep == 0 && spin < SPINS && cores_usable() > 1) {
      spin++;
      cores_pause();
      continue;
    }
    if (!(v & WAITERS) && !atomic_compare_exchange_strong(&guard->word, &v, v | WAITERS)) continue;
    sleep_on(guard, v | WAITERS);
    keep = WAITERS;
  }
}

// Takes the guard. Returns true if its last holder died inside: what it protects must be repaired
// first.
bool guard_lock(struct guard *guard) {
  publish(arena_offset(guard));
  depth++;
  uint32_t free = 0;
  if (atomic_compare_exchange_strong_explicit(&guard->word, &free, my_owner, memory_order_acquire,
                                              memory_order_relaxed)) {
    guard_step();
    return false;
  }
  return lock_slowly(guard);
}

// Gives the guard up.
void guard_unlock(struct guard *guard) {
  guard_step();
  uint32_t v = atomic_exchange_explicit(&guard->word, 0, memory_order_release);
  guard_step();
  if (v & WAITERS) futex_wake(&guard->word, 1);
  depth--;
  atomic_signal_fence(memory_order_seq_cst);
  publish(0);
}

// After a process has died: releases the guards one of its threads held, marks them, and wakes
// every sleeper of a guard it was at, since it may have been on its way to wake the next. Called
// once for each seat.
void guard_bury(struct guard_at *at, uint32_t owner) {
  for (int i = 0; i < GUARD_DEPTH; i++) {
    uint64_t offset = atomic_load(&at->at[i]);
    if (offset == 0 || offset >= ARENA_SIZE) continue;
    bury_one(arena_at(offset), owner & OWNER);
  }
}
