/* Limits without Lua: a bounded ring of one mutex and two condition variables, between threads or
 * (robust, in shared memory) between processes; ping-pong over two such rings; fork and wait. */
#include "harness.h"
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
  pthread_mutex_t m;
  pthread_cond_t not_empty, not_full;
  unsigned head, count, cap, item, get_wait, put_wait;
  unsigned char data[];
} ring;

static void ring_init_locks(ring *r, int shared) {
  pthread_mutexattr_t a;
  pthread_condattr_t c;
  pthread_mutexattr_init(&a);
  pthread_condattr_init(&c);
  if (shared) {
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_condattr_setpshared(&c, PTHREAD_PROCESS_SHARED);
  }
  pthread_mutex_init(&r->m, &a);
  pthread_cond_init(&r->not_empty, &c);
  pthread_cond_init(&r->not_full, &c);
}

static ring *ring_new(unsigned cap, unsigned item, int shared) {
  ring *r = mmap(NULL, sizeof(ring) + (size_t)cap * item, PROT_READ | PROT_WRITE,
                 (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS, -1, 0);
  if (r == MAP_FAILED) abort();
  ring_init_locks(r, shared);
  r->cap = cap;
  r->item = item;
  return r;
}

static void ring_free(ring *r) { munmap(r, sizeof(ring) + (size_t)r->cap * r->item); }

static void ring_lock(ring *r) {
  if (pthread_mutex_lock(&r->m) == EOWNERDEAD) pthread_mutex_consistent(&r->m);
}

static void ring_wait(ring *r, pthread_cond_t *c, unsigned *waiting) {
  ++*waiting;
  if (pthread_cond_wait(c, &r->m) == EOWNERDEAD) pthread_mutex_consistent(&r->m);
  --*waiting;
}

static void ring_put(ring *r, const void *x) {
  ring_lock(r);
  while (r->count == r->cap)
    ring_wait(r, &r->not_full, &r->put_wait);
  memcpy(r->data + (size_t)((r->head + r->count) % r->cap) * r->item, x, r->item);
  r->count++;
  int wake = r->get_wait > 0;
  pthread_mutex_unlock(&r->m);
  if (wake) pthread_cond_signal(&r->not_empty);
}

static void ring_get(ring *r, void *x) {
  ring_lock(r);
  while (r->count == 0)
    ring_wait(r, &r->not_empty, &r->get_wait);
  memcpy(x, r->data + (size_t)r->head * r->item, r->item);
  r->head = (r->head + 1) % r->cap;
  r->count--;
  int wake = r->put_wait > 0;
  pthread_mutex_unlock(&r->m);
  if (wake) pthread_cond_signal(&r->not_full);
}

/* ---- k producers and k consumers on threads ---- */
typedef struct {
  ring *q;
  long n;
  pthread_barrier_t *bar;
} job;

static void *producer(void *p) {
  job *j = p;
  pthread_barrier_wait(j->bar);
  for (int64_t i = 0; i < j->n; i++)
    ring_put(j->q, &i);
  return NULL;
}

static void *consumer(void *p) {
  job *j = p;
  int64_t x;
  pthread_barrier_wait(j->bar);
  for (long i = 0; i < j->n; i++)
    ring_get(j->q, &x);
  return NULL;
}

static double queue_4x4(long n) {
  enum { K = 4 };
  pthread_barrier_t bar;
  pthread_barrier_init(&bar, NULL, 2 * K + 1);
  job j = {ring_new(1024, sizeof(int64_t), 0), n / K, &bar};
  pthread_t t[2 * K];
  for (int i = 0; i < 2 * K; i++)
    pthread_create(&t[i], NULL, i < K ? producer : consumer, &j);
  pthread_barrier_wait(&bar);
  double t0 = bench_now();
  for (int i = 0; i < 2 * K; i++)
    pthread_join(t[i], NULL);
  t0 = bench_now() - t0;
  ring_free(j.q);
  return t0;
}

/* ---- one process that puts, k that get ---- */
enum { LAST = 255 };

static void drain(ring *q, ring *done) {
  unsigned char buf[1024] = {0}, one = 1;
  ring_put(done, &one);
  while (buf[0] != LAST)
    ring_get(q, buf);
  ring_put(done, &one);
  _exit(0);
}

static void await(ring *done, int k) {
  unsigned char one;
  while (k-- > 0)
    ring_get(done, &one);
}

static double queue_processes(long n, int k, unsigned item) {
  ring *q = ring_new(1024, item, 1), *done = ring_new(16, 1, 1);
  unsigned char buf[1024] = {0};
  for (int i = 0; i < k; i++)
    if (fork() == 0) drain(q, done);
  await(done, k);
  double t0 = bench_now();
  for (long i = 0; i < n; i++) {
    buf[1] = (unsigned char)i;
    ring_put(q, buf);
  }
  buf[0] = LAST;
  for (int i = 0; i < k; i++)
    ring_put(q, buf);
  await(done, k);
  t0 = bench_now() - t0;
  for (int i = 0; i < k; i++)
    wait(NULL);
  ring_free(q);
  ring_free(done);
  return t0;
}

static double process_1x1(long n) { return queue_processes(n, 1, 8); }
static double process_1x4(long n) { return queue_processes(n, 4, 8); }
static double process_1k(long n) { return queue_processes(n, 1, 1024); }

/* ---- ping-pong over two rings of one ---- */
static ring *ping, *pong;
static long rounds;

static void *answer(void *unused) {
  int64_t x;
  (void)unused;
  for (long i = 0; i < rounds; i++) {
    ring_get(ping, &x);
    ring_put(pong, &x);
  }
  return NULL;
}

static void pingpong_open(long n, int shared) {
  rounds = n;
  ping = ring_new(1, sizeof(int64_t), shared);
  pong = ring_new(1, sizeof(int64_t), shared);
}

static double pingpong_play(void) {
  double t0 = bench_now();
  for (int64_t i = 0; i < rounds; i++) {
    ring_put(ping, &i);
    ring_get(pong, &i);
  }
  return bench_now() - t0;
}

static void pingpong_close(void) {
  ring_free(ping);
  ring_free(pong);
}

static double pingpong_thread(long n) {
  pthread_t t;
  pingpong_open(n, 0);
  pthread_create(&t, NULL, answer, NULL);
  double seconds = pingpong_play();
  pthread_join(t, NULL);
  pingpong_close();
  return seconds;
}

static double pingpong_process(long n) {
  pingpong_open(n, 1);
  if (fork() == 0) {
    answer(NULL);
    _exit(0);
  }
  double seconds = pingpong_play();
  wait(NULL);
  pingpong_close();
  return seconds;
}

/* ---- starting processes ---- */
static double start_fork(long n) {
  double t0 = bench_now();
  for (long i = 0; i < n; i++) {
    pid_t p = fork();
    if (p == 0) _exit(0);
    waitpid(p, NULL, 0);
  }
  return bench_now() - t0;
}

const bench_work ring_works[] = {
    {"queue_isolate_4x4", "mutex ring", "items/s", 10000, queue_4x4, 0},
    {"queue_process_1x1", "robust ring", "items/s", 10000, process_1x1, 0},
    {"queue_process_1x4", "robust ring", "items/s", 10000, process_1x4, 0},
    {"queue_process_1k", "robust ring", "items/s", 10000, process_1k, 0},
    {"pingpong_isolate", "condvars", "round trips/s", 1000, pingpong_thread, 0},
    {"pingpong_process", "robust mutex, condvars", "round trips/s", 1000, pingpong_process, 0},
    {"start_fork", "fork, waitpid", "starts/s", 100, start_fork, 0},
    {0},
};
