/* Linked into the build for AddressSanitizer only, whose allocator (GCC 12's, LLVM's before 17) is
 * not ready for a fork beside other threads: the child inherits the locks that they held and hangs
 * in its first allocation. Holds those locks over a fork, as later versions do by themselves;
 * they are within reach only where the sanitizer is linked in statically. */
#include <pthread.h>

/* C++ names of the sanitizer's: __lsan::LockThreadRegistry() and so on. */
void lock_threads(void) __asm__("_ZN6__lsan18LockThreadRegistryEv");
void unlock_threads(void) __asm__("_ZN6__lsan20UnlockThreadRegistryEv");
void lock_allocator(void) __asm__("_ZN6__lsan13LockAllocatorEv");
void unlock_allocator(void) __asm__("_ZN6__lsan15UnlockAllocatorEv");
void lock_stacks(void) __asm__("_ZN11__sanitizer17StackDepotLockAllEv");
void unlock_stacks(void) __asm__("_ZN11__sanitizer19StackDepotUnlockAllEv");

static void before_fork(void) {
  lock_threads();
  lock_allocator();
  lock_stacks();
}

static void after_fork(void) {
  unlock_stacks();
  unlock_allocator();
  unlock_threads();
}

/* First of all constructors that register something: the last to run before a fork, the first
 * after it. */
__attribute__((constructor(101))) static void hold_over_forks(void) {
  pthread_atfork(before_fork, after_fork, after_fork);
}
