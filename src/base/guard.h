// The guard: the lock that protects one shared object for a few instructions. It survives its
// holder's death: whoever takes it next is told, and repairs. One word: bit 31 somebody sleeps, bit
// 30 the last holder died, the rest the holder's seat (an OS thread's place in the program) and its
// generation. Each seat publishes the guards it is at; when a process has died, guard_bury() visits
// those. A waiter looks now and then whether the holder has died. Stands on: futex, program.
#ifndef HEDDLE_BASE_GUARD_H
#define HEDDLE_BASE_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { GUARD_DEPTH = 4 };

struct guard {
  _Atomic uint32_t word;
};

// What a seat publishes: where its thread takes, holds or waits for a guard (arena offsets, 0:
// nowhere).
struct guard_at {
  _Atomic uint64_t at[GUARD_DEPTH];
};

void guard_set_owner(struct guard_at *at, uint32_t owner);
bool guard_lock(struct guard *guard);
void guard_unlock(struct guard *guard);
void guard_bury(struct guard_at *at, uint32_t owner);

// In checking builds: a thread may lose its core at any store into shared memory, and the Nth may
// be told to be this process's last, or to stop it.
#ifdef HEDDLE_STRESS
void guard_step(void);
void guard_signal_after(long stores, int signal);
#else
#define guard_step() atomic_signal_fence(memory_order_seq_cst) // stores stay in this order
#endif

#endif
