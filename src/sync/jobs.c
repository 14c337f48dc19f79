#include "sync/jobs.h"

#include "sync/traced.h"
#include "trace/trace.h"

static bool is_full(const struct sync_queue *q) {
  return q->maxsize && q->puts - q->gets >= q->maxsize;
}

// Under the guard: puts a message, without a look at the limit.
static bool append(struct sync_queue *q, struct sync_message *message) {
  if (!sync_queue_append(q, message)) return false;
  q->puts++;
  guard_step();
  if (trace_on()) sync_trace_depth(&q->head, q->puts - q->gets);
  return true;
}

// Puts a job and tells its place, from 1. Does not wait. Urgent: the limit does not count.
enum jobs_posted jobs_post(struct sync_queue *q, struct sync_message *message, bool urgent,
                           uint64_t *place) {
  enum jobs_posted posted = JOBS_POSTED;
  sync_begin(&q->head);
  if (q->closed)
    posted = JOBS_CLOSED;
  else if (!urgent && is_full(q))
    posted = JOBS_FULL;
  else if (!append(q, message))
    posted = JOBS_NO_MEMORY;
  *place = q->puts;
  sync_end(&q->head);
  return posted;
}

// Puts an answer. Quietly: nobody is woken, whoever waits for it learns of it by jobs_kick or with
// the next one. Returns false when the arena is full.
bool jobs_answer(struct sync_queue *q, struct sync_message *message, bool quiet) {
  sync_begin(&q->head);
  bool fine = append(q, message);
  if (quiet)
    guard_unlock(&q->head.guard);
  else
    sync_end(&q->head);
  return fine;
}

// Wakes who waits for what was put quietly.
void jobs_kick(struct sync_queue *q) {
  sync_begin(&q->head);
  sync_end(&q->head);
}

static bool take(struct sync_object *object, struct park_self *self) {
  struct sync_queue *q = (struct sync_queue *)object;
  struct jobs_taker *taker = self->out;
  bool any = q->puts != q->gets;
  self->closed = !any && q->closed;
  if (!any) return q->closed;
  taker->place = q->gets + 1;
  if (taker->claim) *taker->claim = taker->place;
  guard_step();
  if (trace_on()) sync_trace_depth(object, q->puts - taker->place);
  taker->message.into = &taker->bytes;
  return sync_queue_take(q, &taker->message);
}

static bool see_room(struct sync_object *object, struct park_self *self) {
  const struct sync_queue *q = (const struct sync_queue *)object;
  self->closed = q->closed;
  return q->closed || !is_full(q);
}

static bool is_drained(const struct sync_object *object) {
  const struct sync_queue *q = (const struct sync_queue *)object;
  return q->closed && q->puts == q->gets;
}

static bool is_closed(const struct sync_object *object) {
  return ((const struct sync_queue *)object)->closed;
}

static const struct sync_wait to_take = {SYNC_GETTERS, take, is_drained};
static const struct sync_wait for_room = {SYNC_PUTTERS, see_room, is_closed};

// Takes a job or an answer: self->out is a jobs_taker. self->closed: closed and drained.
bool jobs_take(struct sync_queue *q, struct park_self *self) {
  return sync_attempt(&q->head, &to_take, self);
}

// Waits until a post would not find it full; another may be quicker. self->closed: it is closed.
bool jobs_wait_for_room(struct sync_queue *q, struct park_self *self) {
  return sync_attempt(&q->head, &for_room, self);
}

// How many jobs were ever taken: those whose place is at most this.
uint64_t jobs_taken(struct sync_queue *q) {
  sync_begin(&q->head);
  uint64_t taken = q->gets;
  sync_end(&q->head);
  return taken;
}
