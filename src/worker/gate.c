#include "worker/worker.h"

#include "base/forked.h"

#include <pthread.h>

// A writer waits for the readers to leave; nested entries of one thread count once.
// The writer goes first, or busy readers would keep it out.
FORKED static pthread_rwlock_t gate = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static _Thread_local int inside;

// A thread that may take locks of libc or OpenSSL without holding the GIL enters here.
void gate_enter(void) {
  if (inside++ == 0) pthread_rwlock_rdlock(&gate);
}

// It leaves: before it sleeps, and when it ends.
void gate_leave(void) {
  if (--inside == 0) pthread_rwlock_unlock(&gate);
}

// A thread that forks keeps the others out.
void gate_close(void) {
  if (inside) pthread_rwlock_unlock(&gate);
  pthread_rwlock_wrlock(&gate);
}

// After the fork, in the parent.
void gate_open(void) {
  pthread_rwlock_unlock(&gate);
  if (inside) pthread_rwlock_rdlock(&gate);
}

// After the fork, in the child: a new gate, since a lock knows the thread that closed it by its id.
void gate_renew(void) {
  gate = (pthread_rwlock_t)PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
  if (inside) pthread_rwlock_rdlock(&gate);
}
