#include "worker/worker.h"

#include "value/value.h"

#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(struct worker) <= ARENA_CELL, "a worker fits into its cell");

// the object -----------------------------------------------------------------------------------

static bool has_ended(const struct sync_object *object) {
  return ((const struct worker *)object)->ended;
}

static bool take_end(struct sync_object *object, struct park_self *self) {
  (void)self;
  return has_ended(object);
}

static const struct sync_wait end_wait = {0, take_end, has_ended};

static void settle(struct sync_object *object) {
  if (has_ended(object)) park_kick_all(&object->waiters[0]);
}

// Throws a message away that nobody took.
void worker_drop_message(uint64_t *block, uint64_t size) {
  uint64_t at = *block;
  *block = 0; // first: what it holds must not be given back twice if this process dies
  if (!at || !arena_is_block(at, size)) return;
  value_drop(arena_at(at), size);
  arena_free(at);
}

// What the message that it is to start with holds is that process's from now on, and given back
// with the rest of what that has. A process's starter does this before there is one: whenever it is
// killed, nothing stays behind.
void worker_claim_start(struct worker *w, uint32_t process) {
  w->start_claimed = 1; // first: nothing must be given back twice if this process dies
  guard_step();
  value_claim(arena_at(w->start), w->start_size, process);
}

// Throws the message away that it was to start with.
void worker_drop_start(struct worker *w) {
  uint64_t at = w->start;
  if (!w->start_claimed) {
    worker_drop_message(&w->start, w->start_size);
  } else if (at) {
    w->start = 0;
    arena_free(at);
  }
}

static void release(struct sync_object *object) {
  struct worker *w = (struct worker *)object;
  worker_drop_start(w);
  worker_drop_message(&w->end, w->end_size);
}

static void describe(struct sync_object *object, char *text, size_t size) {
  snprintf(text, size, "%s", worker_status((struct worker *)object));
}

const struct sync_class worker_class = {"Worker", settle, NULL, release, NULL, describe};

// The object of a worker to be. NULL when the arena is full.
struct worker *worker_create(enum worker_model model) {
  struct worker *w = (struct worker *)sync_create(SYNC_WORKER);
  if (!w) return NULL;
  w->model = (uint8_t)model;
  w->id = atomic_fetch_add(&arena->next_id, 1);
  w->starter = program_slot;
  return w;
}

// Its state in API's words.
const char *worker_status(const struct worker *w) {
  static const char *const ends[] = {"failed", "done", "failed", "cancelled", "failed"};
  if (!worker_begun(w)) return "pending";
  if (w->ended) return ends[w->outcome];
  uint32_t seat = w->seat; // its end may set it to 0 at any moment
  return seat && program_seat(seat - 1)->bell != BELL_AWAKE ? "blocked" : "running";
}

// Whether it was started, be it over by now. (It ends before it gives its seat up: read in the
// other order than worker_finish writes, one of them is seen.)
bool worker_begun(const struct worker *w) { return w->seat || w->process || w->ended; }

// Nothing of it runs any more: who waits for that is woken. The first outcome stays.
void worker_finish(struct worker *w, enum worker_outcome outcome) {
  uint32_t none = OUTCOME_NONE;
  atomic_compare_exchange_strong(&w->outcome, &none, outcome);
  sync_begin(&w->head);
  w->ended = 1;
  w->seat = 0;
  sync_end(&w->head);
  if (w->process && !w->pid) process_pid_known(w, 0);
}

// As a loop_op's attempt and leave: waits for the worker's end.
bool worker_attempt_end(void *object, struct park_self *self) {
  return sync_attempt(object, &end_wait, self);
}
void worker_leave_end(void *object, struct park_self *self) { sync_leave(object, &end_wait, self); }

// Asks a worker to stop; false if it has ended. For good: it is made to look at once if it is a
// thread of this process.
bool worker_cancel(struct worker *w, bool hard) {
  uint32_t seat = w->seat;
  if (w->ended || seat == 0) return false;
  if (hard) w->hard = 1;
  atomic_fetch_add(&w->cancels, 1);
  program_ask(seat - 1, ATTENTION_WORKER);
  const struct program_seat *s = program_seat(seat - 1);
  if (hard && s->used == program_slot + 1 && s->tid) gil_ask_to_look(s->tid);
  return true;
}
