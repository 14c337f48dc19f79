#include "base/clock.h"
#include "base/forked.h"
#include "base/program.h"
#include "loop/misuse_lua.h"
#include "loop/offload.h"
#include "loop/task.h"

#include <errno.h>
#include <lauxlib.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

enum { MOST_HELPERS = 32, STACK = 256 * 1024 };
static const int64_t IDLE = 50000000; // nanoseconds that a helper waits for another job

FORKED static pthread_mutex_t mutex =
    PTHREAD_MUTEX_INITIALIZER; // of all that follows, and loop->back
FORKED static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
FORKED static struct offload *first, *last; // waiting for a helper
FORKED static int helpers, idle;

// the helpers ----------------------------------------------------------------------------------

static struct offload *next_job(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  t.tv_nsec += IDLE;
  if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
  idle++;
  while (!first)
    if (pthread_cond_timedwait(&more, &mutex, &t) == ETIMEDOUT) break;
  idle--;
  struct offload *job = first;
  if (!job) return NULL;
  first = job->next;
  if (!first) last = NULL;
  return job;
}

// A loop can't end while a task of it waits, so it is there as long as the job names it.
static void give_back(struct offload *job) {
  struct loop *loop = job->loop;
  if (!loop) {
    job->drop(job);
    return;
  }
  job->next = loop->back;
  loop->back = job;
  program_ask(loop->seat, ATTENTION_BACK);
}

static void *help(void *nothing) {
  struct offload *job;
  (void)nothing;
  prctl(PR_SET_NAME, "heddle helper");
  pthread_mutex_lock(&mutex);
  while ((job = next_job())) {
    pthread_mutex_unlock(&mutex);
    job->work(job);
    pthread_mutex_lock(&mutex);
    give_back(job);
  }
  helpers--;
  pthread_mutex_unlock(&mutex);
  return NULL;
}

static bool start_helper(void) {
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t all, old;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  pthread_attr_setstacksize(&attributes, STACK);
#endif
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  bool started = pthread_create(&thread, &attributes, help, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_attr_destroy(&attributes);
  return started;
}

// Returns false when there is no helper and none can be started.
static bool hand_over(struct offload *job) {
  pthread_mutex_lock(&mutex);
  bool wanted = idle == 0 || first;
  if (wanted && helpers < MOST_HELPERS && start_helper()) helpers++;
  bool fine = helpers > 0;
  if (fine) {
    if (last)
      last->next = job;
    else
      first = job;
    last = job;
    pthread_cond_signal(&more);
  }
  pthread_mutex_unlock(&mutex);
  return fine;
}

// In a forked child: the helpers and what they had are the parent's.
void offload_after_fork(void) {
  pthread_mutex_init(&mutex, NULL);
  pthread_cond_init(&more, NULL);
  first = last = NULL;
  helpers = idle = 0;
}

// the task's side ------------------------------------------------------------------------------

// Lets the tasks whose jobs are done go on.
void offload_take_back(struct loop *loop) {
  pthread_mutex_lock(&mutex);
  struct offload *job = loop->back;
  loop->back = NULL;
  pthread_mutex_unlock(&mutex);
  while (job) {
    struct offload *next = job->next;
    job->done = true;
    loop->jobs--;
    if (job->task)
      loop_ready(loop, job->task);
    else
      job->drop(job);
    job = next;
  }
}

static bool attempt(void *object, struct park_self *self) {
  struct offload *job = object;
  if (!self->enlist) return false;
  if (job->done) return self->entered = false, true;
  if (self->entered) return false;
  job->task = loop_self->current;
  job->loop = loop_self;
  loop_self->jobs++;
  self->handed = self->entered = hand_over(job);
  self->closed = !self->entered;
  if (self->closed) loop_self->jobs--;
  return self->closed;
}

// The task gives up. The job may be on its way back, or be running still.
static void leave(void *object, struct park_self *self) {
  struct offload *job = object;
  struct loop *loop = job->loop;
  (void)self;
  pthread_mutex_lock(&mutex);
  bool done = job->done, back = done;
  for (const struct offload *b = loop->back; b && !back; b = b->next)
    back = b == job;
  job->task = NULL;
  if (!back) {
    job->loop = NULL;
    loop->jobs--;
  }
  pthread_mutex_unlock(&mutex); // from here on a helper may free it
  if (done) job->drop(job);
}

static int finish(lua_State *L, void *object, struct park_self *self, bool got) {
  struct offload *job = object;
  if (got && !self->closed) return job->push(L, job);
  if (!self->handed) job->drop(job); // else it ends by itself
  if (self->closed) return luaL_error(L, "no thread can be started");
  lua_pushnil(L);
  lua_pushliteral(L, "timeout");
  return 2;
}

static const struct loop_op wait_op = {
    .name = "offload", .attempt = attempt, .leave = leave, .finish = finish};

// Has a helper thread do the job while the running task waits; then job->push pushes the results
// and frees the job. Where the task gives up, by time-out (seconds, < 0: none) or cancel, the job
// is dropped when its work has ended. Raises, the job dropped, when no thread can be had or the
// task can't wait. Tail position.
int offload_wait(lua_State *L, const char *function, struct offload *job, double timeout) {
  struct park_self ask = {0};
  if (!loop_may_block(L) || task_interrupted(loop_self->current)) {
    job->drop(job);
    return loop_cannot_block(L, function);
  }
  return loop_block(L, &wait_op, job, &ask, timeout);
}
