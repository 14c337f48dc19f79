#include "sync/lock.h"

#include "base/clock.h"
#include "base/program.h"

#include <stdio.h>

#define HELD ((uint64_t)0xffff)
#define TOLD ((uint64_t)1 << 29)
#define ABANDONED ((uint64_t)1 << 30)
#define WAITED ((uint64_t)1 << 31)

// How many of this thread's tasks stand in line for a lock: they are served before its others.
static _Thread_local int in_line;

static uint64_t held_by(const struct park_self *self) {
  return (uint64_t)self->task << 32 | (program_slot + 1);
}

// Under the guard: marks the lock as waited for, so that its holder's release comes through the
// guard. Returns the holder's word with the mark.
static uint64_t mark_waited(struct sync_lock *lock) {
  return atomic_fetch_or(&lock->holder, WAITED) | WAITED;
}

static bool take(struct sync_object *object, struct park_self *self) {
  struct sync_lock *lock = (struct sync_lock *)object;
  uint64_t word = mark_waited(lock);
  if (word & HELD) return false;
  self->abandoned = (word & ABANDONED) != 0;
  object->cycle = 0;
  guard_step();
  // with the mark set nobody else changes the word
  atomic_store(&lock->holder, held_by(self) | WAITED);
  guard_step();
  return true;
}

// The mark stays only while somebody waits; a free lock's first waiter is kicked. Until that one
// has come, others may take the lock and give it back without the guard, as long as they may
// overtake.
static void settle(struct sync_object *object) {
  struct sync_lock *lock = (struct sync_lock *)object;
  const struct park_list *line = &object->waiters[0];
  uint64_t word = mark_waited(lock) & ~TOLD;
  guard_step();
  if (!(word & HELD)) park_kick(line);
  if (line->first == 0 && !(word & ABANDONED)) {
    word &= ~WAITED;
  } else if (!(word & (HELD | ABANDONED))) {
    atomic_store_explicit(&lock->patience, park_patience(line), memory_order_relaxed);
    word = TOLD;
  }
  atomic_store(&lock->holder, word);
  guard_step();
}

static void bury(struct sync_object *object, uint32_t process) {
  struct sync_lock *lock = (struct sync_lock *)object;
  if ((lock->holder & HELD) != process + 1) return;
  sync_begin(object);
  if ((mark_waited(lock) & HELD) == process + 1) atomic_store(&lock->holder, WAITED | ABANDONED);
  sync_end(object);
}

static void describe(struct sync_object *object, char *text, size_t size) {
  snprintf(text, size, "%s", sync_lock_is_held((struct sync_lock *)object) ? "held" : "free");
}

const struct sync_class sync_lock_class = {"Lock", settle, NULL, NULL, bury, describe};
static const struct sync_wait wait = {0, take, NULL};

// A new lock, free. NULL when the arena is full.
struct sync_lock *sync_lock_create(void) {
  return (struct sync_lock *)sync_create(SYNC_LOCK);
}

static bool change(struct sync_lock *lock, uint64_t *word, uint64_t next, memory_order order) {
  bool changed = atomic_compare_exchange_strong_explicit(&lock->holder, word, next, order,
                                                         memory_order_relaxed);
  if (changed) guard_step();
  return changed;
}

static bool may_overtake(struct sync_lock *lock) {
  return in_line == 0 &&
         clock_recent() < atomic_load_explicit(&lock->patience, memory_order_relaxed);
}

// Without the guard, by one who stands in no line.
static bool take_at_once(struct sync_lock *lock, const struct park_self *self) {
  uint64_t word = 0;
  if (change(lock, &word, held_by(self), memory_order_acquire)) return true;
  return word == TOLD && may_overtake(lock) &&
         change(lock, &word, held_by(self) | TOLD, memory_order_acquire);
}

// Takes the lock for self->task, or stands in line (see sync_attempt). self->abandoned tells
// whether its last holder's process ended with it.
bool sync_lock_attempt(struct sync_lock *lock, struct park_self *self) {
  bool stood = self->record != 0;
  self->abandoned = false;
  if (!stood && take_at_once(lock, self)) return true;
  bool got = sync_attempt(&lock->head, &wait, self);
  in_line += (self->record != 0) - stood;
  return got;
}

// Gives the place in line up.
void sync_lock_leave(struct sync_lock *lock, struct park_self *self) {
  in_line -= self->record != 0;
  sync_leave(&lock->head, &wait, self);
}

static bool release_waited(struct sync_lock *lock) {
  sync_begin(&lock->head);
  uint64_t word = mark_waited(lock);
  guard_step();
  if (word & HELD) atomic_store(&lock->holder, WAITED);
  guard_step();
  sync_end(&lock->head);
  return (word & HELD) != 0;
}

// Gives the lock up, whoever took it. Returns false if it was not held.
bool sync_lock_release(struct sync_lock *lock) {
  uint64_t word = atomic_load_explicit(&lock->holder, memory_order_relaxed);
  if ((word & HELD) == 0) return false;
  if (!(word & WAITED) && change(lock, &word, word & TOLD, memory_order_release)) return true;
  return release_waited(lock);
}

// Whether it is held, or on its way to its first waiter.
bool sync_lock_is_held(const struct sync_lock *lock) {
  return (lock->holder & HELD) != 0 || lock->head.waiters[0].first != 0;
}

// Who holds it; false if nobody does.
bool sync_lock_holder(const struct sync_lock *lock, uint32_t *process, uint32_t *task) {
  uint64_t word = lock->holder;
  *process = (uint32_t)(word & HELD) - 1;
  *task = (uint32_t)(word >> 32);
  return (word & HELD) != 0;
}
